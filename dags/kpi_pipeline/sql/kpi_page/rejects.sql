select
    reject_reason,
    count(*) as reject_count
from {{ rejected_streams }}
where loaded_at >= '{{ since }}'
group by reject_reason
order by reject_count desc, reject_reason asc;
