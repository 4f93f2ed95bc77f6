{{ config(dist='all') }}

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

keep_batches_not_transformed as (

    select
        list_models.model_name,
        list_batches.loaded_at
    from list_models
    cross join list_batches
    left join transformed_batches
        on
            list_models.model_name = transformed_batches.model_name
            and list_batches.loaded_at = transformed_batches.loaded_at
    {% if not should_full_refresh() %}
        where transformed_batches.loaded_at is null
    {% endif %}
    group by list_models.model_name, list_batches.loaded_at

)

select * from keep_batches_not_transformed
