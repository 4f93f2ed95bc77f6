-- The newest version of each key: the one that the latest load of the table brought.
with

number_versions as (

    select
        key,
        etag,
        checksum,
        landed_count,
        batch_number,
        row_number() over (partition by key order by batch_number desc) as version_number
    from {{ schema }}.loaded_files
    where
        table_name = '{{ table }}'
        and key between {{ lowest_key }} and {{ highest_key }}

)

select
    key,
    etag,
    checksum,
    landed_count,
    batch_number
from number_versions
where version_number = 1;
