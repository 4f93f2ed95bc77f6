-- No listen and no record of work is of a batch that the ledger does not have. A batch that was taken out of the
-- landing tables leaves both behind until a full refresh has been carried out.
-- depends_on: {{ ref('listening_kpis_daily') }}
with

ledger as (

    select * from {{ source('landing', 'loaded_files') }}
    where table_name = 'streams'

),

listens as (

    select * from {{ ref('fct_listens') }}
    where {{ is_built_since_last_success('listening_kpis_daily') }}

),

transformed_batches as (

    select * from {{ source('bookkeeping', 'transformed_batches') }}
    where model_name = 'fct_listens'

),

list_batches as (

    select
        listen_date,
        loaded_at,
        count(*) as listen_count
    from listens
    group by listen_date, loaded_at
    union all
    select
        cast(null as date) as listen_date,
        loaded_at,
        0 as listen_count
    from transformed_batches

)

select
    list_batches.listen_date,
    list_batches.loaded_at,
    list_batches.listen_count
from list_batches
left join ledger on list_batches.loaded_at = ledger.loaded_at
where ledger.loaded_at is null
