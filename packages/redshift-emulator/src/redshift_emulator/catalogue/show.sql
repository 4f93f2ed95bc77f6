-- What SHOW answers, a view for each statement, with Redshift's columns (r_SHOW_*.html): a user sees what he may use.
set search_path = pg_catalog, pg_postgres;

-- The rows of such a view in another database: the session brings them before it runs SHOW (server/neighbours.py)
create function pg_redshift.elsewhere(name text, kind anyelement) returns setof anyelement stable language plpgsql as $$
declare
  brought pg_postgres.json := nullif(current_setting('redshift.elsewhere', true), '')::pg_postgres.json;
begin
  if name <> current_database() and brought ->> 'database' = name and brought ->> 'view' = pg_postgres.pg_typeof(kind)::text then
    return query select * from pg_postgres.json_populate_recordset(kind, brought -> 'rows');
  end if;
end $$;
create view pg_redshift.show_databases as
select database_name, database_owner, database_type, database_acl, database_options as parameters, database_isolation_level
from svv_redshift_databases;
create view pg_redshift.show_schemas as
select database_name, schema_name, schema_owner, schema_type, schema_acl, null::varchar as source_database, schema_option
from svv_redshift_schemas where has_schema_privilege(schema_name, 'usage');

create view pg_redshift.shown as
select r.*, c.relkind, c.relowner, n.oid as schema_id from pg_redshift.relations r join pg_class c on c.oid = r.oid
join pg_namespace n on n.oid = c.relnamespace
where c.relpersistence <> 't' and has_schema_privilege(n.oid, 'usage')
  and (has_table_privilege(r.oid, 'select') or has_any_column_privilege(r.oid, 'select'));
create view pg_redshift.show_tables as
select database_name, schema_name, table_name, table_type, acl as table_acl, remarks, owner,
  null::timestamp as last_altered_time, null::timestamp as last_modified_time,
  (case relkind when 'r' then coalesce(case diststyle when 'KEY' then 'KEY(' || distkey || ')' else diststyle end, 'AUTO(ALL)') end)::varchar
    as dist_style,
  (case when relkind = 'r' then 'REGULAR TABLE' when oid in (select view_id from pg_redshift.materialized_views) then 'MATERIALIZED VIEW'
    when pg_get_viewdef(oid) ~ 'pg_redshift[.](view_|unresolved)' then 'LATE BINDING VIEW'
    else 'REGULAR VIEW' end)::varchar as table_subtype
from pg_redshift.shown;
create view pg_redshift.show_columns as
select r.database_name, r.schema_name, r.table_name, attname::varchar as column_name, attnum::int as ordinal_position,
  (case when attidentity = 'a' then format('"identity"(%s, 0, ''1,1''::text)', r.oid)
    when attidentity <> '' then format('default_identity(%s, 0, ''1,1''::text)', r.oid)
    else pg_get_expr(d.adbin, d.adrelid) end)::varchar as column_default,
  (case when attnotnull and attidentity = '' then 'NO' else 'YES' end)::varchar as is_nullable,
  (case atttypid when 1186 then format_type(atttypid, atttypmod) when 1043 then 'character varying' else format_type(atttypid, null) end)::varchar
    as data_type,
  information_schema._pg_char_max_length(atttypid, atttypmod)::int as character_maximum_length,
  information_schema._pg_numeric_precision(atttypid, atttypmod)::int as numeric_precision,
  information_schema._pg_numeric_scale(atttypid, atttypmod)::int as numeric_scale,
  col_description(r.oid, attnum)::varchar as remarks,
  (case when a.attsortkeyord <> 0 then r.sort_style end)::varchar as sort_key_type, a.attsortkeyord as sort_key,
  (case when a.attisdistkey then 1 else 0 end) as dist_key,
  (case r.relkind when 'r' then format_encoding(a.attencodingtype::int) end)::varchar as encoding,
  (case when atttypid in (1042, 1043) then 'default' end)::varchar as collation
from pg_redshift.shown r join pg_attribute a on attrelid = r.oid and attnum > 0 and not attisdropped
left join pg_attrdef d on d.adrelid = attrelid and d.adnum = attnum
where has_column_privilege(r.oid, attnum, 'select');

create view pg_redshift.show_primary_keys as
select database_name, schema_name, table_name, conname::varchar as pk_name, attname::varchar as column_name, place::int as key_seq
from pg_redshift.shown r join pg_constraint on conrelid = r.oid and contype = 'p',
  unnest(conkey) with ordinality as key(number, place) join pg_attribute on attnum = number
where attrelid = r.oid;
create view pg_redshift.show_foreign_keys as
select current_database()::varchar as pk_database_name, p.schema_name as pk_schema_name, p.table_name as pk_table_name,
  other.attname::varchar as pk_column_name, r.database_name as fk_database_name, r.schema_name as fk_schema_name,
  r.table_name as fk_table_name, own.attname::varchar as fk_column_name, place::int as key_seq, c.conname::varchar as fk_name,
  (select conname from pg_constraint where conrelid = p.oid and contype in ('p', 'u') order by contype limit 1)::varchar as pk_name,
  null::int as update_rule, null::int as delete_rule, null::int as deferrability
from pg_redshift.shown r join pg_constraint c on c.conrelid = r.oid and c.contype = 'f'
join pg_redshift.relations p on p.oid = c.confrelid,
  rows from (unnest(c.conkey), unnest(c.confkey)) with ordinality as key(own_number, other_number, place)
join pg_attribute own on own.attnum = own_number join pg_attribute other on other.attnum = other_number
where own.attrelid = r.oid and other.attrelid = p.oid;

-- The owner's own privileges are no grants. MAINTAIN is granted by GRANT ALL alone, and stands for what PostgreSQL lacks
create function pg_redshift.grants(acl aclitem[], owner oid) returns table (privilege_type varchar, identity_id int,
  identity_name varchar, identity_type varchar, admin_option bool, grantor_name varchar) stable language sql as $$
  select name, x.grantee::int, coalesce(g.rolname, 'public'),
    case when x.grantee = 0 then 'public' when g.rolcanlogin then 'user' else 'role' end, x.is_grantable, pg_get_userbyid(x.grantor)
  from pg_postgres.aclexplode(acl) x left join pg_roles g on g.oid = x.grantee,
    pg_postgres.unnest(case x.privilege_type when 'MAINTAIN' then '{ALTER,DROP,RULE}'::text[] else array[x.privilege_type] end) name
  where x.grantee <> owner and (x.grantee = 0 or g.rolname = current_user or pg_postgres.pg_has_role(x.grantee, 'member')) $$;
create view pg_redshift.show_grants as
select r.database_name, r.schema_name, r.table_name as object_name, 'TABLE'::varchar as object_type, privilege_type, identity_id,
  identity_name, identity_type, admin_option, 'TABLE'::varchar as privilege_scope, grantor_name
from pg_redshift.relations r join pg_class c on c.oid = r.oid, pg_redshift.grants(c.relacl, c.relowner)
union all
select current_database(), nspname, nspname, 'SCHEMA', privilege_type, identity_id, identity_name, identity_type, admin_option, 'SCHEMA',
  grantor_name
from pg_namespace, pg_redshift.grants(nspacl, nspowner);
create view pg_redshift.show_column_grants as
select r.database_name, r.schema_name, r.table_name, attname::varchar as column_name, 'COLUMN'::varchar as object_type, privilege_type,
  identity_id, identity_name, identity_type, admin_option, 'COLUMN'::varchar as privilege_scope, grantor_name
from pg_redshift.relations r join pg_class c on c.oid = r.oid join pg_attribute on attrelid = r.oid, pg_redshift.grants(attacl, c.relowner);

create function pg_redshift.type_name(kind oid) returns varchar stable language sql as $$
  select case kind when 25 then 'character varying' when 1043 then 'character varying' else pg_catalog.format_type(kind, null) end $$;
create view pg_redshift.show_functions as
select current_database()::varchar as database_name, nspname::varchar as schema_name, proname::varchar as function_name,
  pronargs::int as number_of_arguments,
  coalesce((select string_agg(pg_redshift.type_name(kind), ', ' order by place) from unnest(proargtypes::oid[]) with ordinality as a(kind, place)),
    '')::varchar as argument_list, pg_redshift.type_name(prorettype) as return_type, obj_description(p.oid, 'pg_proc')::varchar as remarks
from pg_proc p join pg_namespace n on n.oid = pronamespace
where nspname not in ('pg_catalog', 'information_schema', 'pg_redshift', 'pg_postgres') and has_schema_privilege(n.oid, 'usage')
  and has_function_privilege(p.oid, 'execute');
create view pg_redshift.show_procedures as  -- there are none
select null::varchar as database_name, null::varchar as schema_name, null::varchar as procedure_name, null::int as number_of_arguments,
  null::varchar as argument_list, null::varchar as return_type, null::varchar as remarks where false;
create view pg_redshift.show_parameters_function as
select f.database_name, f.schema_name, f.function_name, f.argument_list,
  (case place when 0 then '' else coalesce(proargnames[place], '') end)::varchar as parameter_name, place::int as ordinal_position,
  (case place when 0 then 'RETURN' else 'IN' end)::varchar as parameter_type, pg_redshift.type_name(kind) as data_type,
  null::int as character_maximum_length, null::int as numeric_precision, null::int as numeric_scale
from pg_redshift.show_functions f join pg_namespace on nspname = f.schema_name join pg_proc p on pronamespace = pg_namespace.oid
  and proname = f.function_name, unnest(prorettype || proargtypes::oid[]) with ordinality as a(kind, number),
  lateral (select number - 1 as place) as numbered
where f.argument_list = coalesce((select string_agg(pg_redshift.type_name(t), ', ' order by o)
  from unnest(proargtypes::oid[]) with ordinality as x(t, o)), '');
create view pg_redshift.show_parameters_procedure as
select null::varchar as database_name, null::varchar as schema_name, null::varchar as procedure_name, null::varchar as argument_list,
  null::varchar as parameter_name, null::int as ordinal_position, null::varchar as parameter_type, null::varchar as data_type,
  null::int as character_maximum_length, null::int as numeric_precision, null::int as numeric_scale where false;
select format('grant select on pg_redshift.%I to public', relname) from pg_class
where relnamespace = 'pg_redshift'::regnamespace and relkind = 'v' \gexec
