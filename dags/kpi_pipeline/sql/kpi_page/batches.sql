-- Where every line of the streams files went that landed lately.
select
    max(loaded_at) as last_loaded_at,
    coalesce(sum(listen_count), 0) as listen_count,
    coalesce(sum(duplicate_count), 0) as duplicate_count,
    coalesce(sum(reject_count), 0) as reject_count,
    coalesce(sum(refused_line_count), 0) as refused_line_count
from {{ stream_batches }}
where loaded_at >= '{{ since }}';
