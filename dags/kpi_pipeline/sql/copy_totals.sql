-- What a COPY says of itself.
select
    loaded_rows,
    error_count
from sys_load_history
where
    query_id = {{ copy_id }}
    and start_time >= '{{ since }}';
