-- What the last day and the days that it may be compared with counted when they were first built after they were over:
-- listens that arrived later are left out, so that a new day is compared with days of its own age.
with

day_builds as (

    select
        listen_date,
        min(built_at) as built_at
    from {{ marts }}.day_builds
    where
        model_name = 'listening_kpis_daily'
        and listen_date in ('{{ last_day }}', '{{ day_before }}', '{{ week_before }}')
        and built_at >= dateadd(day, 1, listen_date)
    group by listen_date

),

listens as (

    select
        listen_date,
        user_id,
        track_id,
        loaded_at
    from {{ marts }}.fct_listens
    where listen_date in ('{{ last_day }}', '{{ day_before }}', '{{ week_before }}')

),

songs as (

    select
        track_id,
        duration_ms
    from {{ marts }}.dim_songs

)

select
    listens.listen_date,
    day_builds.built_at,
    count(*) as listen_count,
    count(distinct listens.user_id) as unique_listeners,
    count(distinct listens.track_id) as unique_tracks,
    cast(count(distinct listens.track_id) as double precision) / count(*) as track_diversity_index,
    sum(cast(songs.duration_ms as decimal(38, 0))) as total_duration_ms
from listens
inner join day_builds on listens.listen_date = day_builds.listen_date
left join songs on listens.track_id = songs.track_id
where listens.loaded_at <= day_builds.built_at
group by listens.listen_date, day_builds.built_at
order by listens.listen_date;
