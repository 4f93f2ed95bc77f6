-- The newest version of each key. copy_id tells which: under the table's lock it grows from load to load.
with

number_versions as (

    select
        key,
        etag,
        landed_count,
        copy_id,
        row_number() over (partition by key order by copy_id desc) as version_number
    from {{ schema }}.loaded_files
    where
        table_name = '{{ table }}'
        and key between {{ lowest_key }} and {{ highest_key }}

)

select
    key,
    etag,
    landed_count,
    copy_id
from number_versions
where version_number = 1;
