{{ config(sort='loaded_at', dist='all') }}

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

count_reasons as (

    select
        loaded_at,
        reject_reason,
        row_number() over (
            partition by loaded_at
            order by count(*) desc, reject_reason asc
        ) as reason_rank
    from {{ ref('rejected_streams') }}
    where {{ is_due_batch('loaded_at') }}
    group by loaded_at, reject_reason

),

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
        count_reasons.reject_reason as main_reject_reason,
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
    left join count_reasons
        on
            sum_files.loaded_at = count_reasons.loaded_at
            and count_reasons.reason_rank = 1

)

select * from combine_counts
