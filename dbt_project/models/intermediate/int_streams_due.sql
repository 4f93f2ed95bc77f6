{{ config(dist='track_id', sort='loaded_at', grants={'select': []}) }}

with

streams as (

    select * from {{ ref('stg_streams') }}

),

keep_due_batches as (

    select
        user_id,
        track_id,
        listen_time,
        listen_date,
        listen_time_text,
        reject_reason,
        loaded_at
    from streams
    where {{ is_batch_of_the_plan('loaded_at') }}

)

select * from keep_due_batches
