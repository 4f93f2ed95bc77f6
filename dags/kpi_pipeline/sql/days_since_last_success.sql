-- The days that models have built since the last run that succeeded: what their tests look at.
select distinct listen_date
from {{ marts }}.day_builds
where
    model_name in ({{ models }})
    and built_at >= coalesce((select max(runs.started_at) from {{ schema }}.pipeline_runs as runs), timestamp '0001-01-01')
order by listen_date;
