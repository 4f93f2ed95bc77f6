-- What the plans of the last run did not take: batches that have landed, and days to rebuild.
with

batches as (

    select count(distinct loaded_at) as batch_count
    from {{ marts }}.int_batches_due
    where not is_taken

),

days as (

    select count(distinct listen_date) as day_count
    from {{ marts }}.int_days_due
    where not is_taken

)

select
    batches.batch_count,
    days.day_count
from batches
cross join days;
