-- The last day's artists, and where each of them stood on the day before.
with

artists as (

    select
        listen_date,
        artist_rank,
        artist_name,
        listen_count
    from {{ top_artists_per_day }}
    where listen_date between '{{ day_before }}' and '{{ last_day }}'

),

keep_day_before as (

    select
        artist_name,
        artist_rank,
        listen_count
    from artists
    where listen_date = '{{ day_before }}'

)

select
    artists.artist_rank,
    artists.artist_name,
    artists.listen_count,
    keep_day_before.artist_rank as rank_before,
    keep_day_before.listen_count as listen_count_before
from artists
left join keep_day_before on artists.artist_name = keep_day_before.artist_name
where artists.listen_date = '{{ last_day }}'
order by artists.artist_rank;
