-- Every version that ever landed, of the keys in question.
select
    key,
    etag,
    checksum
from {{ schema }}.loaded_files
where
    table_name = '{{ table }}'
    and key between {{ lowest_key }} and {{ highest_key }};
