# ruff: noqa: E501, RUF005 - a probe is a line
"""The probe table: a statement, what Redshift answers, and the page of its developer guide that says so.

The answer is a value, several rows, or a refusal. Pages are names below docs.aws.amazon.com/redshift/latest/dg/;
`part 4` is the project's list of refusals that users of Redshift have reported.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

SYNTAX, UNSUPPORTED, NO_FUNCTION, NO_TYPE = "42601", "0A000", "42883", "42704"
ON_TABLES = "Specified types or functions (one per INFO message) not supported on Redshift tables."
CORRELATED = "This type of correlated subquery pattern is not supported due to internal error"

SETUP = [
    """create table sales (id int, region varchar(10), amount int, price decimal(8,2), sold date, sold_at timestamp,
       note varchar(20), ratio double precision)""",
    """insert into sales values
       (1, 'north', 10, 1.25, '2024-01-31', '2024-01-31 10:11:12.345678', 'a+', 1.5),
       (2, 'north', 20, 2.50, '2024-02-29', '2024-02-29 00:00:00', 'b', 2.5),
       (3, 'south', null, null, '2024-03-01', '2024-03-01 23:59:59', null, null)""",
    "create table other (id int, amount int)",
    "insert into other values (1, 100), (2, 200), (4, 400)",
]


@dataclass(frozen=True)
class Refusal:
    code: str
    text: str


@dataclass(frozen=True)
class Probe:
    section: str
    statement: str
    expected: Any
    page: str


def when(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def refusals(code: str, *pairs: tuple[str, str]) -> list[tuple[str, Refusal]]:
    return [(statement, Refusal(code, text)) for statement, text in pairs]


def absent(name: str, arguments: str = "integer") -> Refusal:
    return Refusal(NO_FUNCTION, f"function {name}({arguments}) does not exist")


TABLE: dict[tuple[str, str], list[tuple[str, Any]]] = {
    ("date and time", "r_DATEADD_function.html"): [
        ("select dateadd(month, 18, '2008-02-28')", when("2009-08-28")),
        ("select dateadd(month, 1, '2024-01-31')", when("2024-02-29")),
        ("select dateadd(mins, 30, '2008-01-01 00:00:00')", when("2008-01-01 00:30")),
        ("select dateadd('day', -1, sold) from sales where id = 3", when("2024-02-29")),
        ("select dateadd(qtr, 1, date '2024-01-15')", when("2024-04-15")),
    ],
    ("date and time", "r_DATEDIFF_function.html"): [
        ("select datediff(week, '2009-01-01', '2009-12-31')", 52),
        ("select datediff(qtr, '1998-07-01', '2008-07-01')", 40),
        ("select datediff(day, '2008-12-31 23:59', '2009-01-01 00:00')", 1),
        ("select datediff(year, '2008-12-31', '2009-01-01')", 1),
        ("select datediff(hour, sold_at, '2024-01-31 12:00:00') from sales where id = 1", 2),
    ],
    ("date and time", "r_DATE_PART_function.html"): [
        ("select date_part(minute, timestamp '2008-01-01 16:08:09')", 8),
        ("select date_part(dow, sold) from sales where id = 1", 3),
        ("select pgdate_part(w, timestamp '2008-06-17 09:44:54')", 25),
        ("select date_part(sec, timestamp '2009-09-21 11:10:03.189717')", 3.189717),
        ("select date_part(foo, sold) from sales", Refusal("22023", 'timestamp units "foo" not recognized')),
    ],
    ("date and time", "r_EXTRACT_function.html"): [
        ("select extract(sec from timestamp '2009-09-21 11:10:03.189717')", 3),
        ("select extract(ms from timestamp '2009-09-21 11:10:03.189717')", 189),
        ("select extract(minute from timestamp '2009-09-09 12:08:43')", 8),
        ("select extract(decade from timestamp '1999-02-16 20:38:40')", 200),
        ("select extract(mil from timestamp '2001-12-16 12:21:13')", 3),
    ],
    ("date and time", "r_DATE_TRUNC.html"): [
        ("select date_trunc('week', sold) from sales where id = 1", when("2024-01-29")),
        ("select date_trunc('hour', timestamp '2020-04-28 22:05:06')", when("2020-04-28 22:00")),
        ("select date_trunc('month', '2024-02-29')", when("2024-02-01")),
    ],
    ("date and time", "Date_functions_header.html"): [
        ("select trunc(timestamp '2011-07-21 10:32:38.248109')", dt.date(2011, 7, 21)),
        ("select last_day('2004-02-01')", dt.date(2004, 2, 29)),
        ("select add_months('2008-03-31', 1)", when("2008-04-30")),
        ("select add_months('2008-02-29', 1)", when("2008-03-31")),
        ("select months_between('1969-01-18', '1969-03-18')", -2.0),
        ("select months_between('1969-03-18', '1969-01-18')", 2.0),
        ("select next_day('2014-08-20', 'Tuesday')", dt.date(2014, 8, 26)),
        ("select convert_timezone('America/New_York', '2013-02-01 08:00:00')", when("2013-02-01 03:00")),
        ("select convert_timezone('EST', 'PST8PDT', '2008-03-05 09:25:29')", when("2008-03-05 06:25:29")),
        ("select date_cmp('2008-01-01', '2008-01-04'), date_part_year(date '2008-01-01')", [(-1, 2008)]),
        ("select trunc(getdate()) = current_date, trunc(sysdate) = current_date", [(True, True)]),
        ("select date_trunc('second', getdate()) = getdate()", True),
        ("select date '2024-01-31' + 1, date '2024-03-01' - date '2024-02-01'", [(dt.date(2024, 2, 1), 29)]),
        ("select interval '3 days'", "3 days"),
        ("select sold_at + interval '3 hours' from sales where id = 2", when("2024-02-29 03:00")),
    ],
    ("formats and casts", "r_Data_type_formatting.html"): [
        ("select to_char(timestamp '2009-12-31 23:15:59', 'MONTH-DY-DD-YYYY HH12:MIPM')", "DECEMBER -THU-31-2009 11:15PM"),
        ("select to_char(125.8, '999.99'), to_number('12,454.8-', '99G999D9S')", [(" 125.80", Decimal("-12454.8"))]),
        ("select to_date('02 Oct 2001', 'DD Mon YYYY')", dt.date(2001, 10, 2)),
        ("select to_timestamp('2011-12-18 04:38:15', 'YYYY-MM-DD HH24:MI:SS') = timestamptz '2011-12-18 04:38:15+00'", True),
        ("select cast(109.652 as int), convert(int, '5'), 1.5::int", [(110, 5, 2)]),
        ("select cast(sold_at as date), sold_at::varchar from sales where id = 2", [(dt.date(2024, 2, 29), "2024-02-29 00:00:00")]),
        ("select 'abcdef'::varchar(3), cast('x' as char(3)), cast('abcdef' as text)", [("abc", "x  ", "abcdef")]),
        ("select cast(1.5 as numeric), cast('2.25' as decimal(5,1))", [(Decimal(2), Decimal("2.3"))]),
    ],
    ("formats and casts", "r_TRY_CAST.html"): [
        ("select try_cast('12' as int), try_cast('x' as int), try_cast('1.5' as int)", [(12, None, None)]),
        ("select try_cast('2024-02-30' as date), try_cast('2024-02-29' as date)", [(None, dt.date(2024, 2, 29))]),
        ("select try_cast('now' as timestamp), try_cast('infinity' as date), try_cast('1_0' as int)", [(None, None, None)]),
        ("select try_cast(ratio as int), try_cast(note as decimal(5,2)) from sales where id = 1", [(2, None)]),
        ("select try_cast(null as int)", None),
        ("select try_cast('true' as boolean)", Refusal("42846", "cannot cast type character varying to boolean")),
        ("select try_cast(' ' as int)", Refusal("22023", "TRY_CAST: the expression cannot contain blank or empty strings")),
    ],
    ("conditional expressions", "c_conditional_expressions.html"): [
        ("select nvl(null, 'a'), nvl(null, null, 3)", [("a", 3)]),
        ("select nvl2(note, 1, 0) from sales order by id", [(1,), (1,), (0,)]),
        ("select decode(region, 'north', 'N', 'south', 'S', '?') from sales order by id", [("N",), ("N",), ("S",)]),
        ("select decode(amount, null, 0, amount) from sales order by id", [(10,), (20,), (0,)]),
        ("select decode(1, 2, 'a')", None),
        ("select greatest(1, null, 3), least('b', 'a'), nullif(1, 1), coalesce(null, 2)", [(3, "a", None, 2)]),
        ("select case when amount > 10 then 'big' else 'small' end from sales where id = 2", "big"),
    ],
    ("strings", "String_functions_header.html"): [
        ("select len('héé'), octet_length('hé'), length('abc '), charindex('b', 'abc')", [(3, 3, 4, 2)]),
        ("select strpos('dogfish', 'fish'), position('fish' in 'dogfish'), left('abc', 2), right('abc', 2)", [(4, 4, "ab", "bc")]),
        ("select initcap('nibh.enim@egestas.ca'), upper('é'), reverse('abc'), replicate('ab', 2)", [("Nibh.Enim@Egestas.Ca", "É", "cba", "abab")]),
        ("select concat('a', 'b'), concat('a', null), 'a' || 'b'", [("ab", None, "ab")]),
        ("select substring('abc' from 2 for 1), substring('abc', 2)", [("b", "bc")]),
        ("select split_part('a$b$c', '$', 2), substring('caterpillar', 6, 4), trim(both 'x' from 'xax'), btrim(' a ')", [("b", "pill", "a", "a")]),
        ("select translate('mint tea', 'inea', 'osin'), lpad('7', 3, '0'), rpad('7', 2, 'x'), repeat('a', 2)", [("most tin", "007", "7x", "aa")]),
        ("select chr(65), ascii('A'), strtol('abcd1234', 16), to_hex(255), quote_literal('it')", [("A", 65, 2882343476, "ff", "'it'")]),
        (r"select 'it\'s', 'a\\b'", [("it's", "a\\b")]),
        ("select md5('Amazon Redshift')", "f7415e33f972c03abd4f3fed36748f7a"),
        ("select sha1('Amazon Redshift')", "1191722bc89c39573ff79700b1de423e5489d815"),
        ("select sha2('a', 256)", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
        ("select is_valid_json('{\"a\":1}'), is_valid_json_array('[1]'), is_valid_json('x')", [(True, True, False)]),
        ("select json_extract_path_text('{\"f4\":{\"f6\":\"star\"}}', 'f4', 'f6'), json_extract_array_element_text('[111,112]', 1)", [("star", "112")]),
    ],
    ("regular expressions", "REGEXP_REPLACE.html"): [
        ("select regexp_replace('a1b2', '[0-9]', '#'), regexp_replace('a1', '[0-9]')", [("a#b#", "a")]),
        ("select regexp_substr('abc', 'z'), regexp_substr('a1b22', '[0-9]+', 1, 2)", [("", "22")]),
        ("select regexp_count('abcdefghijklmnopqrstuvwxyz', '[a-z]{3}'), regexp_instr('the home', 'home')", [(8, 5)]),
        (r"select 'abc' ~ '^a\\w+$', 'abc' !~ 'z', 'abc' similar to '%(b|d)%', 'Abc' ilike 'aB%'", [(True, True, True, True)]),
        ("select regexp_substr('ABC', 'b', 1, 1, 'i')", "B"),
    ],
    ("mathematics", "Math_functions.html"): [
        ("select 7 / 2, 7 % 2, mod(7, 3), round(2.567, 2), trunc(2.567, 1), ceil(1.2), floor(-1.2)", [(3, 1, 1, Decimal("2.57"), Decimal("2.5"), 2, -2)]),
        ("select power(2, 3), sqrt(16), exp(0), ln(1), log(100), pi() > 3.14, abs(-3), sign(-3)", [(8, 4, 1, 0, 2, True, 3, -1)]),
        ("select round(ratio, 0), trunc(ratio, 0), dexp(0), dlog10(100), dlog1(1) from sales where id = 1", [(2.0, 1.0, 1.0, 2.0, 0.0)]),
        ("select 1 / 0", Refusal("22012", "division by zero")),
    ],
    ("aggregates", "c_Aggregate_Functions.html"): [
        ("select avg(amount), avg(ratio), sum(amount), count(amount), count(*) from sales", [(15, 2.0, 30, 2, 3)]),
        ("select avg(a) from (select 1::bigint as a union all select 2) x", 1),
        ("select min(region), max(sold), any_value(id) is not null from sales", [("north", dt.date(2024, 3, 1), True)]),
        ("select approximate count(distinct region), count(distinct region) from sales", [(2, 2)]),
        ("select bool_and(amount > 5), bool_or(amount > 15) from sales", [(True, True)]),
        ("select stddev_samp(ratio) > 0.7, var_pop(ratio) from sales", [(True, 0.25)]),
        ("select region, count(*) from sales group by grouping sets ((region), ()) order by 1", [("north", 2), ("south", 1), (None, 3)]),
    ],
    ("aggregates", "r_LISTAGG.html"): [
        ("select listagg(region, ',') within group (order by id desc) from sales", "south,north,north"),
        ("select listagg(distinct region, '|') within group (order by region) from sales", "north|south"),
        ("select listagg(id) within group (order by id) from sales", "123"),
        ("select listagg(id, ',') within group (order by id) over (partition by region) from sales order by id", [("1,2",), ("1,2",), ("3",)]),
        ("select listagg(rpad('x', 60000, 'x')) from sales", Refusal("54000", "Result size exceeds LISTAGG limit")),
    ],
    ("aggregates", "r_MEDIAN.html"): [
        ("select median(amount) from sales", Decimal(15)),
        ("select median(ratio) over (partition by region) from sales order by id", [(2.0,), (2.0,), (None,)]),
        ("select percentile_cont(0.25) within group (order by amount) from sales", Decimal("12.5")),
        ("select percentile_cont(0.25) within group (order by amount desc) from sales", Decimal("17.5")),
        ("select percentile_disc(0.5) within group (order by amount) from sales", 10),
    ],
    ("window functions", "c_Window_functions.html"): [
        ("select sum(amount) over (order by id rows unbounded preceding) from sales order by id", [(10,), (30,), (30,)]),
        ("select row_number() over (order by id), rank() over (order by region), dense_rank() over (order by region) from sales order by id", [(1, 1, 1), (2, 1, 1), (3, 3, 2)]),
        ("select lag(amount) over (order by id), lead(amount, 2) over (order by id) from sales order by id", [(None, None), (10, None), (20, None)]),
        ("select last_value(amount) ignore nulls over (order by id rows between unbounded preceding and current row) from sales order by id", [(10,), (20,), (20,)]),
        ("select first_value(amount ignore nulls) over (order by id desc rows between unbounded preceding and unbounded following) from sales where id = 3 or id = 2 order by id", [(20,), (20,)]),
        ("select lag(amount) ignore nulls over (order by id) from sales order by id", [(None,), (10,), (20,)]),
        ("select ratio_to_report(id) over (partition by region) from sales order by id", [(1 / 3,), (2 / 3,), (1.0,)]),
        ("select ntile(2) over (order by id), percent_rank() over (order by id), cume_dist() over (order by id) from sales order by id", [(1, 0.0, 1 / 3), (1, 0.5, 2 / 3), (2, 1.0, 1.0)]),
        ("select nth_value(id, 2) over (order by id rows between unbounded preceding and unbounded following) from sales order by id limit 1", 2),
    ],
    ("queries", "r_QUALIFY_clause.html"): [
        ("select id from sales s qualify row_number() over (partition by region order by id desc) = 1 order by id", [(2,), (3,)]),
        ("select id, row_number() over (partition by region order by id) as rn from sales where true qualify rn = 1 order by id", [(1, 1), (3, 1)]),
        ("select * from other o qualify rank() over (order by amount desc) = 1", [(4, 400)]),
        ("with s as (select * from sales) select s.* from s where id > 1 qualify rank() over (order by id) = 1", [(2, "north", 20, Decimal("2.50"), dt.date(2024, 2, 29), when("2024-02-29"), "b", 2.5)]),
        ("select id from sales qualify row_number() over (order by id) = 1", Refusal(SYNTAX, 'syntax error at or near "qualify"')),
    ],
    ("queries", "r_SELECT_list.html"): [
        ("select id + 1 as a, a * 2 as b, b + a as c from sales where a = 3", [(3, 6, 9)]),
        ("select id as amount, amount + 1 as next from sales order by id", [(1, 11), (2, 21), (3, None)]),
        ("select top 2 id from sales order by id", [(1,), (2,)]),
        ("select id from sales minus select 1 order by 1", [(2,), (3,)]),
        ("with recursive n(a) as (select 1 union all select a + 1 from n where a < 4) select sum(a) from n", 10),
        ("select count(*) from sales s left join other using (id) where other.id is null", 1),
        ("select id from sales where (id, amount) in (select id, 10 from other)", 1),
        ("select s.id, (select max(o.amount) from other o where o.id = s.id) from sales s order by 1", [(1, 100), (2, 200), (3, None)]),
        ("select amount from sales order by amount", [(10,), (20,), (None,)]),
        ("select amount from sales order by amount desc nulls last", [(20,), (10,), (None,)]),
        ("select 'b' > 'B', 'Z' < 'a', 'é' > 'z'", [(True, True, True)]),
        ('select "ID", "Region" from "Sales" where ID = 1', [(1, "north")]),
        ("select version() like 'PostgreSQL 8.0.2%Redshift%'", True),
        ("select current_user, current_database(), user", [("admin", "dev", "admin")]),
        ("explain select 1", [("Result  (cost=0.00..0.01 rows=1 width=4)",)]),
    ],
    ("refused: windows", "part 4"): refusals(
        UNSUPPORTED,
        ("select sum(amount) over (order by id) from sales", "Aggregate window functions with an ORDER BY clause require a frame clause"),
        ("select first_value(amount) over (order by id) from sales", "Aggregate window functions with an ORDER BY clause require a frame clause"),
        ("select sum(amount) over (order by id range between unbounded preceding and current row) from sales", "RANGE clause of window functions not yet implemented"),
        ("select count(distinct amount) over (partition by region) from sales", "DISTINCT is not supported for window functions"),
        ("select lag(amount, 1, 0) over (order by id) from sales", "Default parameter not be supported for window function lag"),
        ("select lead(amount, 1, 0) over (order by id) from sales", "Default parameter not be supported for window function lead"),
    ),
    ("refused: aggregates", "part 4"): refusals(
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
    ("refused: expressions", "part 4"): refusals(
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
    + [("create table made (a int[])", Refusal(UNSUPPORTED, 'Column "a" has unsupported type "int[]".'))],
    ("refused: statements", "c_unsupported-postgresql-features.html"): refusals(
        UNSUPPORTED,
        ("create index i on sales (id)", 'SQL command "create index i on sales (id)" not supported.'),
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
    ("refused: not in the stand-in", "c_SQL_commands.html"): refusals(
        UNSUPPORTED,
        ("create table made (a super)", "the local Redshift does not have the type super; Redshift does"),
        ("select json_parse('{}')", "the local Redshift does not have the function json_parse; Redshift does"),
        ("select hll(id) from sales", "the local Redshift does not have the function hll; Redshift does"),
        ("select st_point(1, 2)", "the local Redshift does not have the function st_point; Redshift does"),
        ("create materialized view mv as select 1", "the local Redshift does not have CREATE MATERIALIZED VIEW; Redshift does"),
        ("create procedure p() as $$ begin end $$ language plpgsql", "the local Redshift does not have CREATE PROCEDURE; Redshift does"),
        ("unload ('select 1') to 's3://x/' iam_role default", "the local Redshift does not have UNLOAD; Redshift does"),
        ("create external schema e from data catalog database 'd' iam_role default", "the local Redshift does not have CREATE EXTERNAL SCHEMA; Redshift does"),
        ("select s.id from sales s, other o where s.id = o.id(+)", "the local Redshift does not have the outer join operator (+); Redshift does"),
        ("select array(1, 2)", "the local Redshift does not have arrays, which are SUPER; Redshift does"),
        ("select * exclude (id) from sales", "the local Redshift does not have SELECT * EXCLUDE; Redshift does"),
        ("select region from sales group by all", "the local Redshift does not have GROUP BY ALL; Redshift does"),
        ("select * from sales pivot (count(id) for region in ('north'))", "the local Redshift does not have PIVOT and UNPIVOT; Redshift does"),
    ),
    ("settings", "cm_chap_ConfigurationRef.html"): [
        ("show query_group", "unset"),
        ("show timezone", "UTC"),
        ("show server_version", "8.0.2"),
        ("show transaction_isolation", Refusal(NO_TYPE, 'unrecognized configuration parameter "transaction_isolation"')),
        ("set enable_seqscan to off", Refusal(NO_TYPE, 'unrecognized configuration parameter "enable_seqscan"')),
    ],
}  # fmt: skip

PROBES = [
    Probe(section, statement, expected, page) for (section, page), rows in TABLE.items() for statement, expected in rows
]
