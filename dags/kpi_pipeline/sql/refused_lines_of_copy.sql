-- The first error of a line is its reason.
select
    line_number,
    trim(file_name) as file_url,
    min(trim(column_name)) as refused_column,
    min(trim(error_message)) as error_message
from sys_load_error_detail
where query_id = {{ copy_id }}
group by trim(file_name), line_number
order by file_url, line_number;
