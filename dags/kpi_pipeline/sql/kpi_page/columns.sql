-- What the warehouse has of the tables that the page reads.
select
    table_name,
    column_name
from svv_columns
where
    table_schema = '{{ marts }}'
    and table_name in ({{ table_names }});
