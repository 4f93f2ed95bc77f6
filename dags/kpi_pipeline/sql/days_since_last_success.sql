-- The days that models have built since the last run that succeeded: what their tests look at.
with

last_success as (

    select coalesce(max(started_at), timestamp '0001-01-01') as started_at
    from {{ schema }}.pipeline_runs

)

select distinct day_builds.listen_date
from {{ marts }}.day_builds
inner join last_success on day_builds.built_at >= last_success.started_at
where day_builds.model_name in ({{ models }})
order by day_builds.listen_date;
