{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='loaded_at',
        incremental_predicates=["{{ is_due_batch('DBT_INTERNAL_DEST.loaded_at') }}"],
        sort='loaded_at',
        dist='all',
        tags=['by_batch'],
        pre_hook='{{ open_transaction() }}',
        post_hook='{{ record_batches() }}',
    )
}}

with

loaded_files as (

    select * from {{ source('landing', 'loaded_files') }}
    where
        table_name = 'streams'
        and {{ is_due_batch('loaded_at') }}

),

{% for name, model_name in {
    'listens': 'fct_listens', 'duplicates': 'duplicate_streams', 'rejects': 'rejected_streams'
}.items() -%}
    count_{{ name }} as (

        select
            loaded_at,
            count(*) as counted
        from {{ ref(model_name) }}
        where {{ is_due_batch('loaded_at') }}
        group by loaded_at

    ),

{% endfor -%}

sum_files as (

    select
        loaded_at,
        count(*) as file_count,
        sum(landed_count) as landed_count,
        sum(refused_line_count) as refused_line_count
    from loaded_files
    group by loaded_at

),

combine_counts as (

    select
        sum_files.loaded_at,
        cast(sum_files.file_count as integer) as file_count,
        cast(sum_files.landed_count as bigint) as landed_count,
        cast(sum_files.refused_line_count as bigint) as refused_line_count,
        coalesce(count_listens.counted, 0) as listen_count,
        coalesce(count_duplicates.counted, 0) as duplicate_count,
        coalesce(count_rejects.counted, 0) as reject_count
    from sum_files
    left join count_listens on sum_files.loaded_at = count_listens.loaded_at
    left join count_duplicates on sum_files.loaded_at = count_duplicates.loaded_at
    left join count_rejects on sum_files.loaded_at = count_rejects.loaded_at

)

select * from combine_counts
