-- Redshift's catalogue, and what keeps PostgreSQL's tables in Redshift's ways.
set search_path = pg_catalog, pg_postgres;

-- What a table was created with: PostgreSQL has no place for it.
create table pg_redshift.table_attributes (
  table_id oid primary key, diststyle text not null, distkey text, sortkey text[] not null, sort_style text
);
create sequence pg_redshift.query_id;
grant usage on schema pg_redshift to public;
grant select on all tables in schema pg_redshift to public;
grant usage on sequence pg_redshift.query_id to public;

-- After DDL: text becomes varchar, VARCHAR(n) holds n bytes, and a sort key becomes an index of block ranges, so that
-- literal ranges prune as zone maps do. The proxy appends the attributes to the statement as a comment.
create function pg_redshift.after_ddl() returns event_trigger language plpgsql security definer
  set search_path = pg_catalog, pg_postgres, pg_temp as $$
declare
  item record;
  attributes pg_postgres.json := substring(current_query() from '/[*]redshift ([{][^*]*[}])[*]/$')::pg_postgres.json;
  condition text;
  first_key text;
begin
  if current_setting('redshift.in_ddl', true) = 'on' then
    return;
  end if;
  perform set_config('redshift.in_ddl', 'on', true);
  for item in
    select c.oid, c.relpersistence, c.oid::regclass::text as name from pg_event_trigger_ddl_commands() d
    join pg_class c on c.oid = d.objid and d.classid = 'pg_class'::regclass
    where c.relkind = 'r' and d.command_tag in ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE')
  loop
    if exists (select 1 from pg_attribute where attrelid = item.oid and atttypid = 25 and attnum > 0) then
      update pg_attribute set atttypid = 1043, atttypmod = 65539
      where attrelid = item.oid and atttypid = 25 and attnum > 0 and not attisdropped;
    end if;
    select string_agg(format('octet_length(%I) <= %s', attname, atttypmod - 4), ' and ' order by attnum) into condition
    from pg_attribute where attrelid = item.oid and atttypid in (1042, 1043) and atttypmod > 4 and not attisdropped;
    if item.relpersistence <> 't' then
      execute format('alter table %s drop constraint if exists bytes', item.name);
      if condition is not null then
        execute format('alter table %s add constraint bytes check (%s) not valid', item.name, condition);
      end if;
    end if;
    if attributes is not null then
      insert into pg_redshift.table_attributes
      select item.oid, attributes ->> 'diststyle', attributes ->> 'distkey',
        array(select json_array_elements_text(attributes -> 'sortkey')), attributes ->> 'sort_style'
      on conflict (table_id) do nothing;
      first_key := attributes -> 'sortkey' ->> 0;
      if first_key is not null and item.relpersistence <> 't' then
        execute format('create index on %s using brin (%I) with (pages_per_range = 8, autosummarize = on)',
          item.name, first_key);
      end if;
    end if;
  end loop;
  perform set_config('redshift.in_ddl', 'off', true);
end $$;
create event trigger after_ddl on ddl_command_end
  when tag in ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE')
  execute function pg_redshift.after_ddl();

create view sys_load_error_detail as
select user_id, query_id, transaction_id, session_id, database_name, table_id, start_time, file_name, line_number,
  column_name, column_type, column_length, position, error_code, error_message
from pg_redshift.load_log('load_error_detail') line, json_to_record(line) as x(user_id int, query_id bigint,
  transaction_id bigint, session_id int, database_name varchar, table_id int, start_time timestamp, file_name varchar,
  line_number bigint, column_name varchar, column_type varchar, column_length varchar, position int, error_code int,
  error_message varchar);
create view sys_load_detail as
select user_id, query_id, file_name, bytes_scanned, lines_scanned, splits_scanned, record_time, start_time, end_time, file_etag,
  file_last_modified
from pg_redshift.load_log('load_detail') line, json_to_record(line) as x(user_id int, query_id bigint, file_name varchar,
  bytes_scanned bigint, lines_scanned bigint, splits_scanned int, record_time timestamp, start_time timestamp,
  end_time timestamp, file_etag varchar,
  file_last_modified timestamp);
create view sys_load_history as
select user_id, query_id, transaction_id, session_id, database_name, status, table_name, start_time, end_time, duration,
  data_source, file_format, loaded_rows, loaded_bytes, source_file_count, source_file_bytes, file_count_scanned,
  file_bytes_scanned, error_count
from pg_redshift.load_log('load_history') line, json_to_record(line) as x(user_id int, query_id bigint, transaction_id bigint,
  session_id int, database_name varchar, status varchar, table_name varchar, start_time timestamp, end_time timestamp,
  duration bigint, data_source varchar, file_format varchar, loaded_rows bigint, loaded_bytes bigint,
  source_file_count bigint, source_file_bytes bigint, file_count_scanned bigint, file_bytes_scanned bigint,
  error_count bigint);
grant select on sys_load_error_detail, sys_load_detail, sys_load_history to public;

create function pg_get_late_binding_view_cols() returns setof record language sql stable
  as $$ select null::name, null::name, null::name, null::varchar, null::int where false $$;
create view svv_external_columns as select null::varchar as schemaname, null::varchar as tablename,
  null::varchar as columnname, null::varchar as external_type, null::int as columnnum where false;
create view svv_table_info as
select current_database()::varchar as database, n.nspname::varchar as schema, c.oid::int as table_id,
  c.relname::varchar as "table", 'Y'::varchar as encoded,
  coalesce(case when a.diststyle = 'KEY' then format('KEY(%s)', a.distkey) else a.diststyle end, 'AUTO(ALL)')::varchar as diststyle,
  coalesce(case when a.sort_style = 'INTERLEAVED' then 'INTERLEAVED' else a.sortkey[1] end, 'AUTO(SORTKEY)')::varchar as sortkey1,
  (select max(atttypmod - 4) from pg_attribute where attrelid = c.oid and atttypid = 1043 and atttypmod > 4)::int as max_varchar,
  'none'::varchar as sortkey1_enc, coalesce(cardinality(a.sortkey), 0)::int as sortkey_num,
  (pg_total_relation_size(c.oid) / 1048576 + 1)::bigint as size, 0.0::numeric(10,4) as pct_used, 0::bigint as empty,
  0.0::numeric(5,2) as unsorted, 0.0::numeric(5,2) as stats_off, greatest(c.reltuples, 0)::numeric(38,0) as tbl_rows,
  null::numeric(19,2) as skew_sortkey1, null::numeric(19,2) as skew_rows, greatest(c.reltuples, 0)::numeric(38,0) as estimated_visible_rows,
  null::varchar as risk_event, null::smallint as vacuum_sort_benefit, null::timestamp as create_time
from pg_class c join pg_namespace n on n.oid = c.relnamespace
left join pg_redshift.table_attributes a on a.table_id = c.oid
where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema', 'pg_redshift') and c.relpersistence <> 't';
grant select on svv_table_info, svv_external_columns to public;

-- text is varchar in what the catalogue says, too
alter function format_type(oid, int) rename to pg_format_type;
create function format_type(oid, int) returns text language sql stable as $$
  select case when $1 = 25 then 'character varying(65535)' else pg_catalog.pg_format_type($1, $2) end $$;
