-- A day with listens has top tracks: a build that was recorded and whose rows got lost shows here.
with

listens as (

    select * from {{ ref('fct_listens') }}
    where {{ is_built_since_last_success('top_tracks_per_genre_daily') }}

),

top_tracks as (

    select * from {{ ref('top_tracks_per_genre_daily') }}
    where {{ is_built_since_last_success('top_tracks_per_genre_daily') }}

),

list_days_with_listens as (

    select distinct listen_date
    from listens

),

list_days_with_top_tracks as (

    select distinct listen_date
    from top_tracks

)

select
    list_days_with_listens.listen_date as day_with_listens,
    list_days_with_top_tracks.listen_date as day_with_top_tracks
from list_days_with_listens
full outer join list_days_with_top_tracks
    on list_days_with_listens.listen_date = list_days_with_top_tracks.listen_date
where
    list_days_with_listens.listen_date is null
    or list_days_with_top_tracks.listen_date is null
