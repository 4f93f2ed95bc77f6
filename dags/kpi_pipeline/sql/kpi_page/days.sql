select
    listen_date,
    listen_count,
    unique_listeners,
    unique_tracks,
    track_diversity_index,
    total_duration_ms,
    built_at
from {{ listening_kpis_daily }}
where listen_date between '{{ first_day }}' and '{{ last_day }}'
order by listen_date;
