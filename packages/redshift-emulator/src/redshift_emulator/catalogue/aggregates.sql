-- Redshift's aggregates and what stands for its window functions (c_Aggregate_Functions.html, c_Window_functions.html).
set search_path = pg_catalog, pg_postgres;

-- AVG of integers is an integer, and that of decimals has their scale (r_AVG.html)
create function pg_redshift.avg_result(state int8[]) returns int8 language sql immutable strict parallel safe
  as $$ select case when $1[1] > 0 then $1[2] / $1[1] end $$;
create function pg_redshift.avg_add(state int8[], value int8) returns int8[] language plpgsql immutable strict parallel safe
  as $$ begin return array[state[1] + 1, state[2] + value]; end $$;
create aggregate avg(int2) (sfunc = int2_avg_accum, stype = int8[], initcond = '{0,0}', finalfunc = pg_redshift.avg_result);
create aggregate avg(int4) (sfunc = int4_avg_accum, stype = int8[], initcond = '{0,0}', finalfunc = pg_redshift.avg_result);
create aggregate avg(int8) (sfunc = pg_redshift.avg_add, stype = int8[], initcond = '{0,0}', finalfunc = pg_redshift.avg_result);
create function pg_redshift.avg_result(state numeric[]) returns numeric language sql immutable strict parallel safe
  as $$ select case when $1[1] > 0 then trunc($1[2] / $1[1], pg_postgres.scale($1[2])) end $$;
create function pg_redshift.avg_add(state numeric[], value numeric) returns numeric[] language plpgsql immutable strict
  parallel safe as $$ begin return array[state[1] + 1, state[2] + value]; end $$;
create aggregate avg(numeric) (sfunc = pg_redshift.avg_add, stype = numeric[], initcond = '{0,0}', finalfunc = pg_redshift.avg_result);

-- SUM of integers is an integer, too (r_SUM.html)
create aggregate sum(int8) (sfunc = int8pl, stype = int8, combinefunc = int8pl, parallel = safe);

-- MEDIAN and PERCENTILE_CONT of integers are decimals (r_MEDIAN.html, r_PERCENTILE_CONT.html); with OVER, too, which
-- PostgreSQL's ordered-set aggregates have not. So ARRAY_AGG collects the values, and these look into them.
create function pg_redshift.percentile(list numeric[], part float8) returns numeric immutable language sql as $$
  with sorted as (select pg_postgres.array_agg(x order by x) as v from pg_postgres.unnest($1) x where x is not null),
    place as (select v, ($2 * (pg_postgres.cardinality(v) - 1))::numeric as at from sorted)
  select v[floor(at)::int + 1] + (v[ceil(at)::int + 1] - v[floor(at)::int + 1]) * (at - floor(at)) from place $$;
select format('create function pg_redshift.percentile(%s[], float8) returns numeric immutable
  return pg_redshift.percentile($1::numeric[], $2)', kind) from unnest('{int2,int4,int8}'::text[]) kind \gexec
create function pg_redshift.percentile(float8[], float8) returns float8 immutable language sql
  as $$ select pg_catalog.percentile_cont($2) within group (order by x) from pg_postgres.unnest($1) x $$;
create function pg_redshift.percentile(timestamp[], float8) returns timestamp immutable language sql as $$
  select timestamp 'epoch' + pg_catalog.percentile_cont($2) within group (order by x - timestamp 'epoch')
  from pg_postgres.unnest($1) x $$;
create function pg_redshift.percentile(date[], float8) returns date immutable
  return pg_redshift.percentile($1::timestamp[], $2)::date;

create function pg_redshift.percentile_disc(list anyarray, part float8, is_descending bool) returns anyelement immutable
  language sql as $$ select case when $3 then (select pg_catalog.percentile_disc($2) within group (order by x desc) from pg_postgres.unnest($1) x)
    else (select pg_catalog.percentile_disc($2) within group (order by x) from pg_postgres.unnest($1) x) end $$;

-- FIRST_VALUE and LAST_VALUE ... IGNORE NULLS: an aggregate that skips nulls, over the same frame
create function pg_redshift.keep_first(anyelement, anyelement) returns anyelement immutable strict parallel safe
  language sql as $$ select $1 $$;
create function pg_redshift.keep_last(anyelement, anyelement) returns anyelement immutable strict parallel safe
  language sql as $$ select $2 $$;
create aggregate pg_redshift.first_value(anyelement) (sfunc = pg_redshift.keep_first, stype = anyelement);
create aggregate pg_redshift.last_value(anyelement) (sfunc = pg_redshift.keep_last, stype = anyelement);

-- NTH_VALUE, LAG and LEAD ... IGNORE NULLS: which of the values that are not null, counted from the end if negative
create function pg_redshift.nth(list anyarray, place int) returns anyelement immutable strict parallel safe language sql
  as $$ select $1[case when $2 < 0 then pg_postgres.cardinality($1) + 1 + $2 else $2 end] $$;

create function pg_redshift.listagg(list text) returns varchar stable parallel safe language sql as $$
  select case when octet_length($1) > 65535 then pg_redshift.fail('54000', 'Result size exceeds LISTAGG limit') else $1 end $$;
create function pg_redshift.listagg(list anyarray, separator text, is_descending bool) returns varchar stable parallel safe
  language sql as $$ select pg_redshift.listagg(pg_postgres.string_agg(v::text, $2 order by case when $3 then -n else n end))
    from (select v, row_number() over (order by v) as n from (select distinct v from pg_postgres.unnest($1) v where v::text <> '')) $$;
