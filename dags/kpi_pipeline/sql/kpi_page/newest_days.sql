-- The newest day with listens, and the newest one that was over when the page was made.
select
    max(listen_date) as newest_day,
    max(case when listen_date < '{{ today }}' then listen_date end) as newest_whole_day
from {{ listening_kpis_daily }};
