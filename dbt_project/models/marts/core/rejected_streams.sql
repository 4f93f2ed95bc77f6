{{ config(sort='loaded_at', dist='even') }}

{{ require_every_batch_in_the_plan() }}

with

streams as (

    select * from {{ ref('int_streams_due') }}

),

keep_rejects_of_due_batches as (

    select
        user_id,
        track_id,
        listen_time_text,
        reject_reason,
        loaded_at
    from streams
    where
        reject_reason is not null
        and {{ is_due_batch('loaded_at') }}

)

select * from keep_rejects_of_due_batches
