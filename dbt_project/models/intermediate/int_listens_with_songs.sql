{{ config(materialized='view') }}

with

listens as (

    select * from {{ ref('fct_listens') }}

),

songs as (

    select * from {{ ref('dim_songs') }}

),

add_song_to_listens as (

    select
        listens.listen_date,
        listens.listen_time,
        listens.user_id,
        listens.track_id,
        songs.track_name,
        songs.popularity,
        songs.duration_ms,
        coalesce(songs.track_genre, 'unknown') as track_genre
    from listens
    left join songs on listens.track_id = songs.track_id

)

select * from add_song_to_listens
