-- Primary, unique and foreign keys, which Redshift keeps and does not enforce.
set search_path = pg_catalog, pg_postgres;

-- Keys are information (c_best-practices-defining-constraints.html): a row of pg_constraint, and for a primary or a unique
-- key an index that is dead, so that PostgreSQL neither fills nor reads it. Deferrable, so that GROUP BY does not rely on it.
create function pg_redshift.add_keys(relation regclass, keys pg_postgres.jsonb) returns void language plpgsql security definer
  set search_path = pg_catalog, pg_postgres as $$
declare
  key pg_postgres.jsonb;
  kind text;
  base text;
  name text;
  number int;
  places int2[];
  others int2[];
  id oid;
  index_id oid;
  target oid;
  rel record;
begin
  select c.oid, c.relname, c.relnamespace, n.nspname into rel from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.oid = relation;
  for key in select value from jsonb_array_elements(keys) loop
    kind := key ->> 'type';
    places := pg_redshift.places(relation, key -> 'columns');
    if kind = 'p' and exists (select from pg_constraint where conrelid = relation and contype = 'p') then
      raise exception using errcode = '42P16', message = format('multiple primary keys for table "%s" are not allowed', rel.relname);
    end if;
    base := coalesce(key ->> 'name', rel.relname || case kind when 'p' then '_pkey'
      when 'u' then '_' || array_to_string(array(select jsonb_array_elements_text(key -> 'columns')), '_') || '_key'
      else '_' || (key -> 'columns' ->> 0) || '_fkey' end);
    base := left(base, 55);
    name := base;
    number := 0;
    while exists (select from pg_class where relname = name and relnamespace = rel.relnamespace)
      or exists (select from pg_constraint where conname = name and conrelid = relation) loop
      number := number + 1;
      name := base || number;
    end loop;
    index_id := 0;
    target := 0;
    others := null;
    if kind = 'f' then
      target := coalesce((key ->> 'references')::oid, relation);
      others := case jsonb_array_length(key -> 'keys') when 0
        then (select conkey from pg_constraint where conrelid = target and contype = 'p')
        else pg_redshift.places(target, key -> 'keys') end;
    else
      execute format('create index %I on %s (%s) where false', name, relation::text, (select string_agg(quote_ident(value), ', ')
        from jsonb_array_elements_text(key -> 'columns')));
      index_id := (select oid from pg_class where relname = name and relnamespace = rel.relnamespace);
      update pg_index set indislive = false, indisvalid = false, indisready = false, indisunique = true, indisprimary = (kind = 'p')
      where indexrelid = index_id;
    end if;
    id := pg_nextoid('pg_constraint', 'oid', 'pg_constraint_oid_index');
    insert into pg_constraint (oid, conname, connamespace, contype, condeferrable, condeferred, conenforced, convalidated, conrelid,
      contypid, conindid, conparentid, confrelid, confupdtype, confdeltype, confmatchtype, conislocal, coninhcount, connoinherit,
      conperiod, conkey, confkey)
    values (id, name, rel.relnamespace, kind::"char", kind <> 'f', false, true, true, relation, 0, index_id, 0, target,
      case kind when 'f' then 'a' else ' ' end::"char", case kind when 'f' then 'a' else ' ' end::"char",
      case kind when 'f' then 's' else ' ' end::"char", true, 0, true, false, places, others);
    insert into pg_depend values ('pg_constraint'::regclass, id, 0, 'pg_class'::regclass, relation, 0, 'a');
    if kind = 'f' and target <> relation then
      insert into pg_depend values ('pg_constraint'::regclass, id, 0, 'pg_class'::regclass, target, 0, 'n');
    elsif kind <> 'f' then
      delete from pg_depend where classid = 'pg_class'::regclass and objid = index_id;
      insert into pg_depend values ('pg_class'::regclass, index_id, 0, 'pg_constraint'::regclass, id, 0, 'i');
    end if;
  end loop;
end $$;
create function pg_redshift.places(relation regclass, names pg_postgres.jsonb) returns int2[] language plpgsql stable
  set search_path = pg_catalog, pg_postgres as $$
declare
  name text;
  found int2[] := '{}';
  place int2;
begin
  for name in select jsonb_array_elements_text(names) loop
    place := (select attnum from pg_attribute where attrelid = relation and attname = name and attnum > 0 and not attisdropped);
    if place is null then
      raise exception using errcode = '42703', message = format('column "%s" named in key does not exist', name);
    end if;
    found := found || place;
  end loop;
  return found;
end $$;
