-- Redshift's catalogue, and what keeps PostgreSQL's tables in Redshift's ways.
set search_path = pg_catalog, pg_postgres;

-- text is varchar in what the catalogue says, too
alter function format_type(oid, int) rename to pg_format_type;
create function format_type(oid, int) returns text language sql stable as $$
  select case when $1 = 25 or $1 = 1043 and $2 = -1 then 'character varying(65535)'
    when $1 = 6551 then 'binary varying' || case when $2 > 4 then '(' || $2 - 4 || ')' else '' end
    else pg_catalog.pg_format_type($1, $2) end $$;

create function pg_redshift.set_attributes(id regclass, given pg_postgres.jsonb) returns void language sql security definer
  set search_path = pg_catalog, pg_postgres as $$
  select pg_redshift.add_keys(id, given -> 'keys') where given -> 'keys' is not null;
  insert into pg_redshift.table_attributes
  values (id, '{"diststyle": "AUTO", "sortkey": [], "encodings": {}}'::jsonb || (given - 'keys'))
  on conflict (table_id) do update set attributes = table_attributes.attributes || (given - 'keys')
    || jsonb_build_object('encodings', table_attributes.attributes -> 'encodings' || coalesce(given -> 'encodings', '{}')) $$;

-- After DDL: text becomes varchar, VARCHAR(n) holds n bytes, and a sort key becomes an index of block ranges, so that
-- literal ranges prune as zone maps do. The proxy appends the attributes to the statement as a comment.
create function pg_redshift.after_ddl() returns event_trigger language plpgsql security definer
  set search_path = pg_catalog, pg_postgres, pg_temp as $$
declare
  item record;
  given pg_postgres.jsonb := substring(current_query() from '/[*]redshift ([{][^*]*[}])[*]/$')::pg_postgres.jsonb;
  condition text;
  sort_keys text;
  lost_key text;
  times text;
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
    for lost_key in select conname from pg_constraint where conrelid = item.oid and contype in ('p', 'u', 'f')  -- its column is gone
      and exists (select from pg_attribute where attrelid = item.oid and attnum = any (conkey) and attisdropped)
    loop
      execute format('alter table %s drop constraint %I', item.name, lost_key);
    end loop;
    update pg_attribute i set attname = t.attname from pg_constraint c, pg_attribute t  -- a renamed column in a key
    where c.conrelid = item.oid and c.conindid <> 0 and i.attrelid = c.conindid and t.attrelid = item.oid
      and t.attnum = c.conkey[i.attnum] and t.attname <> i.attname;
    update pg_attribute set atttypid = 1043, atttypmod = 65539
    where attrelid = item.oid and atttypid in (25, 1043) and atttypmod = -1 and attnum > 0 and not attisdropped;
    select string_agg(format('octet_length(%I) <= %s', attname, atttypmod - 4), ' and ' order by attnum) into condition
    from pg_attribute where attrelid = item.oid and atttypid in (1042, 1043) and atttypmod > 4 and not attisdropped;
    if item.relpersistence <> 't' then
      execute format('alter table %s drop constraint if exists bytes', item.name);
      if condition is not null then
        execute format('alter table %s add constraint bytes check (%s) not valid', item.name, condition);
      end if;
    end if;
    select string_agg(quote_literal(attname), ', ') into times
    from pg_attribute where attrelid = item.oid and atttypid in (1083, 1266) and not attisdropped;
    execute format('drop trigger if exists midnight on %s', item.name);
    if times is not null then
      execute format('create trigger midnight before insert or update on %s for each row execute function pg_redshift.midnight(%s)',
        item.name, times);
    end if;
    if given is not null then
      insert into pg_redshift.table_attributes  -- a table that is made LIKE another inherits
      select item.oid, attributes from pg_redshift.table_attributes where table_id = (given ->> 'like')::oid
      on conflict (table_id) do nothing;
      perform pg_redshift.set_attributes(item.oid, given - 'like');
      sort_keys := (select string_agg(quote_ident(key), ', ') from pg_redshift.table_attributes,
        jsonb_array_elements_text(attributes -> 'sortkey') key where table_id = item.oid);
      if sort_keys is not null and item.relpersistence <> 't' then
        execute format('create index if not exists %I on %s using brin (%s) with (pages_per_range = 8, autosummarize = on)',
          'sort_key_' || item.oid, item.name, sort_keys);
      end if;
    end if;
  end loop;
  perform pg_redshift.bind_waiting();
  perform set_config('redshift.in_ddl', 'off', true);
end $$;
-- A view is only read (r_CREATE_VIEW.html)
create function pg_redshift.refuse_change() returns trigger language plpgsql as $$ begin
  raise exception using errcode = '0A000', message = 'cannot '
    || case tg_op when 'INSERT' then 'insert into' when 'DELETE' then 'delete from' else 'update' end || ' a view';
end $$;
create function pg_redshift.after_view() returns event_trigger language plpgsql security definer
  set search_path = pg_catalog, pg_postgres, pg_temp as $$
declare
  name text;
begin
  for name in select object_identity from pg_event_trigger_ddl_commands() where object_type = 'view' loop
    execute format('create or replace trigger is_read instead of insert or update or delete on %s for each row
      execute function pg_redshift.refuse_change()', name);
  end loop;
end $$;
create event trigger after_view on ddl_command_end when tag in ('CREATE VIEW') execute function pg_redshift.after_view();
create event trigger after_ddl on ddl_command_end
  when tag in ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE')
  execute function pg_redshift.after_ddl();

-- The log of the loads, which is not transactional; see load.py
create function pg_redshift.load_log(kind text) returns setof pg_postgres.json stable security definer language sql as $$
  select line::pg_postgres.json from pg_postgres.regexp_split_to_table(
    pg_postgres.pg_read_file(current_setting('data_directory') || '/../load_log/' || kind, true), e'\n') line where line <> ''
    and line::pg_postgres.json ->> 'database_name' = current_database()  -- each database has its own
    and (line::pg_postgres.json ->> 'shown_from')::float8 <= extract(epoch from pg_postgres.clock_timestamp()) $$;
create function pg_redshift.last(sequence regclass, otherwise bigint) returns bigint volatile language plpgsql as $$ begin
  return pg_postgres.currval(sequence);
exception when object_not_in_prerequisite_state then  -- no COPY in this session
  return otherwise;
end $$;
create function pg_last_copy_id() returns bigint volatile return pg_redshift.last('pg_redshift.copy_id', -1);
create function pg_last_copy_count() returns bigint volatile return pg_redshift.last('pg_redshift.copy_count', 0);
create view sys_load_error_detail as
select x.* from pg_redshift.load_log('load_error_detail') line, json_to_record(line) as x(user_id int, query_id bigint,
  transaction_id bigint, session_id int, database_name varchar, table_id int, start_time timestamp, file_name varchar,
  line_number bigint, column_name varchar, column_type varchar, column_length varchar, position int, error_code int,
  error_message varchar);
create view sys_load_detail as
select x.* from pg_redshift.load_log('load_detail') line, json_to_record(line) as x(user_id int, query_id bigint,
  file_name varchar, bytes_scanned bigint, lines_scanned bigint, splits_scanned int, record_time timestamp,
  start_time timestamp, end_time timestamp, file_etag varchar, file_last_modified timestamp);
create view sys_load_history as
select x.* from pg_redshift.load_log('load_history') line, json_to_record(line) as x(user_id int, query_id bigint,
  transaction_id bigint, session_id int, database_name varchar, status varchar, table_name varchar, start_time timestamp,
  end_time timestamp, duration bigint, data_source varchar, file_format varchar, loaded_rows bigint, loaded_bytes bigint,
  source_file_count bigint, source_file_bytes bigint, file_count_scanned bigint, file_bytes_scanned bigint,
  error_count bigint);

-- A digest that CREATE USER was given, which PostgreSQL itself would take for a password
create function pg_redshift.keep_password(name text, digest text) returns void language plpgsql security definer
  set search_path = pg_catalog, pg_postgres as $$ begin
  if not exists (select from pg_authid where rolname = session_user and (rolsuper or rolcreaterole)) then
    raise exception using errcode = '42501', message = 'permission denied';
  end if;
  update pg_authid set rolpassword = digest where rolname = name;
end $$;
-- c_user-defined_roles.html (sys: roles are there from the start)
do $$ declare name text; begin
  foreach name in array '{sys:operator,sys:dba,sys:superuser,sys:secadmin,sys:monitor}'::text[] loop
    if not exists (select from pg_roles where rolname = name) then
      execute format('create role %I', name);
    end if;
  end loop;
end $$;

create function current_user_id() returns int stable parallel safe
  return (select oid::int from pg_roles where rolname = current_user);
create function db_collation() returns text immutable parallel safe return 'case_sensitive';
create function pg_get_cols(text) returns setof record language sql stable as $$
  select nspname, relname, attname, format_type(atttypid, atttypmod)::varchar, attnum::int from pg_attribute
  join pg_class c on c.oid = attrelid join pg_namespace n on n.oid = relnamespace
  where attrelid = pg_postgres.to_regclass($1) and attnum > 0 and not attisdropped order by attnum $$;
create function pg_get_late_binding_view_cols() returns setof record language sql stable
  as $$ select null::name, null::name, null::name, null::varchar, null::int where false $$;

-- The rows of a table: PostgreSQL's estimate where there are enough of them to have one
create function pg_redshift.row_count(id regclass) returns bigint language plpgsql stable security definer as $$
declare
  number bigint := (select reltuples from pg_class where oid = id);
begin
  if number < 1000 then
    execute 'select count(*) from ' || id into number;
  end if;
  return number;
end $$;

-- The SVV views, over the tables and views of users
create view pg_redshift.relations as
select c.oid, current_database()::varchar as database_name, n.nspname::varchar as schema_name, c.relname::varchar as table_name,
  (case c.relkind when 'r' then 'TABLE' else 'VIEW' end)::varchar as table_type,
  array_to_string(c.relacl, '|')::varchar as acl, obj_description(c.oid, 'pg_class')::varchar as remarks,
  pg_get_userbyid(c.relowner)::varchar as owner,
  (case when c.relkind = 'r' or m.view_id is not null then pg_redshift.row_count(coalesce(m.table_id, c.oid)) end)::numeric(38,0) as rows,
  attributes ->> 'diststyle' as diststyle, attributes ->> 'distkey' as distkey, attributes ->> 'sort_style' as sort_style,
  array(select jsonb_array_elements_text(attributes -> 'sortkey')) as sortkey, attributes -> 'encodings' as encodings
from pg_class c join pg_namespace n on n.oid = c.relnamespace
left join pg_redshift.materialized_views m on m.view_id = c.oid  -- it has the attributes of the table with its rows
left join pg_redshift.table_attributes a on a.table_id = coalesce(m.table_id, c.oid)
where c.relkind in ('r', 'v') and n.nspname not in ('pg_catalog', 'information_schema', 'pg_redshift', 'pg_postgres')
  and (c.relpersistence <> 't' or c.relnamespace = pg_my_temp_schema())  -- of the temporary tables those of the session
  and c.oid not in (select table_id from pg_redshift.materialized_views);
create view svv_table_info as
select database_name as database, schema_name as schema, oid::int as table_id, table_name as "table", 'Y'::varchar as encoded,
  coalesce(case diststyle when 'KEY' then 'KEY(' || distkey || ')' else diststyle end, 'AUTO(ALL)')::varchar as diststyle,
  coalesce(case sort_style when 'INTERLEAVED' then 'INTERLEAVED' else sortkey[1] end, 'AUTO(SORTKEY)')::varchar as sortkey1,
  (select max(atttypmod - 4) from pg_attribute where attrelid = oid and atttypid = 1043 and atttypmod > 4)::int as max_varchar,
  'none'::varchar as sortkey1_enc, pg_postgres.cardinality(sortkey) as sortkey_num,
  (pg_postgres.pg_total_relation_size(oid) / 1048576 + 1)::bigint as size, 0::numeric(10,4) as pct_used, 0::bigint as empty,
  0::numeric(5,2) as unsorted, 0::numeric(5,2) as stats_off, rows as tbl_rows, null::numeric(19,2) as skew_sortkey1,
  null::numeric(19,2) as skew_rows, rows as estimated_visible_rows, null::varchar as risk_event,
  null::smallint as vacuum_sort_benefit
from pg_redshift.relations where rows > 0 and schema_name not like 'pg!_temp!_%' escape '!';  -- an empty table is not shown
create view svv_redshift_databases as
select datname::varchar as database_name, datdba::int as database_owner, 'local'::varchar as database_type,
  array_to_string(datacl, '|')::varchar as database_acl, null::varchar as database_options,
  'Snapshot Isolation'::varchar as database_isolation_level
from pg_database where not datistemplate and datname <> 'postgres';
create view svv_redshift_schemas as
select current_database()::varchar as database_name, nspname::varchar as schema_name, nspowner::int as schema_owner,
  'local'::varchar as schema_type, array_to_string(nspacl, '|')::varchar as schema_acl, null::varchar as schema_option
from pg_namespace where nspname not like 'pg!_%' escape '!' or nspname = 'pg_catalog';
create view svv_redshift_tables as
select database_name, schema_name, table_name, table_type, acl as table_acl, remarks, owner as table_owner
from pg_redshift.relations;
create view svv_redshift_columns as
select r.database_name, r.schema_name, r.table_name, attname::varchar as column_name, attnum::int as ordinal_position,
  format_type(atttypid, null)::varchar as data_type, pg_get_expr(d.adbin, d.adrelid)::varchar as column_default,
  (case when attnotnull then 'NO' else 'YES' end)::varchar as is_nullable,
  information_schema._pg_char_max_length(atttypid, atttypmod)::int as character_maximum_length,
  information_schema._pg_numeric_precision(atttypid, atttypmod)::int as numeric_precision,
  information_schema._pg_numeric_scale(atttypid, atttypmod)::int as numeric_scale,
  col_description(r.oid, attnum)::varchar as remarks
from pg_redshift.relations r join pg_attribute on attrelid = r.oid and attnum > 0 and not attisdropped
left join pg_attrdef d on d.adrelid = attrelid and d.adnum = attnum;
create view svv_all_tables as select database_name, schema_name, table_name, table_type, table_acl, remarks from svv_redshift_tables;
create view svv_all_schemas as select * from svv_redshift_schemas;
create view svv_all_columns as select * from svv_redshift_columns;
create view svv_tables as select database_name as table_catalog, schema_name as table_schema, table_name, table_type, remarks
from svv_redshift_tables;
create view svv_columns as select database_name as table_catalog, schema_name as table_schema, *, null::varchar as domain_name
from svv_redshift_columns;
create view pg_proc_info as select oid as prooid, p.* from pg_proc p;

-- Columns of Redshift's catalogue tables: PostgreSQL takes x.reldiststyle for a call of the function with a row of pg_class
create function pg_redshift.encoding_names() returns text[] language sql immutable
  as $$ select '{none,bytedict,delta,delta32k,lzo,mostly8,mostly16,mostly32,runlength,text255,text32k,zstd,az64}'::text[] $$;
create function format_encoding(int) returns varchar language sql immutable as $$ select (pg_redshift.encoding_names())[$1 + 1] $$;
create function reldiststyle(pg_class) returns int2 language sql stable as $$  -- PG_CLASS_INFO.html
  select coalesce((select case attributes ->> 'diststyle' when 'EVEN' then 0 when 'KEY' then 1 when 'ALL' then 8 else 10 end
    from pg_redshift.table_attributes where table_id = $1.oid), case $1.relkind when 'r' then 10 else 0 end)::int2 $$;
create function relhasoids(pg_class) returns bool language sql stable as $$ select false $$;  -- of PostgreSQL before 12, which psql takes Redshift for
create function releffectivediststyle(pg_class) returns int2 language sql stable as $$ select pg_catalog.reldiststyle($1) $$;
create function attisdistkey(pg_attribute) returns bool language sql stable as $$
  select coalesce((select attributes ->> 'distkey' = $1.attname from pg_redshift.table_attributes where table_id = $1.attrelid), false) $$;
create function attsortkeyord(pg_attribute) returns int language sql stable as $$
  select coalesce((select place * case when attributes ->> 'sort_style' = 'INTERLEAVED' and place % 2 = 0 then -1 else 1 end
    from (select attributes, array_position(array(select pg_postgres.jsonb_array_elements_text(attributes -> 'sortkey')),
      $1.attname::text) as place from pg_redshift.table_attributes where table_id = $1.attrelid) found), 0) $$;
create function pg_redshift.encoding(given pg_postgres.jsonb, name text, kind oid) returns varchar language sql stable as $$
  select coalesce(given -> 'encodings' ->> name, case when given -> 'sortkey' @> pg_postgres.to_jsonb(name) or kind in (16, 700, 701)
    then 'none' when kind in (1042, 1043) then 'lzo' else 'az64' end) $$;
create function attencodingtype(pg_attribute) returns int2 language sql stable as $$
  select (array_position(pg_redshift.encoding_names(), (select pg_redshift.encoding(
    (select attributes from pg_redshift.table_attributes where table_id = $1.attrelid), $1.attname, $1.atttypid))) - 1)::int2 $$;
create function adsrc(pg_attrdef) returns text language sql stable as $$ select pg_catalog.pg_get_expr($1.adbin, $1.adrelid) $$;
create view pg_class_info as select c.*, c.reldiststyle, c.releffectivediststyle, null::timestamp as relcreationtime from pg_class c;
create view pg_attribute_info as select a.*, a.attisdistkey, a.attsortkeyord, a.attencodingtype from pg_attribute a;
grant select on pg_proc_info, pg_class_info, pg_attribute_info to public;
-- A column without an encoding has the one that r_CREATE_TABLE_NEW.html names for its type
create view pg_table_def as
select r.schema_name as schemaname, r.table_name as tablename, attname::varchar as "column",
  format_type(atttypid, atttypmod)::varchar as type,
  coalesce(encodings ->> attname, case when attname = any (sortkey) or atttypid in (16, 700, 701) then 'none'
    when atttypid in (1042, 1043) then 'lzo' else 'az64' end)::varchar as encoding, coalesce(attname = distkey, false) as distkey,
  coalesce(array_position(sortkey, attname::text), 0)::int  -- of an interleaved one every second is negative
    * case when sort_style = 'INTERLEAVED' and array_position(sortkey, attname::text) % 2 = 0 then -1 else 1 end as sortkey, attnotnull as notnull
from pg_redshift.relations r join pg_attribute on attrelid = r.oid and attnum > 0 and not attisdropped
where table_type = 'TABLE' and pg_table_is_visible(r.oid);
create view svv_relation_privileges as
select schema_name as namespace_name, table_name as relation_name, x.privilege_type::varchar as privilege_type,
  x.grantee::int as identity_id, coalesce(u.rolname, 'public')::varchar as identity_name,
  (case when u.oid is null then 'public' when u.rolcanlogin then 'user' else 'group' end)::varchar as identity_type,
  x.is_grantable as admin_option
from pg_redshift.relations r join pg_class c on c.oid = r.oid, pg_postgres.aclexplode(c.relacl) x
left join pg_roles u on u.oid = x.grantee;
create view sys_query_detail as  -- what inserts rows; dbt asks it for the freshness of a source
select x.*, null::bigint as query_id, null::bigint as duration, null::bigint as output_rows
from pg_redshift.load_log('query_detail') line, json_to_record(line) as x(user_id int, session_id int, table_id int,
  table_name varchar, step_name varchar, start_time timestamp, end_time timestamp);
create view svv_external_columns as select null::varchar as schemaname, null::varchar as tablename,
  null::varchar as columnname, null::varchar as external_type, null::int as columnnum where false;
create view svv_external_tables as select null::varchar as redshift_database_name, null::varchar as schemaname, null::varchar as tablename, null::varchar as tabletype, null::varchar as location, null::varchar as input_format, null::varchar as output_format, null::varchar as serialization_lib, null::varchar as serde_parameters, null::int as compressed, null::varchar as parameters where false;
create view svv_external_schemas as select null::oid as esoid, null::smallint as eskind, null::varchar as schemaname, null::int as esowner, null::varchar as databasename, null::varchar as esoptions where false;
grant select on all tables in schema pg_redshift to public;
select format('grant select on %I to public', relname) from pg_class
where relnamespace = 'pg_catalog'::regnamespace and relname ~ '^((svv|stv|sys)_|pg_table_def$)' and relkind = 'v' \gexec

create or replace function information_schema._pg_expandarray(in anyarray, out x anyelement, out n int) returns setof record
  language sql immutable strict as $$ select v, place::int from pg_postgres.unnest($1) with ordinality as found(v, place) $$;
alter function pg_get_constraintdef(oid) rename to postgres_constraintdef;
alter function pg_get_constraintdef(oid, bool) rename to postgres_constraintdef;
create function pg_get_constraintdef(oid) returns text language sql stable strict
  as $$ select replace(pg_catalog.postgres_constraintdef($1), ' DEFERRABLE', '') $$;
create function pg_get_constraintdef(oid, bool) returns text language sql stable strict
  as $$ select replace(pg_catalog.postgres_constraintdef($1, $2), ' DEFERRABLE', '') $$;

alter view information_schema.columns rename to postgres_columns;
create view information_schema.columns as
select table_catalog, table_schema, table_name, column_name, ordinal_position, column_default, is_nullable,
  (case data_type when 'text' then 'character varying' when 'varbyte' then 'binary varying' else data_type end)::varchar as data_type,
  (case data_type when 'text' then 65535 else character_maximum_length end)::int as character_maximum_length,
  character_octet_length, numeric_precision, numeric_precision_radix, numeric_scale, datetime_precision, is_identity, null::varchar as domain_name
from information_schema.postgres_columns;
grant select on information_schema.columns to public;
