-- Batches that the transaction's own time, which names the batch it loads, names already.
select count(*) as batch_count
from {{ schema }}.loaded_files
where
    table_name = '{{ table }}'
    and loaded_at = sysdate;
