{{ config(materialized='view') }}

with

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

    {% for model_name in models_tagged('kpi') -%}
        select cast('{{ model_name }}' as varchar(128)) as model_name
        {{ 'union all' if not loop.last }}
    {% else -%}
        select cast(null as varchar(128)) as model_name
    {% endfor %}

),

keep_days_not_built as (

    select
        list_models.model_name,
        day_versions.listen_date,
        day_versions.version
    from list_models
    cross join day_versions
    left join find_built_versions
        on
            list_models.model_name = find_built_versions.model_name
            and day_versions.listen_date = find_built_versions.listen_date
    where
        find_built_versions.version is null
        or find_built_versions.version < day_versions.version

)

select * from keep_days_not_built
