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

day_versions as (

    select * from {{ source('bookkeeping', 'day_versions') }}

),

day_builds as (

    select * from {{ source('bookkeeping', 'day_builds') }}

),

find_built_versions as (

    select
        model_name,
        listen_date,
        max(version) as version
    from day_builds
    group by model_name, listen_date

),

list_models as (

    {{ list_models_tagged('kpi') }}

),

keep_days_not_built as (

    select
        list_models.model_name,
        day_versions.listen_date,
        day_versions.version,
        dense_rank() over (order by day_versions.listen_date {{ newest_or_oldest_first() }}) as position
    from list_models
    cross join day_versions
    left join find_built_versions
        on
            list_models.model_name = find_built_versions.model_name
            and day_versions.listen_date = find_built_versions.listen_date
    where
        find_built_versions.version is null
        or find_built_versions.version < day_versions.version

),

take_a_portion as (

    select
        model_name,
        listen_date,
        version,
        position <= {{ limit_of('KPI_MAX_DAYS_PER_RUN') }}
        and not exists (select 1 from batches_due where not is_taken) as is_taken
    from keep_days_not_built

)

select * from take_a_portion
