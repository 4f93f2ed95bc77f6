-- Whether every object of the table was looked at in the last hours; see KPI_LISTING_WINDOW_DAYS.
select count(*) as listing_count
from {{ schema }}.whole_listings
where
    table_name = '{{ table }}'
    and listed_at > dateadd(hour, -{{ hours }}, sysdate);
