-- The day's ten tracks, whatever their genre. Ties go as for a genre's most popular track: to the higher popularity,
-- then to the smaller track_id.
with

count_listens as (

    select
        track_id,
        count(*) as listen_count
    from {{ marts }}.fct_listens
    where listen_date = '{{ last_day }}'
    group by track_id

),

songs as (

    select
        track_id,
        track_name,
        artists,
        track_genre,
        popularity
    from {{ marts }}.dim_songs

)

select
    songs.track_name,
    songs.artists,
    count_listens.listen_count,
    coalesce(songs.track_genre, 'unknown') as track_genre
from count_listens
left join songs on count_listens.track_id = songs.track_id
order by count_listens.listen_count desc, songs.popularity desc nulls last, count_listens.track_id asc
limit 10;
