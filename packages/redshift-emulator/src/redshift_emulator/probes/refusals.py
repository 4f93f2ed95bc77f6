# ruff: noqa: E501, RUF005 - a probe is a line
"""What Redshift refuses, or the emulator by name."""

from __future__ import annotations

from typing import Any

from .kinds import CORRELATED, NO_TYPE, ON_TABLES, SYNTAX, UNSUPPORTED, Refusal, absent, refusals

REFUSALS: dict[tuple[str, str], list[tuple[str | tuple[str, ...], Any]]] = {
    ("refused: windows", "users"): refusals(
        UNSUPPORTED,
        ("select sum(amount) over (order by id) from sales", "Aggregate window functions with an ORDER BY clause require a frame clause"),
        ("select first_value(amount) over (order by id) from sales", "Aggregate window functions with an ORDER BY clause require a frame clause"),
        ("select sum(amount) over (order by id range between unbounded preceding and current row) from sales", "RANGE clause of window functions not yet implemented"),
        ("select count(distinct amount) over (partition by region) from sales", "DISTINCT is not supported for window functions"),
        ("select lag(amount, 1, 0) over (order by id) from sales", "Default parameter not be supported for window function lag"),
        ("select lead(amount, 1, 0) over (order by id) from sales", "Default parameter not be supported for window function lead"),
    ),
    ("refused: aggregates", "users"): refusals(
        UNSUPPORTED,
        ("select listagg(region), count(distinct region) from sales", "Using LISTAGG/PERCENTILE_CONT/MEDIAN aggregate functions with other distinct aggregate function not supported"),
        ("select median(amount), sum(distinct amount) from sales", "Using LISTAGG/PERCENTILE_CONT/MEDIAN aggregate functions with other distinct aggregate function not supported"),
        ("select listagg(region) within group (order by id), listagg(note) within group (order by note) from sales", "within group ORDER BY clauses for aggregate functions must be the same"),
    )
    + refusals(
        SYNTAX,
        ("select sum(amount) filter (where id > 1) from sales", 'syntax error at or near "("'),
        ("select distinct on (region) region from sales", 'syntax error at or near "on"'),
    ),
    ("refused: leader-node functions", "c_SQL_functions_leader_node_only.html"): refusals(
        UNSUPPORTED,
        ("select now() from sales", ON_TABLES),
        ("select current_timestamp from sales", ON_TABLES),
        ("select id, generate_series(1, 3) from sales", ON_TABLES),
        ("insert into other (id) select generate_series(1, 3)", ON_TABLES),
        ("create table made as select current_schema() from sales", ON_TABLES),
        ("select s.id from sales s join pg_class c on c.relname = s.region", ON_TABLES),
        ("select substr(region, 1, 1) from sales", "SUBSTR() function is not supported (Hint: use SUBSTRING instead)"),
    )
    + [
        ("select substr('abc', 1, 1)", "a"),
        ("select count(*) from generate_series(1, 3)", 3),
        ("select now() is not null", True),
    ],
    ("refused: subqueries", "r_correlated_subqueries.html"): refusals(
        UNSUPPORTED,
        ("select region from sales where not exists (select 1 from other where not exists (select 1 from other o where o.id = sales.id))", CORRELATED),
        ("select * from sales left join other on sales.id = other.id and other.amount = (select max(o.amount) from other o where o.id = sales.id)", CORRELATED),
        ("select id from sales where amount not in (select sum(o.amount) over () from other o where o.id = sales.id)", CORRELATED),
        ("select s.id, (select count(*) from other o where o.id = s.id) as n from sales s group by n, s.id", CORRELATED),
    )
    + refusals(
        SYNTAX,
        ("select * from sales, lateral (select 1) x", 'syntax error at or near "lateral"'),
        ("select * from (values (1), (2)) v(a)", 'syntax error at or near "values"'),
        ("with gone as (delete from other) select 1", 'syntax error at or near "delete"'),
    ),
    ("refused: expressions", "users"): refusals(
        UNSUPPORTED,
        ("select sold + interval '1 month' from sales", "Interval values with month or year parts are not supported"),
        ("select regexp_replace(region, note, '') from sales", "The pattern must be a valid UTF-8 literal character expression"),
        ("select region ~ note from sales", "The pattern must be a valid UTF-8 literal character expression"),
    )
    + refusals(
        SYNTAX,
        ("select array[1, 2]", 'syntax error at or near "["'),
        ("select id as tag from sales", 'syntax error at or near "tag"'),
        ("select raw from sales", 'syntax error at or near "raw"'),
        ("select 1 is distinct from 2", 'syntax error at or near "distinct"'),
        ("select id from sales for update", 'syntax error at or near "for"'),
    ),
    ("refused: functions", "c_unsupported-postgresql-functions.html"): [
        ("select string_agg(region, ',') from sales", absent("string_agg", "character varying, unknown")),
        ("select array_agg(id) from sales", absent("array_agg")),
        ("select every(id > 1) from sales", absent("every", "boolean")),
        ("select to_json(1)", absent("to_json")),
        ("select json_build_object('a', 1)", absent("json_build_object", "unknown, integer")),
        ("select string_to_array('a,b', ',')", absent("string_to_array", "unknown, unknown")),
        ("select gen_random_uuid()", absent("gen_random_uuid", "")),
        ("select make_date(2024, 1, 1)", absent("make_date", "integer, integer, integer")),
        ("select format('%s', 1)", absent("format", "unknown, integer")),
        ("select pg_sleep(1)", absent("pg_sleep")),
        ("select nosuch(1)", absent("nosuch")),
    ],
    ("refused: types", "c_unsupported-postgresql-datatypes.html"): refusals(
        NO_TYPE,
        ("select '{}'::jsonb", 'type "jsonb" does not exist'),
        ("create table made (a json)", 'type "json" does not exist'),
        ("create table made (a uuid)", 'type "uuid" does not exist'),
        ("create table made (a serial)", 'type "serial" does not exist'),
        ("create table made (a bytea)", 'type "bytea" does not exist'),
        ("select '1.2.3.4'::inet", 'type "inet" does not exist'),
    )
    + [("create view made as select id from sales with no schema binding", Refusal(UNSUPPORTED, "All the relation names inside should be qualified when creating views with no schema binding."))]
    + [("create table made (a int[])", Refusal(UNSUPPORTED, 'Column "made.a" has unsupported type "integer[]".'))],
    ("refused: statements", "c_unsupported-postgresql-features.html"): refusals(
        UNSUPPORTED,
        ("create index i on sales (id)", 'SQL command "create index i on sales (id)" not supported on Redshift tables.'),
        ("create sequence s", 'SQL command "create sequence s" not supported.'),
        ("create extension x", 'SQL command "create extension x" not supported.'),
        ("create domain d as int", 'SQL command "create domain d as int" not supported.'),
        ("do $$ begin end $$", 'SQL command "do $$ begin end $$" not supported.'),
        ("savepoint a", 'SQL command "savepoint a" not supported.'),
        ("listen x", 'SQL command "listen x" not supported.'),
    )
    + refusals(
        SYNTAX,
        ("insert into other (id) values (9) returning id", 'syntax error at or near "returning"'),
        ("insert into other (id) values (9) on conflict do nothing", 'syntax error at or near "on"'),
        ("create table made (a int check (a > 0))", 'syntax error at or near "check"'),
        ("alter table other add column x int, add column y int", 'syntax error at or near ","'),
        ("alter table other add constraint c check (id > 0)", 'syntax error at or near "check"'),
        ("delete from other as o where o.id = 9", 'syntax error at or near "as"'),
        ("create table made (a int) partition by range (a)", 'syntax error at or near "partition"'),
        ("values (1)", 'syntax error at or near "values"'),
        ("selec 1", 'syntax error at or near "selec"'),
        ("explain analyze select 1", 'syntax error at or near "analyze"'),
    ),
    ("refused: MERGE", "r_MERGE.html"): refusals(
        SYNTAX,
        ("merge into other as o using sales s on o.id = s.id when matched then update set amount = 1 when not matched then insert values (1, 1)", 'syntax error at or near "o"'),
        ("merge into other using sales s on other.id = s.id when matched then delete", "syntax error at end of input"),
    )
    + refusals(
        UNSUPPORTED,
        ("merge into other using (select o.id from other o) s on other.id = s.id when matched then delete when not matched then insert values (1, 1)", "Source view/subquery in Merge statement cannot reference target table."),
    ),
    ("refused: not in the emulator", "c_SQL_commands.html"): refusals(
        UNSUPPORTED,
        ("create table made (a super)", "the emulator does not have the type super; Redshift does"),
        ("select json_parse('{}')", "the emulator does not have the function json_parse; Redshift does"),
        ("select hll(id) from sales", "the emulator does not have the function hll; Redshift does"),
        ("select st_point(1, 2)", "the emulator does not have the function st_point; Redshift does"),
        ("create procedure p() as $$ begin end $$ language plpgsql", "the emulator does not have CREATE PROCEDURE; Redshift does"),
        ("unload ('select 1') to 's3://x/' iam_role default", "the emulator does not have UNLOAD; Redshift does"),
        ("create external schema e from data catalog database 'd' iam_role default", "the emulator does not have CREATE EXTERNAL SCHEMA; Redshift does"),
        ("select s.id from sales s, other o where s.id = o.id(+)", "the emulator does not have the outer join operator (+); Redshift does"),
        ("select array(1, 2)", "the emulator does not have arrays, which are SUPER; Redshift does"),
        ("select * exclude (id) from sales", "the emulator does not have SELECT * EXCLUDE; Redshift does"),
        ("select region from sales group by all", "the emulator does not have GROUP BY ALL; Redshift does"),
        ("select * from sales pivot (count(id) for region in ('north'))", "the emulator does not have PIVOT and UNPIVOT; Redshift does"),
    ),
    ("refused: date and time", "r_TO_DATE_function.html"): [
        ("select to_date('20010631', 'YYYYMMDD', true)", Refusal("22008", "date/time field date value out of range: 2001-6-31")),
    ],
    ("refused: formats and casts", "r_CAST_function.html"): [
        ("select 'abc'::int", Refusal("22P02", "invalid input syntax for integer: \"abc\"")),
        ("select coalesce(null, 'Amazon Redshift', 12)", Refusal("22P02", "invalid input syntax for integer: \"Amazon Redshift\"")),
        ("select 1::numeric(10, 11)", Refusal("22023", "NUMERIC scale 11 must be between 0 and precision 10")),
    ],
    ("refused: not in the emulator", "hash-functions.html"): [
        ("select checksum(price) from listing", Refusal(UNSUPPORTED, "the emulator does not have the function checksum; Redshift does")),
    ],
    ("refused: aggregates", "r_LISTAGG.html"): [
        ("select listagg(sellerid) within group (order by dateid) as sellers, listagg(dateid) within group (order by sellerid) as dates from winsales", Refusal(UNSUPPORTED, "within group ORDER BY clauses for aggregate functions must be the same")),
        ("select listagg(a) from (select 1 as a)", Refusal(UNSUPPORTED, "One or more of the used functions must be applied on at least one user created tables. Examples of user table only functions are LISTAGG, MEDIAN, PERCENTILE_CONT, etc")),
    ],
    ("refused: aggregates", "r_MEDIAN.html"): [
        ("select percentile_cont(0.5) within group (order by qty), percentile_cont(0.25) within group (order by qty desc), percentile_disc(0.25) within group (order by qty) from winsales", Refusal(UNSUPPORTED, "within group ORDER BY clauses for aggregate functions must be the same")),
        ("select percentile_cont(1.5) within group (order by qty) from winsales", Refusal("22003", "percentile value 1.5 is not between 0 and 1")),
    ],
    ("refused: window functions", "c_Window_functions.html"): [
        ("select last_value(qty) over (order by salesid) from winsales", Refusal(UNSUPPORTED, "Aggregate window functions with an ORDER BY clause require a frame clause")),
        ("select nth_value(qty, 2) over (order by salesid) from winsales", Refusal(UNSUPPORTED, "Aggregate window functions with an ORDER BY clause require a frame clause")),
        ("select ratio_to_report(qty) over (order by salesid) from winsales", Refusal(UNSUPPORTED, "Aggregate window functions with an ORDER BY clause require a frame clause")),
        ("select row_number() over (partition by 1 order by salesid) from winsales", Refusal(UNSUPPORTED, "constant expressions are not supported in partition by clauses")),
    ],
    ("refused: queries", "r_WITH_clause.html"): [
        ("with w1 as (select * from w2), w2 as (select * from w1) select * from users", Refusal("42P01", "relation \"w2\" does not exist")),
        ("with a as (select 1 as x) insert into sales (id) select x from a", Refusal(SYNTAX, 'syntax error at or near "insert"')),
        ("with recursive n(i) as (select 1 union select i + 1 from n where i < 3) select * from n", Refusal(SYNTAX, 'recursive common table expression "n" needs UNION ALL')),
    ],
    ("refused: not in the emulator", "r_FROM_clause-pivot-unpivot-examples.html"): [
        ("select * from (select partname, price from part) pivot (avg(price) for partname in ('prop', 'rudder', 'wing'))", Refusal(UNSUPPORTED, "the emulator does not have PIVOT and UNPIVOT; Redshift does")),
        ("select * from count_by_color unpivot (cnt for color in (red, green, blue))", Refusal(UNSUPPORTED, "the emulator does not have PIVOT and UNPIVOT; Redshift does")),
    ],
    ("refused: queries", "r_SELECT_synopsis.html"): [
        ("select * from nowhere", Refusal("42P01", "relation \"nowhere\" does not exist")),
        ("select * from users where", Refusal(SYNTAX, "syntax error at end of input")),
        ("select localtimestamp from users", Refusal(UNSUPPORTED, "Specified types or functions (one per INFO message) not supported on Redshift tables.")),
        ("select current_time from users", Refusal(UNSUPPORTED, "Specified types or functions (one per INFO message) not supported on Redshift tables.")),
        ("select age(listtime) from listing", Refusal(UNSUPPORTED, "Specified types or functions (one per INFO message) not supported on Redshift tables.")),
        ("select distinct on (sellerid) sellerid from winsales", Refusal(SYNTAX, 'syntax error at or near "on"')),
    ],
    ("refused: grammar", "r_SELECT_synopsis.html"): refusals(
        SYNTAX,
        ("select from users", 'syntax error at or near "from"'),
        ("select * from users tablesample system (10)", 'syntax error at or near "tablesample"'),
        ("select * from users fetch first 1 rows only", 'syntax error at or near "fetch"'),
        ("select sum(qty) over w from winsales window w as (order by salesid)", 'syntax error at or near "window"'),
        ("select sum(qty) over (order by salesid groups unbounded preceding) from winsales", 'syntax error at or near "groups"'),
    )
    + [
        ("select id, name from employee start with name = 'John' connect by prior id = manager_id", Refusal(UNSUPPORTED, "the emulator does not have CONNECT BY; Redshift does")),
        ("select median(qty) over (partition by sellerid order by salesid) from winsales", Refusal(UNSUPPORTED, "ORDER BY is not supported in the window of median")),
        ("select 5 # 3 -- note", Refusal(UNSUPPORTED, "the emulator does not have a reader for this statement, though PostgreSQL has; Redshift does")),
        ("select 5 # 3", Refusal(UNSUPPORTED, "the emulator does not have a reader for this statement, though PostgreSQL has; Redshift does")),
        ("select firstname, count(*) from users", Refusal("42803", 'column "users.firstname" must appear in the GROUP BY clause or be used in an aggregate function')),
    ],
    ("refused: not in the emulator", "r_SELECT_synopsis.html"): [
        ("select '{\"a\":1}'::super", Refusal(UNSUPPORTED, "the emulator does not have the type super; Redshift does")),
        ("select split_to_array('a,b', ',')", Refusal(UNSUPPORTED, "the emulator does not have the function split_to_array; Redshift does")),
    ],
    ("refused: MERGE clauses", "r_MERGE.html"): [
        ("merge into other using sales s on other.id = s.id when matched and s.id > 1 then delete when not matched then insert (id) values (s.id)", Refusal(SYNTAX, 'syntax error at or near "and"')),
        ("merge into other using sales s on other.id = s.id when matched then do nothing when not matched then insert (id) values (s.id)", Refusal(SYNTAX, 'syntax error at or near "do"')),
        ("merge into other using sales s on other.id = s.id when matched then delete when not matched by source then delete", Refusal(SYNTAX, 'syntax error at or near "by"')),
    ],
    ("refused: functions of PostgreSQL's grammar", "c_unsupported-postgresql-functions.html"): [
        ("select json_array(1, 2)", absent("json_array", "integer, integer")),
        ("select json_value(firstname, '$.a') from users", absent("json_value", "character varying, unknown")),
        ("select overlay('abc' placing 'x' from 2)", absent("overlay", "unknown, unknown, integer")),
        ("select random(1, 2)", absent("random", "integer, integer")),
        ("select '(1,2)'::point", Refusal(NO_TYPE, 'type "point" does not exist')),
        ("select json_serialize(1)", Refusal(UNSUPPORTED, "the emulator does not have the function json_serialize; Redshift does")),
    ],
    ("refused: set operations", "r_UNION.html"): [
        ("(select id from sales limit 2) intersect select id from other", Refusal(UNSUPPORTED, "LIMIT may not be used within input to set operations.")),
        ("select id from sales union all (select id from other limit 1)", Refusal(UNSUPPORTED, "LIMIT may not be used within input to set operations.")),
    ],
    ("refused: types of the leader node", "c_unsupported-postgresql-datatypes.html"): [
        (f"create temp table t1 (a {kind})", Refusal(UNSUPPORTED, f'Column "t1.a" has unsupported type "{kind}".'))
        for kind in "regprocedure regoper regoperator regrole regnamespace regproc regclass regtype record cstring void trigger bit interval".split()
    ] + [
        ("create temp table t1 (a bit varying)", Refusal(UNSUPPORTED, 'Column "t1.a" has unsupported type "bit varying".')),
        ("alter table other add column b regoper", Refusal(UNSUPPORTED, 'Column "other.b" has unsupported type "regoper".')),
        ("create temp table t1 (a anyenum)", Refusal(NO_TYPE, 'type "anyenum" does not exist')),
    ],
    ("refused by name", "c_SQL_commands.html"): [
        (statement, Refusal(UNSUPPORTED, f"the emulator does not have {name}; Redshift does"))
        for statement, name in (
            ("create or replace procedure p() as $$ begin end; $$ language plpgsql", "CREATE PROCEDURE"),
            ("create procedure p() as $$ begin end; $$ language plpgsql", "CREATE PROCEDURE"),
            ("drop procedure p()", "DROP PROCEDURE"),
            ("call p()", "CALL"),
            ("use peer", "USE"),
            ("reset use", "RESET USE"),
            ("show grants for x", "SHOW GRANTS"),
            ("show datashares", "SHOW DATASHARES"),
            ("show procedure p()", "SHOW PROCEDURE"),
            ("show external schemas", "SHOW EXTERNAL SCHEMAS"),
            ("create or replace external function f(int) returns int", "CREATE EXTERNAL FUNCTION"),
            ("create masking policy m with (a int) using (1)", "CREATE MASKING POLICY"),
        )
    ],
}  # fmt: skip
