select
    trim(file_name) as file_url,
    sum(lines_scanned) as line_count
from sys_load_detail
where query_id = {{ copy_id }}
group by trim(file_name);
