-- Views WITH NO SCHEMA BINDING.
set search_path = pg_catalog, pg_postgres;

-- Late-binding views are views over a function, whose body PostgreSQL reads when it runs: so its tables can be dropped and
-- made again. One whose tables are not there yet waits, and has no columns, until a table or view is made or renamed.
create table pg_redshift.waiting_views (view_id oid primary key, query text not null, code text not null, message text not null);
create function pg_redshift.unresolved(view_id oid default 0) returns bool volatile security definer language plpgsql
  set search_path = pg_catalog, pg_postgres as $$
declare
  why record;
begin
  select code, message into why from pg_redshift.waiting_views w where w.view_id = unresolved.view_id;
  raise exception using errcode = why.code, message = why.message;
end $$;
create function pg_redshift.bind_late(view regclass, query text) returns bool language plpgsql security definer
  set search_path = pg_catalog, pg_postgres, pg_temp as $$
declare
  columns text;
  number bigint := nextval('pg_redshift.view_id');
begin
  begin
    execute 'create temporary view late_binding_columns as ' || query;
    select string_agg(quote_ident(attname) || ' ' || pg_format_type(atttypid, atttypmod), ', ' order by attnum) into columns
    from pg_attribute where attrelid = 'pg_temp.late_binding_columns'::regclass;
    drop view pg_temp.late_binding_columns;
    execute format('create function pg_redshift.view_%s() returns table (%s) language sql stable as %L', number, columns, query);
    execute format('create or replace view %s as select * from pg_redshift.view_%s()', view, number);
    delete from pg_redshift.waiting_views where view_id = view;
    return true;
  exception when undefined_table or undefined_column or invalid_schema_name then
    insert into pg_redshift.waiting_views values (view, query, sqlstate, sqlerrm)
    on conflict (view_id) do update set code = excluded.code, message = excluded.message;
    execute format('create or replace view %s as select where pg_redshift.unresolved(%s)', view, view::oid);
    return false;
  end;
end $$;
create function pg_redshift.bind_waiting() returns void language plpgsql security definer
  set search_path = pg_catalog, pg_postgres, pg_temp as $$
declare
  item record;
begin
  for item in select w.*, c.oid from pg_redshift.waiting_views w left join pg_class c on c.oid = w.view_id order by 1 loop
    if item.oid is null then
      delete from pg_redshift.waiting_views where view_id = item.view_id;
    else
      perform pg_redshift.bind_late(item.view_id, item.query);
    end if;
  end loop;
end $$;
