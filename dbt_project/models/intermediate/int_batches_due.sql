{{
    config(
        dist='all',
        pre_hook='{{ forget_passed_batches() }}',
    )
}}

with

loaded_files as (

    select * from {{ source('landing', 'loaded_files') }}

),

transformed_batches as (

    select * from {{ source('bookkeeping', 'transformed_batches') }}

),

list_batches as (

    select distinct loaded_at
    from loaded_files
    where table_name = 'streams'

),

list_models as (

    {% for model_name in models_tagged('by_batch') -%}
        select cast('{{ model_name }}' as varchar(128)) as model_name
        {{ 'union all' if not loop.last }}
    {% else -%}
        select cast(null as varchar(128)) as model_name
    {% endfor %}

),

find_passed_batches as (

    select distinct loaded_at
    from transformed_batches
    where model_name = '{{ passed() }}'

),

keep_batches_not_done as (

    select
        list_models.model_name,
        list_batches.loaded_at
    from list_models
    cross join list_batches
    left join transformed_batches
        on
            list_models.model_name = transformed_batches.model_name
            and list_batches.loaded_at = transformed_batches.loaded_at
    left join find_passed_batches on list_batches.loaded_at = find_passed_batches.loaded_at
    where
        transformed_batches.loaded_at is null
        or find_passed_batches.loaded_at is null
    group by list_models.model_name, list_batches.loaded_at

)

select * from keep_batches_not_done
