-- Each hour of the day: the last day's listens, and how many the days had on average that it is compared with.
with

hours as (

    select
        listen_date,
        listen_count,
        date_part(hour, listen_hour) as hour_of_day
    from {{ listening_kpis_hourly }}
    where
        listen_hour >= '{{ first_day }}'
        and listen_hour < '{{ day_after }}'

)

select
    hour_of_day,
    sum(case when listen_date = '{{ last_day }}' then listen_count else 0 end) as listen_count,
    cast(sum(case when listen_date in ({{ baseline_days }}) then listen_count else 0 end) as double precision)
    / nullif({{ baseline_count }}, 0) as mean_before
from hours
group by hour_of_day
order by hour_of_day;
