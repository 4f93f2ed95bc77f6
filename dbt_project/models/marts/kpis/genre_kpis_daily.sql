{{ config(unique_key=['listen_date', 'track_genre'], sort='listen_date', dist='all') }}

with

listens as (

    select * from {{ ref('int_listens_with_songs') }}
    where {{ is_due_day('listen_date') }}

),

measure_genres as (

    select
        listen_date,
        track_genre,
        count(*) as listen_count,
        count(distinct user_id) as unique_listeners,
        avg(cast(duration_ms as double precision)) as average_duration_ms,
        sum(cast(duration_ms as decimal(38, 0))) as total_duration_ms,
        avg(cast(popularity as double precision)) as popularity_index
    from listens
    group by listen_date, track_genre

),

rank_tracks as (

    select
        listen_date,
        track_genre,
        track_id,
        track_name,
        count(*) as listen_count,
        row_number() over (
            partition by listen_date, track_genre
            order by count(*) desc, popularity desc nulls last, track_id asc
        ) as track_rank
    from listens
    group by listen_date, track_genre, track_id, track_name, popularity

),

combine_genres_and_tracks as (

    select
        measure_genres.listen_date,
        measure_genres.track_genre,
        measure_genres.listen_count,
        cast(measure_genres.listen_count as double precision)
        / sum(measure_genres.listen_count) over (partition by measure_genres.listen_date) as listen_share,
        measure_genres.unique_listeners,
        measure_genres.average_duration_ms,
        measure_genres.popularity_index,
        rank_tracks.track_id as most_popular_track_id,
        rank_tracks.track_name as most_popular_track_name,
        rank_tracks.listen_count as most_popular_track_listen_count,
        cast(
            row_number() over (
                partition by measure_genres.listen_date
                order by measure_genres.listen_count desc, measure_genres.track_genre asc
            ) as integer
        ) as genre_rank,
        measure_genres.total_duration_ms,
        {{ build_time() }} as built_at
    from measure_genres
    inner join rank_tracks
        on
            measure_genres.listen_date = rank_tracks.listen_date
            and measure_genres.track_genre = rank_tracks.track_genre
    where rank_tracks.track_rank = 1

)

select * from combine_genres_and_tracks
