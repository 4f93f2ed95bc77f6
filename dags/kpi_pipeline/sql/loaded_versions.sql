-- Every version that ever landed.
select
    key,
    etag
from {{ schema }}.loaded_files
where table_name = '{{ table }}';
