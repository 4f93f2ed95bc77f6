-- Redshift's functions, made in pg_catalog as Redshift's are. Each block names its page of the developer guide.
set search_path = pg_catalog;

-- AVG of integers is an integer (r_AVG.html). PostgreSQL's own stay under another name, for views that use them.
alter aggregate avg(int2) rename to pg_avg;
alter aggregate avg(int4) rename to pg_avg;
alter aggregate avg(int8) rename to pg_avg;
create function pg_redshift.avg_result(state int8[]) returns int8 language sql immutable strict parallel safe
  as $$ select case when $1[1] > 0 then $1[2] / $1[1] end $$;
create function pg_redshift.avg_add(state int8[], value int8) returns int8[] language plpgsql immutable strict parallel safe
  as $$ begin return array[state[1] + 1, state[2] + value]; end $$;
create aggregate avg(int2) (sfunc = int2_avg_accum, stype = int8[], initcond = '{0,0}', finalfunc = pg_redshift.avg_result);
create aggregate avg(int4) (sfunc = int4_avg_accum, stype = int8[], initcond = '{0,0}', finalfunc = pg_redshift.avg_result);
create aggregate avg(int8) (sfunc = pg_redshift.avg_add, stype = int8[], initcond = '{0,0}', finalfunc = pg_redshift.avg_result);

-- GETDATE has no fraction of a second; SYSDATE is the start of the transaction (r_GETDATE.html, r_SYSDATE.html)
create function getdate() returns timestamp stable parallel safe
  return date_trunc('second', statement_timestamp() at time zone 'UTC');
create function sysdate() returns timestamp stable parallel safe return now() at time zone 'UTC';

-- The log of the loads, which is not transactional; see copy.py
create function pg_redshift.load_log(kind text) returns setof json stable security definer language sql as $$
  select line::json from regexp_split_to_table(
    pg_read_file(current_setting('data_directory') || '/../load_log/' || kind, true), e'\n') line where line <> '' $$;
create function pg_redshift.last_copy(part int) returns bigint volatile security definer language sql as $$
  select split_part(pg_read_file(
    current_setting('data_directory') || '/../load_log/session.' || pg_backend_pid(), true), ' ', part)::bigint $$;
create function pg_last_copy_id() returns bigint volatile language sql
  as $$ select coalesce(pg_redshift.last_copy(1), -1) $$;
create function pg_last_copy_count() returns bigint volatile language sql
  as $$ select coalesce(pg_redshift.last_copy(2), 0) $$;
