-- Each hour of the day: the last day's listens, and how many the days before it had on average.
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

),

count_days_before as (

    select nullif(count(distinct listen_date), 0) as day_count
    from hours
    where listen_date < '{{ last_day }}'

),

sum_hours as (

    select
        hour_of_day,
        sum(case when listen_date = '{{ last_day }}' then listen_count else 0 end) as listen_count,
        sum(case when listen_date < '{{ last_day }}' then listen_count else 0 end) as listen_count_before
    from hours
    group by hour_of_day

)

select
    sum_hours.hour_of_day,
    sum_hours.listen_count,
    cast(sum_hours.listen_count_before as double precision) / count_days_before.day_count as mean_before
from sum_hours
cross join count_days_before
order by sum_hours.hour_of_day;
