-- Redshift's functions, made in pg_catalog as Redshift's are. Each block names its page of the developer guide.
-- A function whose name is in functions.txt and that PostgreSQL has with Redshift's meaning is PostgreSQL's own.
set search_path = pg_catalog;

-- PostgreSQL's functions and types that Redshift lacks are moved out of sight, with those that are made anew below:
-- a name that is not Redshift's does not exist, wherever it is used. What PostgreSQL itself calls, it calls by number.
create schema pg_postgres;
grant usage on schema pg_postgres, pg_redshift to public;
update pg_proc set pronamespace = 'pg_postgres'::regnamespace
where pronamespace = 'pg_catalog'::regnamespace and (proname not in (select name from pg_redshift.functions)
  or proname in ('cbrt', 'concat', 'json_array_length', 'json_extract_path_text', 'json_typeof', 'quote_literal', 'regexp_count',
    'regexp_instr', 'regexp_replace', 'regexp_substr', 'split_part', 'to_date', 'to_timestamp', 'version')
  or proname = 'avg' and proargtypes[0] in (20, 21, 23, 1700)
  or proname = 'to_char' and proargtypes[0] not in (1184, 1186)
  or proname = 'date_trunc' and pronargs = 3 or proname = 'random' and pronargs = 2
  or proname = 'sum' and proargtypes[0] in (20, 700)
  -- These have double precision as their result, whatever their argument is
  or proname ~ '^(stddev|var)' and proargtypes[0] in (20, 21, 23, 1700)
  or (proname in ('exp', 'power', 'pow', 'sqrt') or proname = 'log' and pronargs = 1) and proargtypes[0] = 1700);
update pg_type set typnamespace = 'pg_postgres'::regnamespace
where typnamespace = 'pg_catalog'::regnamespace and typtype in ('b', 'd', 'r', 'm', 'p') and typcategory <> 'A'
  and typname not in (select name from pg_redshift.types);
set search_path = pg_catalog, pg_postgres;

create function version() returns text immutable parallel safe return 'PostgreSQL 8.0.2 on i686-pc-linux-gnu, '
  'compiled by GCC gcc (GCC) 3.4.2 20041017 (Red Hat 3.4.2-6.fc3), Redshift 1.0.0 (emulator)';
create function pg_redshift.fail(code text, message text) returns text stable language plpgsql
  as $$ begin raise exception using errcode = code, message = message; end $$;

-- VARCHAR(n) and CHAR(n) hold n bytes (r_Character_types.html): a cast cuts, an assignment refuses
-- (in PL/pgSQL: an SQL function would be inlined, and CREATE TABLE AS would no longer see the width of the cast)
create function pg_redshift.varchar_bytes(value varchar, modifier int, is_explicit bool) returns varchar
  immutable strict parallel safe language plpgsql as $$
declare
  size int := modifier - 4;
begin
  if size < 0 or octet_length(value) <= size then
    return value;
  elsif not is_explicit and octet_length(rtrim(value)) > size then
    raise exception using errcode = '22001', message = pg_postgres.format('value too long for type character varying(%s)', size);
  end if;
  value := left(value, size);
  while octet_length(value) > size loop
    value := left(value, -1);
  end loop;
  return value;
end $$;
update pg_cast set castfunc = 'pg_redshift.varchar_bytes'::regproc where castsource = 1043 and casttarget = 1043;

-- A boolean has no cast to a text
create function pg_redshift.no_text(bool) returns text stable parallel safe
  return pg_redshift.fail('42846', 'cannot cast type boolean to character varying');
update pg_cast set castfunc = 'pg_redshift.no_text'::regproc where castsource = 16 and casttarget in (25, 1042, 1043);

-- 24:00:00 is midnight, in a cast and in a column (the trigger), where a time with a zone is UTC's (r_Datetime_types.html)
create function pg_redshift.time_of_day(value time) returns time immutable strict parallel safe
  return case value when time '24:00:00' then time '00:00:00' else value end;
create function pg_redshift.time_of_day(value timetz) returns timetz immutable strict parallel safe
  return case when value::time = time '24:00:00' then value - interval '24 hours' else value end;
create function pg_redshift.midnight() returns trigger language plpgsql set search_path = pg_catalog, pg_postgres as $$
declare
  item record;
  given jsonb := to_jsonb(new);
begin
  for item in select * from jsonb_each_text(given) where value ~ '^24:|[+-]' and key = any (tg_argv) loop
    if item.value ~ '[+-]' then
      given := jsonb_set(given, array[item.key], to_jsonb(timezone('UTC', pg_redshift.time_of_day(item.value::timetz))));
    else
      given := jsonb_set(given, array[item.key], to_jsonb('00' || substr(item.value, 3)));
    end if;
  end loop;
  return jsonb_populate_record(new, given);
end $$;

-- TRY_CAST (r_TRY_CAST.html); the outer cast to the type is written by the dialect
-- (in PL/pgSQL: an SQL function that is not inlined costs twenty times as much a row; dates and times come first, since
-- files are full of them; PG_INPUT_IS_VALID keeps the first type that a constant or parameter names, so each has its own)
create function pg_redshift.try_cast(value text, kind text) returns text strict stable parallel safe language plpgsql as $$
begin
  if (kind like 'date%' or kind like 'time%')
    and (ascii(value) between 48 and 57 or value ~ '^ *([0-9]|[A-Za-z]{3,9}[ -])') then  -- a digit needs no pattern
    return case when case kind when 'date' then pg_postgres.pg_input_is_valid(value, 'date')
      when 'timestamp' then pg_postgres.pg_input_is_valid(value, 'timestamp')
      else pg_postgres.pg_input_is_valid(value, kind || '') end then value end;
  elsif kind = 'boolean' then
    perform pg_redshift.fail('42846', 'cannot cast type character varying to boolean');
  elsif btrim(value) = '' then
    perform pg_redshift.fail('22023', 'TRY_CAST: the expression cannot contain blank or empty strings');
  elsif kind like 'date%' or kind like 'time%' then
    return null;
  elsif kind in ('smallint', 'integer', 'bigint') then
    if value !~ '^ *[-+]?[0-9]+ *$' then return null; end if;
  elsif kind ~ '^(numeric|decimal)' then
    if value !~ '^ *[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)? *$' then return null; end if;
  end if;
  return case when case kind when 'integer' then pg_postgres.pg_input_is_valid(value, 'integer')
    when 'bigint' then pg_postgres.pg_input_is_valid(value, 'bigint')
    else pg_postgres.pg_input_is_valid(value, kind || '') end then value end;
end $$;
create function pg_redshift.try_cast(value anyelement, kind text) returns text stable language sql as $$
  select cast_to from (select case when pg_postgres.pg_typeof($1) = 'bool'::regtype then case v when 't' then '1' else '0' end
      when $2 = 'boolean' then case when v::numeric <> 0 then 'true' else 'false' end
      when $2 in ('smallint', 'integer', 'bigint') and v ~ '^[-0-9.]+$' then round(v::numeric)::text else v end as cast_to
    from (select pg_postgres.format('%s', $1) as v where $1 is not null) shown) x
  where pg_postgres.pg_input_is_valid(cast_to, $2 || '') $$;

-- Date and time (Date_functions_header.html). The dialect writes date parts in their long form, in quotes.
-- GETDATE has no fraction of a second; SYSDATE is the start of the transaction; both are in the session's time zone.
create function getdate() returns timestamp stable parallel safe return date_trunc('second', statement_timestamp()::timestamp);
create function sysdate() returns timestamp stable parallel safe return now()::timestamp;
-- The first one is stable, not strict, and names its intervals, so that PostgreSQL can inline it: ten times as fast a row.
-- A year after 29 February is 1 March (r_DATEADD_function.html).
create function date_add(part text, number bigint, moment timestamp) returns timestamp stable parallel safe
  return moment + number * (case part when 'day' then interval '1 day' when 'hour' then interval '1 hour'
    when 'minute' then interval '1 minute' when 'second' then interval '1 second' when 'month' then interval '1 month'
    when 'year' then interval '1 year' when 'quarter' then interval '3 months' when 'week' then interval '7 days'
    else ('1 ' || part)::interval end)
    + case when part = 'year' and extract(day from moment) = 29 and extract(day from moment + number * interval '1 year') = 28
      then interval '1 day' else interval '0' end;
create function date_add(part text, number bigint, moment timestamptz) returns timestamptz immutable strict parallel safe
  return date_add(part, number, moment at time zone 'UTC') at time zone 'UTC';
create function date_add(part text, number bigint, moment time) returns time immutable strict parallel safe
  return moment + number * ('1 ' || part)::interval;
create function date_add(part text, number bigint, moment timetz) returns timetz immutable strict parallel safe
  return (moment + number * ('1 ' || part)::interval) at time zone 'UTC';
create function date_diff(part text, a timestamp, b timestamp) returns bigint immutable strict parallel safe
  return case
    when part = 'day' then b::date - a::date
    when part in ('week', 'hour', 'minute', 'second') then extract(epoch from date_trunc(part, b) - date_trunc(part, a))
      / case part when 'week' then 604800 when 'hour' then 3600 when 'minute' then 60 else 1 end
    when part = 'month' then extract(year from b) * 12 + extract(month from b) - extract(year from a) * 12 - extract(month from a)
    when part = 'quarter' then extract(year from b) * 4 + extract(quarter from b) - extract(year from a) * 4 - extract(quarter from a)
    when part in ('year', 'decade', 'century', 'millennium') then (date_part(part, b) - date_part(part, a))::numeric
    when part = 'milliseconds' then floor(extract(epoch from b) * 1000) - floor(extract(epoch from a) * 1000)
    when part = 'microseconds' then extract(epoch from b - a) * 1000000 end::bigint;
create function date_diff(part text, a timestamptz, b timestamptz) returns bigint immutable strict parallel safe
  return date_diff(part, a at time zone 'UTC', b at time zone 'UTC');
create function date_diff(part text, a time, b time) returns bigint immutable strict parallel safe
  return date_diff(part, date '2000-01-01' + a, date '2000-01-01' + b);
create function date_diff(part text, a timetz, b timetz) returns bigint immutable strict parallel safe
  return date_diff(part, (a at time zone 'UTC')::time, (b at time zone 'UTC')::time);
-- DATE_PART has the whole seconds with their fraction, EXTRACT only its part; decade 201 starts with 2000
create function pgdate_part(part text, moment timestamp) returns float8 immutable strict parallel safe
  return date_part(part, moment) + case part when 'decade' then 1 else 0 end;
select format('create function pgdate_part(text, %s) returns float8 stable strict parallel safe return date_part($1, $2)', kind)
from unnest('{timestamptz,time,timetz,interval}'::text[]) kind \gexec
create function pg_redshift.date_part(part text, moment timestamp) returns int immutable strict parallel safe
  return case part when 'milliseconds' then mod(floor(extract(milliseconds from moment)), 1000)
    when 'microseconds' then mod(extract(microseconds from moment), 1000000)
    else floor(pgdate_part(part, moment)) end;
create function pg_redshift.date_part(part text, moment timestamptz) returns float8 immutable strict parallel safe
  return case when part like 'timezone%' then date_part(part, moment) else pg_redshift.date_part(part, moment at time zone 'UTC') end;
create function pg_redshift.date_part(part text, moment time) returns int immutable strict parallel safe
  return pg_redshift.date_part(part, date '2000-01-01' + moment);
create function pg_redshift.date_part(part text, moment timetz) returns int immutable strict parallel safe
  return case when part like 'timezone%' then date_part(part, moment) else pg_redshift.date_part(part, moment::time) end;
create function pg_redshift.date_part(part text, span interval) returns int immutable strict parallel safe
  return floor(date_part(part, span));
create function date_part_year(date) returns int immutable strict parallel safe return extract(year from $1);
create function date_part_year(text) returns int stable strict parallel safe return date_part_year($1::date);
create function trunc(timestamp) returns date immutable strict parallel safe return $1::date;
create function trunc(float8, int) returns float8 immutable strict parallel safe return trunc($1::numeric, $2)::float8;
create function round(float8, int) returns float8 immutable strict parallel safe return round($1::numeric, $2)::float8;
-- The root that PostgreSQL gives may be off in its last digit, which one step of Newton's corrects
create function cbrt(float8) returns float8 immutable strict parallel safe language sql
  as $$ select root - case when root = 0 then 0 else (root * root * root - $1) / (3 * root * root) end
    from (select pg_postgres.cbrt($1) as root) near $$;
create function last_day(timestamp) returns date immutable strict parallel safe
  return (date_trunc('month', $1) + interval '1 month')::date - 1;
create function add_months(timestamp, bigint) returns timestamp immutable strict parallel safe
  return case when $1::date = last_day($1) then last_day(date_add('month', $2, $1)) + $1::time else date_add('month', $2, $1) end;
create function months_between(a timestamp, b timestamp) returns float8 immutable strict parallel safe
  return date_diff('month', b, a) + case when extract(day from a) = extract(day from b)
    or a::date = last_day(a) and b::date = last_day(b) then 0
    else ((extract(day from a) - extract(day from b)) + extract(epoch from a::time - b::time) / 86400) / 31 end;
create function next_day(timestamp, text) returns date immutable strict parallel safe
  return $1::date + (7 + (coalesce(nullif(strpos('su mo tu we th fr sa', lower(left($2, 2))), 0),
    pg_redshift.fail('22023', 'invalid day of the week: ' || $2)::int) - 1) / 3 - extract(dow from $1)::int - 1) % 7 + 1;
create function convert_timezone(source text, target text, moment timestamp) returns timestamp immutable strict parallel safe
  return moment at time zone source at time zone target;
create function convert_timezone(target text, moment timestamp) returns timestamp immutable strict parallel safe
  return convert_timezone('UTC', target, moment);
create function convert_timezone(target text, moment timestamptz) returns timestamp immutable strict parallel safe
  return moment at time zone target;

-- TO_CHAR names the zone of the session also for a time without one, and the currency symbol is a dollar
create function to_char(timestamp, text) returns text stable strict parallel safe
  return to_char($1 at time zone current_setting('timezone'), $2);
create function to_char(numeric, text) returns text stable strict parallel safe return pg_postgres.to_char($1,
  case when $2 like '%"%' then $2 else pg_postgres.regexp_replace($2, '(?<!p)l', '"$"', 'gi') end);
create function to_char(float8, text) returns text stable strict parallel safe return to_char($1::numeric, $2);

-- TO_TIMESTAMP and TO_DATE take a day or a time that is too large for the next one, unless they are strict
create function to_timestamp(value text, format text, is_strict bool default false) returns timestamptz stable strict
  language plpgsql as $$
declare
  places text := replace(upper(format), 'HH24', 'HH');
  fields int[];
begin
  return pg_postgres.to_timestamp(value, format);
exception when datetime_field_overflow then
  if places !~ '^(YYYY|MM|DD|HH|MI|SS|[^A-Z])*$' or value ~ '[A-Za-z]' then
    raise;
  end if;
  fields := array(select coalesce(substr(value, nullif(strpos(places, part), 0), length(part))::int, least)
    from (values ('YYYY', 1), ('MM', 1), ('DD', 1), ('HH', 0), ('MI', 0), ('SS', 0)) parts(part, least));
  if is_strict then
    raise exception using errcode = '22008', message = 'date/time field ' || case when places like '%HH%'
      then 'time value out of range: ' || substr(value, strpos(places, 'HH')) || '.0'
      else pg_postgres.format('date value out of range: %s-%s-%s', fields[1], fields[2], fields[3]) end;
  end if;
  return pg_postgres.make_timestamptz(fields[1], fields[2], 1, 0, 0, 0)
    + pg_postgres.make_interval(days => fields[3] - 1, hours => fields[4], mins => fields[5], secs => fields[6]);
end $$;
create function to_date(value text, format text, is_strict bool default false) returns date stable strict
  return to_timestamp(value, format, is_strict)::date;

-- Strings (String_functions_header.html)
create function concat(text, text) returns text immutable strict parallel safe return $1 || $2;
create function concat(text, anynonarray) returns text stable parallel safe language sql as $$ select $1 || $2 $$;
create function concat(anynonarray, text) returns text stable parallel safe language sql as $$ select $1 || $2 $$;
create operator + (leftarg = text, rightarg = text, function = textcat);
create function split_part(text, text, place int) returns text immutable strict parallel safe return case when place > 0
  then pg_postgres.split_part($1, $2, place) else pg_redshift.fail('22023', 'field position must be greater than zero') end;
create function len(text) returns int immutable strict parallel safe return length($1);
create function charindex(text, text) returns int immutable strict parallel safe return strpos($2, $1);
create function octetindex(text, text) returns int immutable strict parallel safe
  return case when strpos($2, $1) = 0 then 0 else octet_length(left($2, strpos($2, $1) - 1)) + 1 end;
create function quote_literal(text) returns text immutable strict parallel safe
  return '\'' || replace(replace($1, '\\', '\\\\'), '\'', '\'\'') || '\'';
create function replicate(text, int) returns text immutable strict parallel safe return repeat($1, $2);
create function strtol(text, int) returns bigint stable strict parallel safe language sql as $$
  select case when bool_or(digit not between 0 and $2 - 1)
      then pg_redshift.fail('22P02', pg_postgres.format('The input %s is not valid to be converted to base %s', $1, $2))::bigint
    else sum(digit * pg_postgres.power($2::numeric, (size - place)::numeric)) * case when ltrim($1) like '-%' then -1 else 1 end end::bigint
  from (select strpos('0123456789abcdefghijklmnopqrstuvwxyz', letter) - 1 as digit, place, length(body) as size
    from (select replace(ltrim(lower($1), ' +-'), case $2 when 16 then '0x' else '' end, '') as body) written,
      pg_postgres.regexp_split_to_table(body, '') with ordinality x(letter, place)) digits $$;

-- SOUNDEX.html, DIFFERENCE.html: letters of one sound have one digit, vowels have none and part the others
create function soundex(text) returns varchar immutable strict parallel safe language sql as $$
  select rpad(initial || replace(substr(pg_postgres.regexp_replace(translate(initial || translate(substr(letters, 2), 'HW', ''),
      'ABCDEFGHIJKLMNOPQRSTUVWXYZ', '01230120022455012623010202'), '(.)\\1+', '\\1', 'g'), 2), '0', ''), case when letters = '' then 0 else 4 end, '0')
  from (select letters, left(letters, 1) as initial from (select upper(pg_postgres.regexp_replace($1, '[^A-Za-z]', '', 'g')) as letters)) $$;
create function difference(text, text) returns int immutable strict parallel safe language sql as $$
  select case when a || b = '' then 1 else (select count(*) from generate_series(1, 4) n where substr(a, n, 1) = substr(b, n, 1)
    and a <> '' and b <> '') end::int from (select soundex($1) as a, soundex($2) as b) $$;

-- Regular expressions: e takes the group, p is Perl's syntax, which PostgreSQL's covers for the most part
create function pg_redshift.flags(text) returns text immutable strict parallel safe return translate($1, 'ep', '');
create function regexp_substr(source text, pattern text, start int default 1, nth int default 1, flags text default 'c')
  returns text immutable strict parallel safe return coalesce(pg_postgres.regexp_substr(source, pattern, greatest(start, 1), nth,
    pg_redshift.flags(flags), case when flags like '%e%' then 1 else 0 end), '');
create function regexp_replace(source text, pattern text, replacement text default '', start int default 1, flags text default 'c')
  returns text immutable strict parallel safe
  return pg_postgres.regexp_replace(source, pattern, case when flags like '%p%'
    then pg_postgres.regexp_replace(replacement, '[$]([0-9])', E'\\\\\\1', 'g') else replacement end,
    greatest(start, 1), 0, pg_redshift.flags(flags));
create function regexp_count(source text, pattern text, start int default 1, flags text default 'c') returns int
  immutable strict parallel safe return pg_postgres.regexp_count(source, pattern, greatest(start, 1), pg_redshift.flags(flags));
create function regexp_instr(source text, pattern text, start int default 1, nth int default 1, after int default 0,
  flags text default 'c') returns int immutable strict parallel safe return pg_postgres.regexp_instr(source, pattern, greatest(start, 1),
    nth, after, pg_redshift.flags(flags), case when flags like '%e%' then 1 else 0 end);

-- Hashes (hash-functions.html)
create function sha2(text, int) returns text immutable strict parallel safe return encode(case
  when $2 = 224 then sha224(convert_to($1, 'UTF8')) when $2 = 384 then sha384(convert_to($1, 'UTF8'))
  when $2 = 512 then sha512(convert_to($1, 'UTF8')) when $2 in (0, 256) then sha256(convert_to($1, 'UTF8')) end, 'hex');
create function pg_redshift.fnv(bytes pg_postgres.bytea, hash bigint) returns bigint immutable strict parallel safe
  language plpgsql as $$
declare
  unsigned numeric;
begin
  for i in 0..length(bytes) - 1 loop
    hash := hash # get_byte(bytes, i);
    unsigned := mod((case when hash < 0 then 18446744073709551616 else 0 end + hash) * 1099511628211, 18446744073709551616);
    hash := unsigned - case when unsigned > 9223372036854775807 then 18446744073709551616 else 0 end;
  end loop;
  return hash;
end $$;
create function fnv_hash(text, seed bigint default -3750763034362895579) returns bigint immutable parallel safe
  return pg_redshift.fnv(pg_postgres.convert_to($1, 'UTF8'), seed);
create function crc32(text) returns text immutable strict parallel safe
  return lpad(to_hex(crc32c(convert_to($1, 'UTF8'))), 8, '0');
create function pg_redshift.rotate(value bigint, bits int) returns bigint immutable strict parallel safe
  return ((value << bits) | (value >> (32 - bits))) & 4294967295;
create function sha1(text) returns text immutable strict language plpgsql set search_path = pg_catalog, pg_postgres as $$
declare
  message text := encode(convert_to($1, 'UTF8'), 'hex');
  h bigint[] := array[1732584193, 4023233417, 2562383102, 271733878, 3285377520];
  k constant bigint[] := array[1518500249, 1859775393, 2400959708, 3395469782];
  w bigint[]; s bigint[]; f bigint;
begin
  message := message || '80' || repeat('00', (119 - octet_length($1) % 64) % 64) || lpad(to_hex(octet_length($1) * 8), 16, '0');
  for block in 0..length(message) / 128 - 1 loop
    w := array(select ('x' || substr(message, block * 128 + i * 8 - 7, 8))::pg_postgres.bit(32)::bigint
      from generate_series(1, 16) i);
    s := h;
    for i in 1..80 loop
      if i > 16 then
        w[i] := pg_redshift.rotate(w[i - 3] # w[i - 8] # w[i - 14] # w[i - 16], 1);
      end if;
      f := case (i - 1) / 20 when 0 then s[4] # (s[2] & (s[3] # s[4])) when 2 then (s[2] & s[3]) | (s[4] & (s[2] | s[3]))
        else s[2] # s[3] # s[4] end;
      f := (pg_redshift.rotate(s[1], 5) + f + s[5] + k[(i - 1) / 20 + 1] + w[i]) & 4294967295;
      s := array[f, s[1], pg_redshift.rotate(s[2], 30), s[3], s[4]];
    end loop;
    h := array(select (h[n] + s[n]) & 4294967295 from generate_series(1, 5) n);
  end loop;
  return (select string_agg(lpad(to_hex(h[n]), 8, '0'), '' order by n) from generate_series(1, 5) n);
end $$;
create function sha(text) returns text immutable strict return sha1($1);
create function func_sha1(text) returns text immutable strict return sha1($1);

-- JSON in VARCHAR (json-functions.html)
create function pg_redshift.is_json(text) returns bool immutable strict parallel safe return $1 is json;
create function is_valid_json(text) returns bool immutable strict parallel safe return $1 is json object;
create function is_valid_json_array(text) returns bool immutable strict parallel safe return $1 is json array;
create function json_extract_path_text(text, variadic text[]) returns text immutable strict parallel safe language sql
  as $$ select pg_postgres.json_extract_path_text($1::pg_postgres.json, variadic $2) $$;
create function json_array_length(text) returns int immutable strict parallel safe language sql
  as $$ select pg_postgres.json_array_length($1::pg_postgres.json) $$;
create function json_extract_array_element_text(text, int) returns text immutable strict parallel safe language sql
  as $$ select $1::pg_postgres.json operator(pg_catalog.->>) case when $2 >= 0 then $2 end $$;

-- A text or a date is taken for a time where Redshift wants a time.
-- AS_TIMESTAMP is immutable so that a literal is read once and not for each row.
create function pg_redshift.as_timestamp(text) returns timestamp immutable strict parallel safe language sql
  as $$ select $1::timestamp $$;
create function pg_redshift.as_timestamp(date) returns timestamp immutable parallel safe return $1::timestamp;
select format('create function %s.%I(%s) returns %s stable parallel safe return %1$s.%2$I(%5$s)', pronamespace::regnamespace,
  proname, replace(pg_get_function_arguments(p.oid), 'timestamp without time zone', kind), pg_get_function_result(p.oid),
  (select string_agg(case type when 1114 then 'pg_redshift.as_timestamp($' || n || ')' else '$' || n end, ', ' order by n)
    from unnest(proargtypes::oid[]) with ordinality x(type, n)))
from pg_proc p, unnest('{text,date}'::text[]) kind
where 1114 = any (proargtypes) and (pronamespace = 'pg_redshift'::regnamespace and proname = 'date_part'
  or pronamespace = 'pg_catalog'::regnamespace and proname in ('date_add', 'date_diff', 'pgdate_part', 'date_trunc', 'last_day',
    'add_months', 'months_between', 'next_day', 'convert_timezone')) \gexec

-- What is no text is taken for one where Redshift wants a text: as the first argument, and beside LIKE. Numbers are
-- compared with texts as texts, decimals as numbers (c_Supported_data_types.html).
\set kinds '{int4,int8,numeric,float8,date,timestamp,timestamptz}'
select format('create function %I(%s) returns %s stable parallel safe return %1$I($1::text%4$s)', proname,
  pg_postgres.regexp_replace(pg_get_function_arguments(p.oid), '\\mtext\\M', kind), pg_get_function_result(p.oid),
  (select string_agg(', $' || n, '' order by n) from generate_series(2, pronargs) n))
from pg_proc p, unnest(:'kinds'::text[]) kind
where pronamespace = 'pg_catalog'::regnamespace and proargtypes[0] = 25 and proname in ('ascii', 'btrim', 'initcap', 'left',
  'len', 'length', 'lower', 'lpad', 'ltrim', 'octet_length', 'quote_literal', 'regexp_count', 'regexp_instr',
  'regexp_replace', 'regexp_substr', 'repeat', 'replace', 'reverse', 'right', 'rpad', 'rtrim', 'split_part', 'strpos',
  'substring', 'to_date', 'to_timestamp', 'translate', 'upper') \gexec
select format('create function pg_redshift.%I(%s, text) returns bool stable parallel safe return $1::text %s $2;
  create operator %3$s (leftarg = %2$s, rightarg = text, function = pg_redshift.%1$I)', 'compare ' || sign, kind, sign)
from unnest(:'kinds'::text[]) kind, unnest('{~~,!~~,~~*,!~~*,~,!~}'::text[]) sign \gexec
select format('create function pg_redshift.%I(%s, text) returns bool stable parallel safe return $1%s %s $2%s;
  create function pg_redshift.%1$I(text, %2$s) returns bool stable parallel safe return $1%5$s %4$s $2%3$s;
  create operator %4$s (leftarg = %2$s, rightarg = text, function = pg_redshift.%1$I);
  create operator %4$s (leftarg = text, rightarg = %2$s, function = pg_redshift.%1$I)', 'compare ' || sign, kind,
  case kind when 'numeric' then '' else '::text' end, sign, case kind when 'numeric' then '::numeric' else '' end)
from unnest('{int4,int8,numeric,float8}'::text[]) kind, unnest('{=,<>,<,>,<=,>=}'::text[]) sign \gexec

-- Redshift hashes an integer from its last byte on
select format('create function fnv_hash(%s, seed bigint default -3750763034362895579) returns bigint immutable parallel safe
  return pg_redshift.fnv(reverse(pg_postgres.%1$ssend($1)), seed)', kind) from unnest('{int2,int4,int8}'::text[]) kind \gexec
-- Integers are whole, and stay integers (r_FLOOR.html)
select format('create function %I(%s) returns %2$s immutable parallel safe return $1', name, kind)
from unnest('{ceil,ceiling,floor,round,trunc}'::text[]) name, unnest('{int2,int4,int8}'::text[]) kind \gexec
