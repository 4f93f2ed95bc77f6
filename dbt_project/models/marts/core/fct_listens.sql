{{ config(sort=['listen_date', 'loaded_at'], dist='track_id') }}

{{ require_every_batch_in_the_plan() }}

with

streams as (

    select * from {{ ref('int_streams_due') }}

),

batches as (

    select distinct
        batch_number,
        loaded_at
    from {{ ref('int_batches_due') }}

),

keep_due_batches as (

    select
        user_id,
        track_id,
        listen_time,
        listen_date,
        batch_number
    from streams
    where
        reject_reason is null
        and {{ is_due_batch('loaded_at') }}

),

keep_first_of_each as (

    select
        user_id,
        track_id,
        listen_time,
        listen_date,
        min(batch_number) as batch_number
    from keep_due_batches
    group by user_id, track_id, listen_time, listen_date

),

keep_new_listens as (

    select
        keep_first_of_each.user_id,
        keep_first_of_each.track_id,
        keep_first_of_each.listen_time,
        keep_first_of_each.listen_date,
        batches.loaded_at
    from keep_first_of_each
    inner join batches on keep_first_of_each.batch_number = batches.batch_number
    {% if is_incremental() %}
        left join {{ this }} as known_listens
            on
                keep_first_of_each.listen_date = known_listens.listen_date
                and keep_first_of_each.listen_time = known_listens.listen_time
                and keep_first_of_each.user_id = known_listens.user_id
                and keep_first_of_each.track_id = known_listens.track_id
                and {{ is_day_of_due_batch('known_listens.listen_date') }}
        where known_listens.listen_date is null
    {% endif %}

)

select * from keep_new_listens
