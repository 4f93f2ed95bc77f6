-- The KPIs of a day hold all the listens that the fact has of it: a day that should have been rebuilt shows here.
with

listens as (

    select
        listen_date,
        count(*) as listen_count
    from {{ ref('fct_listens') }}
    where {{ is_built_since_last_success('listening_kpis_daily') }}
    group by listen_date

),

days as (

    select
        listen_date,
        listen_count
    from {{ ref('listening_kpis_daily') }}
    where {{ is_built_since_last_success('listening_kpis_daily') }}

)

select
    listens.listen_count as listens_in_the_fact,
    days.listen_count as listens_in_the_kpi,
    coalesce(listens.listen_date, days.listen_date) as listen_date
from listens
full outer join days on listens.listen_date = days.listen_date
where coalesce(listens.listen_count, 0) <> coalesce(days.listen_count, 0)
