-- The number of the next batch; the table's lock is held, so no other load can be given the same one.
select coalesce(max(batch_number), 0) + 1 as batch_number
from {{ schema }}.loaded_files
where table_name = '{{ table }}';
