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

batches_due as (

    select * from {{ ref('int_batches_due') }}

),

days_not_built as (

    select * from {{ ref('int_days_not_built') }}

),

count_batches_left as (

    select count(*) as batch_count
    from batches_due
    where not is_taken

),

number_days as (

    select
        model_name,
        listen_date,
        version,
        dense_rank() over (order by listen_date {{ newest_or_oldest_first() }}) as day_number
    from days_not_built

),

take_a_portion as (

    select
        number_days.model_name,
        number_days.listen_date,
        number_days.version,
        count_batches_left.batch_count = 0
        and number_days.day_number <= {{ limit_of('KPI_MAX_DAYS_PER_RUN') }} as is_taken
    from number_days
    cross join count_batches_left

)

select * from take_a_portion
