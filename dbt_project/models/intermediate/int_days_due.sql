{{
    config(
        dist='all',
        pre_hook=['{{ open_transaction() }}', '{{ delete_all_rows() }}'],
        post_hook='{{ record_passed_batches() }}',
    )
}}

-- depends_on: {{ ref('dim_songs') }}
-- depends_on: {{ ref('stream_batches') }}

with

days_not_built as (

    select * from {{ ref('int_days_not_built') }}

),

copy_days as (

    select
        model_name,
        listen_date,
        version
    from days_not_built

)

select * from copy_days
