-- Rows that this transaction has loaded; rows of other batches have other times.
select count(*) as batch_row_count
from {{ schema }}.{{ table }}
where loaded_at = sysdate;
