select
    artist_name,
    listen_count,
    date_part(hour, listen_hour) as hour_of_day
from {{ top_artists_per_hour }}
where
    listen_hour >= '{{ last_day }}'
    and listen_hour < '{{ day_after }}'
    and artist_rank = 1
order by hour_of_day;
