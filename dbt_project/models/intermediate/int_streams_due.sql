{{
    config(
        dist='track_id',
        sort='loaded_at',
        grants={'select': []},
        pre_hook=['{{ open_transaction() }}', '{{ delete_all_rows() }}'],
    )
}}

with

streams as (

    select * from {{ ref('stg_streams') }}
    where {{ is_batch_of_the_plan('loaded_at') }}

),

batches as (

    select distinct
        batch_number,
        loaded_at
    from {{ ref('int_batches_due') }}

),

add_batch_number as (

    select
        streams.user_id,
        streams.track_id,
        streams.listen_time,
        streams.listen_date,
        streams.listen_time_text,
        streams.reject_reason,
        streams.loaded_at,
        batches.batch_number
    from streams
    inner join batches on streams.loaded_at = batches.loaded_at

)

select * from add_batch_number
