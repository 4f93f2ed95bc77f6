-- The first error of a line is its reason. Where COPY reads a file in several parts it may not know the line: then each
-- error is a line.
with

number_errors as (

    select
        line_number,
        trim(file_name) as file_url,
        trim(column_name) as refused_column,
        trim(error_message) as error_message,
        case when line_number > 0 then 0 else row_number() over (order by file_name, start_time) end as unknown_line
    from sys_load_error_detail
    where
        query_id = {{ copy_id }}
        and start_time >= '{{ since }}'

)

select
    file_url,
    line_number,
    min(refused_column) as refused_column,
    min(error_message) as error_message,
    count(*) as error_count
from number_errors
group by file_url, line_number, unknown_line
order by file_url, line_number, unknown_line;
