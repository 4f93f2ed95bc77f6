-- A day whose listens credit an artist has top artists, by day and by hour: a build that was recorded and whose rows
-- got lost shows here.
-- Only days that were built from the newest catalogue count, since older ones keep the artists of their time.
with

listens as (

    select * from {{ ref('fct_listens') }}
    where {{ is_built_since_last_success('top_artists_per_day', 'top_artists_per_hour') }}

),

track_artists as (

    select * from {{ ref('int_track_artists') }}

),

top_artists_per_day as (

    select * from {{ ref('top_artists_per_day') }}
    where {{ is_built_since_last_success('top_artists_per_day', 'top_artists_per_hour') }}

),

top_artists_per_hour as (

    select * from {{ ref('top_artists_per_hour') }}
    where {{ is_built_since_last_success('top_artists_per_day', 'top_artists_per_hour') }}

),

find_newest_builds as (

    select
        model_name,
        listen_date,
        max(built_at) as built_at
    from {{ source('bookkeeping', 'day_builds') }}
    where model_name in ('top_artists_per_day', 'top_artists_per_hour')
    group by model_name, listen_date

),

find_catalogue as (

    select max(recorded_at) as recorded_at
    from {{ source('bookkeeping', 'transformed_batches') }}
    where model_name = 'int_track_artists'

),

list_days_with_artists as (

    select distinct listens.listen_date
    from listens
    inner join track_artists on listens.track_id = track_artists.track_id

),

list_days_with_top_artists as (

    select
        'top_artists_per_day' as model_name,
        listen_date
    from top_artists_per_day
    union distinct
    select
        'top_artists_per_hour' as model_name,
        listen_date
    from top_artists_per_hour

)

select
    find_newest_builds.model_name,
    list_days_with_artists.listen_date
from list_days_with_artists
inner join find_newest_builds on list_days_with_artists.listen_date = find_newest_builds.listen_date
inner join find_catalogue on find_newest_builds.built_at >= find_catalogue.recorded_at
left join list_days_with_top_artists
    on
        find_newest_builds.model_name = list_days_with_top_artists.model_name
        and find_newest_builds.listen_date = list_days_with_top_artists.listen_date
where list_days_with_top_artists.listen_date is null
