-- The lines that a COPY read of each file, and the ETags of what it read where the view has them. Query ids are used
-- again, so that of an older COPY with the same id is left out.
select
    trim(file_name) as file_url,
    sum(lines_scanned) as line_count,
    {% if has_etags %}
        min(trim(file_etag)) as lowest_etag,
        max(trim(file_etag)) as highest_etag
    {% else %}
        cast(null as varchar(256)) as lowest_etag,
        cast(null as varchar(256)) as highest_etag
    {% endif %}
from sys_load_detail
where
    query_id = {{ copy_id }}
    and start_time >= '{{ since }}'
group by trim(file_name);
