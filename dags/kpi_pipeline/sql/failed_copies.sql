-- The COPYs since a time that met lines which they could not take, with the files of these lines: it is read after the
-- rollback, and other sessions' COPYs are among them.
select
    query_id,
    trim(file_name) as file_url,
    min(start_time) as started_at
from sys_load_error_detail
where start_time >= '{{ since }}'
group by query_id, trim(file_name)
order by started_at desc;
