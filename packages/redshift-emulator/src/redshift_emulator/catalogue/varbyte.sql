-- VARBYTE (r_VARBYTE_type.html): PostgreSQL's bytea under Redshift's name and number, with a length.
set search_path = pg_catalog, pg_postgres;

insert into pg_type
select (json_populate_record(t, json_build_object('oid', 6551, 'typname', 'varbyte', 'typnamespace', 'pg_catalog'::regnamespace::oid,
  'typarray', 0, 'typmodin', 'varchartypmodin'::regproc::oid, 'typmodout', 'varchartypmodout'::regproc::oid,
  'typcategory', 'U', 'typispreferred', false))).*
from pg_type t where oid = 17;
insert into pg_cast (oid, castsource, casttarget, castfunc, castcontext, castmethod)
values (pg_nextoid('pg_cast', 'oid', 'pg_cast_oid_index'), 6551, 17, 0, 'i', 'b'),
  (pg_nextoid('pg_cast', 'oid', 'pg_cast_oid_index'), 17, 6551, 0, 'i', 'b');

-- A cast cuts, an assignment refuses
create function pg_redshift.sized_varbyte(value varbyte, modifier int, is_explicit bool) returns varbyte immutable strict
  parallel safe language plpgsql as $$
declare
  size int := modifier - 4;
begin
  if size < 0 or octet_length(value::pg_postgres.bytea) <= size then
    return value;
  elsif not is_explicit then
    raise exception using errcode = '22001', message = pg_postgres.format('value too long for type varbyte(%s)', size);
  end if;
  return pg_catalog.substring(value::pg_postgres.bytea, 1, size);
end $$;
create cast (varbyte as varbyte) with function pg_redshift.sized_varbyte(varbyte, int, bool) as implicit;
create function pg_redshift.text_varbyte(text) returns varbyte immutable strict parallel safe
  return pg_postgres.convert_to($1, 'UTF8')::varbyte;
create cast (text as varbyte) with function pg_redshift.text_varbyte(text) as assignment;
create function pg_redshift.varchar_varbyte(varchar) returns varbyte immutable strict parallel safe
  return pg_postgres.convert_to($1, 'UTF8')::varbyte;
create cast (varchar as varbyte) with function pg_redshift.varchar_varbyte(varchar) as assignment;
create function pg_redshift.varbyte_text(varbyte) returns text immutable strict parallel safe
  return pg_postgres.convert_from($1::bytea, 'UTF8');
create cast (varbyte as text) with function pg_redshift.varbyte_text(varbyte);
create function pg_redshift.varbyte_varchar(varbyte) returns varchar immutable strict parallel safe
  return pg_postgres.convert_from($1::bytea, 'UTF8');
create cast (varbyte as varchar) with function pg_redshift.varbyte_varchar(varbyte);

-- r_TO_VARBYTE.html, r_FROM_VARBYTE.html
create function pg_redshift.varbyte_format(format text) returns text immutable strict parallel safe language plpgsql as $$
declare
  known text := case replace(lower(format), '-', '') when 'hex' then 'hex' when 'base64' then 'base64' when 'utf8' then 'utf8'
    when 'binary' then 'binary' end;
begin
  if known is null then
    raise exception using errcode = '22023', message = pg_postgres.format('the format %s is not one of hex, base64, binary and utf-8', format);
  end if;
  return known;
end $$;
create function pg_redshift.from_binary(text) returns varbyte immutable strict parallel safe language plpgsql as $$
declare
  digits text := pg_catalog.lpad($1, ((pg_catalog.length($1) + 7) / 8) * 8, '0');
  answer text := '';
begin
  for place in 1 .. pg_catalog.length(digits) by 8 loop
    answer := answer || pg_catalog.lpad(pg_catalog.to_hex(pg_catalog.substring(digits, place, 8)::pg_postgres.bit(8)::int), 2, '0');
  end loop;
  return pg_catalog.decode(answer, 'hex');
end $$;
create function to_varbyte(value text, format text) returns varbyte immutable strict parallel safe
  return (case pg_redshift.varbyte_format(format)
    when 'hex' then decode(case when length(value) % 2 = 1 then '0' else '' end || value, 'hex')
    when 'base64' then decode(value, 'base64')
    when 'utf8' then convert_to(value, 'UTF8')
    else pg_redshift.from_binary(value)::bytea end)::varbyte;
create function from_varbyte(value varbyte, format text) returns varchar immutable strict parallel safe
  return case pg_redshift.varbyte_format(format)
    when 'hex' then encode(value, 'hex')
    when 'base64' then replace(encode(value, 'base64'), chr(10), '')
    when 'utf8' then convert_from(value, 'UTF8')
    else (select string_agg(get_byte(value, place)::pg_postgres.bit(8)::text, '' order by place)
      from generate_series(0, octet_length(value::bytea) - 1) place) end;
create function from_hex(text) returns varbyte immutable strict parallel safe return to_varbyte($1, 'hex');
create function to_hex(varbyte) returns varchar immutable strict parallel safe return encode($1::bytea, 'hex');
create function to_hex(text) returns varchar immutable strict parallel safe return encode(convert_to($1, 'UTF8'), 'hex');
create function len(varbyte) returns int immutable strict parallel safe return octet_length($1::bytea);
create function length(varbyte) returns int immutable strict parallel safe return octet_length($1::bytea);
create function octet_length(varbyte) returns int immutable strict parallel safe return octet_length($1::bytea);
create function "substring"(varbyte, int) returns varbyte immutable strict parallel safe return substring($1::bytea, $2)::varbyte;
create function "substring"(varbyte, int, int) returns varbyte immutable strict parallel safe return substring($1::bytea, $2, $3)::varbyte;
-- The bit of a place that counts from the last bit on (r_GETBIT.html)
create function getbit(varbyte, int) returns int immutable strict parallel safe
  return (get_byte($1::bytea, octet_length($1::bytea) - 1 - $2 / 8) >> ($2 % 8)) & 1;
