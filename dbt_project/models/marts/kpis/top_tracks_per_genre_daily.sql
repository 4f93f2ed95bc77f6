{{ config(unique_key=['listen_date', 'track_genre', 'track_rank'], sort='listen_date', dist='all') }}

with

listens as (

    select * from {{ ref('int_listens_with_songs') }}
    where {{ is_due_day('listen_date') }}

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

keep_top_three as (

    select
        listen_date,
        track_genre,
        cast(track_rank as integer) as track_rank,
        track_id,
        track_name,
        listen_count,
        {{ build_time() }} as built_at
    from rank_tracks
    where track_rank <= 3

)

select * from keep_top_three
