select
    started_at,
    finished_at,
    files,
    rows_landed,
    lines_refused,
    objects_ignored,
    ignored_keys,
    listens,
    duplicates,
    rejects,
    days_rebuilt,
    seconds
from {{ schema }}.pipeline_runs
where started_at >= '{{ since }}'
order by started_at desc
limit {{ most_rows }};
