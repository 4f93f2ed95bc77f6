-- Whether SYS_LOAD_DETAIL names the ETag of what COPY read: newer editions of Redshift do.
select count(*) as column_count
from pg_attribute
inner join pg_class on pg_attribute.attrelid = pg_class.oid
where
    pg_class.relname = 'sys_load_detail'
    and pg_attribute.attname = 'file_etag';
