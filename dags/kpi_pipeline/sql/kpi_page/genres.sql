select
    track_genre,
    listen_count,
    listen_share,
    unique_listeners,
    average_duration_ms,
    popularity_index,
    most_popular_track_id,
    most_popular_track_name,
    most_popular_track_listen_count,
    genre_rank,
    total_duration_ms,
    count(*) over () as genre_count
from {{ genre_kpis_daily }}
where listen_date = '{{ last_day }}'
order by listen_count desc, track_genre asc
limit {{ most_rows }};
