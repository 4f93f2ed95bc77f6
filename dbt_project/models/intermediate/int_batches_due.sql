{{
    config(
        dist='all',
        pre_hook=['{{ open_transaction() }}', '{{ carry_out_requests() }}', '{{ delete_all_rows() }}'],
    )
}}

with

loaded_files as (

    select * from {{ source('landing', 'loaded_files') }}

),

transformed_batches as (

    select * from {{ source('bookkeeping', 'transformed_batches') }}

),

passed_batches as (

    select * from {{ source('bookkeeping', 'passed_batches') }}

),

list_batches as (

    select
        loaded_at,
        max(batch_number) as batch_number,
        sum(sum(size_bytes)) over (
            order by max(batch_number)
            rows between unbounded preceding and current row
        ) as total_bytes
    from loaded_files
    where table_name = 'streams'
    group by loaded_at

),

list_models as (

    {% for model_name in models_tagged('by_batch') -%}
        select cast('{{ model_name }}' as varchar(128)) as model_name
        {{ 'union all' if not loop.last }}
    {% else -%}
        select cast(null as varchar(128)) as model_name
    {% endfor %}

),

keep_batches_not_done as (

    select
        list_models.model_name,
        list_batches.loaded_at,
        list_batches.batch_number,
        list_batches.total_bytes - min(list_batches.total_bytes) over ()
        <= {{ limit_of('KPI_MAX_BYTES_PER_LOAD') }} as is_taken
    from list_models
    cross join list_batches
    left join transformed_batches
        on
            list_models.model_name = transformed_batches.model_name
            and list_batches.loaded_at = transformed_batches.loaded_at
    left join passed_batches on list_batches.loaded_at = passed_batches.loaded_at
    where
        transformed_batches.loaded_at is null
        or passed_batches.loaded_at is null

)

select * from keep_batches_not_done
