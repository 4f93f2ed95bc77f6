-- Every batch in the ledger is accounted for: with the rows that COPY reported and the landing table holds, and with
-- the listens, duplicates and rejects that are there now.
with

ledger as (

    select
        loaded_at,
        sum(landed_count) as landed_count
    from {{ source('landing', 'loaded_files') }}
    where
        table_name = 'streams'
        and {{ is_built_since_last_success('stream_batches') }}
    group by loaded_at

),

{% set counted = {
    'landed': source('landing', 'streams'),
    'listens': ref('fct_listens'),
    'duplicates': ref('duplicate_streams'),
    'rejects': ref('rejected_streams'),
} -%}
{% for name, relation in counted.items() -%}
    {{ name }} as (

        select
            loaded_at,
            count(*) as counted
        from {{ relation }}
        where {{ is_built_since_last_success('stream_batches') }}
        group by loaded_at

    ),

{% endfor -%}

batches as (

    select * from {{ ref('stream_batches') }}

)

select
    ledger.loaded_at,
    ledger.landed_count as rows_in_the_ledger,
    {% for name in counted -%}
        coalesce({{ name }}.counted, 0) as {{ name }},
    {% endfor -%}
    batches.landed_count as rows_accounted_for,
    batches.listen_count,
    batches.duplicate_count,
    batches.reject_count
from ledger
left join batches on ledger.loaded_at = batches.loaded_at
{% for name in counted -%}
    left join {{ name }} on ledger.loaded_at = {{ name }}.loaded_at
{% endfor -%}
where
    ledger.landed_count <> coalesce(landed.counted, 0)
    or ledger.landed_count <> coalesce(batches.landed_count, -1)
    or batches.listen_count <> coalesce(listens.counted, 0)
    or batches.duplicate_count <> coalesce(duplicates.counted, 0)
    or batches.reject_count <> coalesce(rejects.counted, 0)
