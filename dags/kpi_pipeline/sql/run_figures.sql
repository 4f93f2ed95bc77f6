-- What a run took in: also the batches that an earlier run landed and could not transform.
with

catalogue_files as (

    select
        count(*) as file_count,
        coalesce(sum(refused_line_count), 0) as refused_line_count
    from {{ schema }}.loaded_files
    where
        table_name <> 'streams'
        and run_id = {{ run_id }}

),

batches as (

    select
        coalesce(sum(file_count), 0) as file_count,
        coalesce(sum(landed_count), 0) as landed_count,
        coalesce(sum(refused_line_count), 0) as refused_line_count,
        coalesce(sum(listen_count), 0) as listen_count,
        coalesce(sum(duplicate_count), 0) as duplicate_count,
        coalesce(sum(reject_count), 0) as reject_count
    from {{ marts }}.stream_batches
    where loaded_at in (
        select done.loaded_at
        from {{ marts }}.transformed_batches as done
        where
            done.model_name = 'stream_batches'
            and done.run_id = {{ run_id }}
    )

),

days as (

    select count(distinct listen_date) as day_count
    from {{ marts }}.day_builds
    where run_id = {{ run_id }}

),

count_files as (

    select
        catalogue_files.file_count + batches.file_count as file_count,
        catalogue_files.refused_line_count + batches.refused_line_count as refused_line_count
    from catalogue_files
    cross join batches

)

select
    count_files.file_count,
    batches.landed_count,
    count_files.refused_line_count,
    batches.listen_count,
    batches.duplicate_count,
    batches.reject_count,
    days.day_count
from count_files
cross join batches
cross join days;
