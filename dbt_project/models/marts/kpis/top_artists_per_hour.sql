{{ config(unique_key=['listen_date', 'listen_hour', 'artist_rank'], sort='listen_hour', dist='all') }}

with

listens as (

    select * from {{ ref('fct_listens') }}
    where {{ is_due_day('listen_date') }}

),

track_artists as (

    select * from {{ ref('int_track_artists') }}

),

measure_tracks as (

    select
        listen_date,
        track_id,
        date_trunc('hour', listen_time) as listen_hour,
        count(*) as listen_count
    from listens
    group by listen_date, track_id, date_trunc('hour', listen_time)

),

measure_artists as (

    select
        measure_tracks.listen_date,
        measure_tracks.listen_hour,
        track_artists.artist_name,
        cast(sum(measure_tracks.listen_count) as bigint) as listen_count
    from measure_tracks
    inner join track_artists on measure_tracks.track_id = track_artists.track_id
    group by measure_tracks.listen_date, measure_tracks.listen_hour, track_artists.artist_name

),

rank_artists as (

    select
        *,
        row_number() over (
            partition by listen_hour
            order by listen_count desc, artist_name asc
        ) as artist_rank
    from measure_artists

),

keep_top_ten as (

    select
        listen_hour,
        cast(artist_rank as integer) as artist_rank,
        artist_name,
        listen_count,
        listen_date,
        {{ build_time() }} as built_at
    from rank_artists
    where artist_rank <= 10

)

select * from keep_top_ten
