-- Materialized views (materialized-view-overview.html), made as Redshift makes them: a table mv_tbl__name__0 with the rows, and
-- a view over it. A view of the query is kept besides: REFRESH reads it, and what the query reads cannot be dropped before it.
set search_path = pg_catalog, pg_postgres;

create table pg_redshift.materialized_views (view_id oid primary key, table_id oid not null, query_id oid not null,
  definition text not null, auto_refresh bool not null);
grant select on pg_redshift.materialized_views to public;
create sequence pg_redshift.query_id;
grant usage on pg_redshift.query_id to public;

create function pg_redshift.keep_materialized(view regclass, rows regclass, query regclass, definition text, auto_refresh bool)
  returns void language sql security definer set search_path = pg_catalog, pg_postgres as $$
  insert into pg_redshift.materialized_views values (view, rows, query, definition, auto_refresh);
  -- All go with the view; the view goes with its query, which goes with what it reads
  insert into pg_depend values ('pg_class'::regclass, rows, 0, 'pg_class'::regclass, query, 0, 'a'),
    ('pg_class'::regclass, query, 0, 'pg_class'::regclass, view, 0, 'a'),
    ('pg_class'::regclass, view, 0, 'pg_class'::regclass, query, 0, 'n');
  insert into pg_depend
  select distinct 'pg_class'::regclass, view::oid, 0, refclassid, refobjid, 0, 'n'::"char" from pg_depend
  join pg_rewrite r on r.oid = objid and classid = 'pg_rewrite'::regclass
  where r.ev_class = query and refclassid = 'pg_class'::regclass and refobjid <> query $$;
create function pg_redshift.materialized(view regclass) returns pg_redshift.materialized_views stable language plpgsql as $$
declare
  found pg_redshift.materialized_views;
begin
  select m.* into found from pg_redshift.materialized_views m where m.view_id = view;
  if found.view_id is null then
    raise exception using errcode = '42809', message = pg_postgres.format('"%s" is not a materialized view', view);
  end if;
  return found;
end $$;
create function pg_redshift.refresh(view oid, rows oid, query oid) returns void language plpgsql as $$ begin
  execute pg_postgres.format('delete from %s', rows::regclass);
  execute pg_postgres.format('insert into %s select * from %s %s', rows::regclass, query::regclass,
    (select 'order by ' || pg_postgres.string_agg(pg_catalog.quote_ident(key), ', ') from pg_redshift.table_attributes,
      pg_postgres.jsonb_array_elements_text(attributes -> 'sortkey') key where table_id = rows));
end $$;
create function pg_redshift.set_auto_refresh(view oid, is_on bool) returns void language sql security definer as $$
  update pg_redshift.materialized_views set auto_refresh = is_on where view_id = view
    and pg_postgres.pg_has_role(session_user, (select relowner from pg_class where oid = view), 'member') $$;

-- What the catalogue says of the definition of a view
create function pg_redshift.view_definition(id oid) returns text language sql stable as $$
  select coalesce((select definition from pg_redshift.materialized_views where view_id = id), pg_catalog.pg_get_viewdef(id)) $$;
select format('create or replace view %s as %s', view, replace(pg_get_viewdef(view::regclass), 'pg_get_viewdef(c.oid)',
  'pg_redshift.view_definition(c.oid)')) from unnest('{pg_catalog.pg_views,information_schema.views}'::text[]) view \gexec

create view svv_mv_info as
select current_database()::varchar as database_name, nspname::varchar as schema_name, pg_get_userbyid(relowner)::varchar as user_name,
  relname::varchar as name, 'f'::char as is_stale, 1 as state, (case when auto_refresh then 't' else 'f' end)::char as autorefresh
from pg_redshift.materialized_views join pg_class c on c.oid = view_id join pg_namespace n on n.oid = relnamespace;
create view stv_mv_info as
select database_name as db_name, schema_name as schema, name, null::bigint as updated_upto_xid, is_stale, user_name as owner_user_name,
  state, autorefresh, 'f'::char as autorewrite from svv_mv_info;
