-- Every batch in the ledger is accounted for, with the rows that COPY reported and that the landing table holds.
with

ledger as (

    select
        loaded_at,
        sum(landed_count) as landed_count
    from {{ source('landing', 'loaded_files') }}
    where
        table_name = 'streams'
        and {{ is_of_this_run('stream_batches') }}
    group by loaded_at

),

landed as (

    select
        loaded_at,
        count(*) as landed_count
    from {{ source('landing', 'streams') }}
    where {{ is_of_this_run('stream_batches') }}
    group by loaded_at

),

batches as (

    select * from {{ ref('stream_batches') }}

)

select
    ledger.loaded_at,
    ledger.landed_count as rows_in_the_ledger,
    landed.landed_count as rows_in_the_landing_table,
    batches.landed_count as rows_accounted_for
from ledger
left join landed on ledger.loaded_at = landed.loaded_at
left join batches on ledger.loaded_at = batches.loaded_at
where
    ledger.landed_count <> coalesce(landed.landed_count, 0)
    or ledger.landed_count <> coalesce(batches.landed_count, -1)
