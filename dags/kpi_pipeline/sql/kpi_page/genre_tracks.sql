select
    track_genre,
    track_rank,
    track_name,
    listen_count
from {{ top_tracks_per_genre_daily }}
where listen_date = '{{ last_day }}'
order by track_genre, track_rank
limit {{ most_rows }};
