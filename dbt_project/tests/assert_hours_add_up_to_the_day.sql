-- A day's hours hold its listens, and no other's.
with

hours as (

    select
        listen_date,
        sum(listen_count) as listen_count
    from {{ ref('listening_kpis_hourly') }}
    where {{ is_built_since_last_success('listening_kpis_hourly', 'listening_kpis_daily') }}
    group by listen_date

),

days as (

    select
        listen_date,
        listen_count
    from {{ ref('listening_kpis_daily') }}
    where {{ is_built_since_last_success('listening_kpis_hourly', 'listening_kpis_daily') }}

)

select
    hours.listen_count as listens_by_hour,
    days.listen_count as listens_of_the_day,
    coalesce(hours.listen_date, days.listen_date) as listen_date
from hours
full outer join days on hours.listen_date = days.listen_date
where coalesce(hours.listen_count, 0) <> coalesce(days.listen_count, 0)
