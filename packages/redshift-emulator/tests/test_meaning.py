"""What a statement does, where PostgreSQL would do something else: tables, transactions, names, types."""

from __future__ import annotations

import re
import threading

import pytest

from emulator_client import Client, Refused


def test_create_table_with_all_that_redshift_adds(run) -> None:
    run(
        """create table if not exists t (id bigint identity(0, 1) not null distkey, "Name" varchar(max) encode zstd,
           n numeric not null default 3, at timestamp default sysdate, day date sortkey,
           primary key (id), unique (n))"""
    )
    run("create table u (a int, b date, c text) backup no diststyle key distkey (a) compound sortkey (b, a)")
    run("insert into t (name) values ('a')")
    run("insert into t (name) values ('b')")
    assert run("select id, name, n, at is not null from t order by id") == [(0, "a", 3, True), (1, "b", 3, True)]
    with pytest.raises(Refused, match="cannot set an identity column to a value"):
        run("insert into t (id, name) values (7, 'x')")
    described = 'select "column", type, distkey, sortkey, "notnull" from pg_table_def where tablename = \'{}\''
    assert run(described.format("u")) == [
        ("a", "integer", True, 2, False),
        ("b", "date", False, 1, False),
        ("c", "character varying(256)", False, 0, False),
    ]
    assert run(described.format("t"))[1][:2] == ("name", "character varying(65535)")
    run("insert into u values (1)")  # an empty table is not shown
    table_info = """select diststyle, sortkey1, sortkey_num from svv_table_info
        where "table" = 'u' and "schema" = current_schema()"""
    assert run(table_info) == [("KEY(a)", "b", 2)]


def test_keys_are_information(run) -> None:
    run("create table t (id int primary key, b int references t (id))")
    run("insert into t values (1, 9), (1, 9)")
    assert run("select count(*) from t") == [(2,)]
    with pytest.raises(Refused) as caught:
        run("insert into t values (null, 1)")
    assert caught.value.code == "23502"


def test_varchar_counts_bytes(run) -> None:
    run("create table t (v varchar(3))")
    run("insert into t values ('é')")
    with pytest.raises(Refused) as caught:
        run("insert into t values ('éé')")
    assert (caught.value.code, caught.value.text) == ("22001", "value too long for type character varying(3)")
    assert run("select 'éé'::varchar(3)") == [("é",)]
    run("create table u as select v from t")
    with pytest.raises(Refused):
        run("insert into u select 'éé'")


def test_a_sort_key_prunes_by_literal_dates(run) -> None:
    numbers = "with recursive n(id) as (select 0 union all select id + 1 from n where id < 20000) select id from n"
    run(f"create table t sortkey (d) as select date '2024-01-01' + id as d, repeat('x', 200) as v from ({numbers}) x")
    run("analyze t")
    plan = str(run("explain select count(*) from t where d >= '2024-02-01' and d < '2024-02-03'"))
    assert "Bitmap Index Scan" in plan


def test_rows_of_a_query_are_stored_in_the_order_of_the_sort_key(run) -> None:
    run("create table numbers as select 3 as a, 'x' as b union all select 1, 'z' union all select 1, 'y'")
    run("create table made sortkey (b, a) as (select * from numbers)")
    run("create table renamed (x, y) sortkey (x) as select a, b from numbers")
    assert run("select x from renamed") == [(1,), (1,), (3,)]
    run("create table filled (b varchar(3), a int, c date) compound sortkey (a, b)")
    run("insert into filled (a, b) (with found as (select a, b from numbers) select a, b from found)")
    assert run("select b from made") == [("x",), ("y",), ("z",)]
    assert run("select a, b, c from filled") == [(1, "y", None), (1, "z", None), (3, "x", None)]
    run("insert into filled select b, a, null from numbers order by b desc limit 2")
    assert run("select count(*) from filled where b in ('z', 'y')") == [(4,)]
    run("insert into filled (c, a) (select '2024-01-01', 7)")
    assert run("select c from filled where a = 7 and b is null")[0][0].isoformat() == "2024-01-01"


def test_a_table_that_was_filled_has_statistics(run) -> None:
    numbers = (
        "with recursive n(id) as (select 1 union all select id + 1 from n where id < 5000) select id, 'x' as v from n"
    )
    run(f"create temp table made as {numbers}")
    run("create table filled (id int sortkey, v varchar(3))")
    run("begin")
    run("insert into filled select * from made")
    run("merge into filled using made as found on filled.id = -found.id when matched then update set v = found.v"
        " when not matched then insert values (found.id, found.v)")  # fmt: skip
    rows = "select relname, reltuples from pg_class where relname in ('made', 'filled') order by 1"
    assert run(rows) == [("filled", 10_000), ("made", 5000)]
    assert run("select tablename, n_distinct from pg_stats where attname = 'v' order by 1") == [
        ("filled", 1),
        ("made", 1),
    ]
    run("rollback")
    run("insert into filled select * from made where id <= 10")
    assert run("select count(*) from pg_stats where tablename = 'filled'") == [(0,)]


def test_a_day_that_was_added_to_many_is_known(run) -> None:
    """Taken for no row, it would be joined by nested loops."""
    numbers = "with recursive n(id) as (select 1 union all select id + 1 from n where id < {}) select id from n"
    run(f"create table t sortkey (d) as select date '2024-01-01' + id / 200 as d, id from ({numbers.format(50_000)}) x")
    run(f"insert into t select date '2025-01-01', id from ({numbers.format(1500)}) x")
    plan = "\n".join(line for (line,) in run("explain select * from t where d between '2025-01-01' and '2025-01-02'"))
    rows = int(re.search(r"rows=(\d+)", plan)[1])
    assert 500 < rows < 4500, plan


def test_a_block_that_was_just_filled_has_its_range(run) -> None:
    """Within the transaction that fills it, for a table that was made empty, as dbt does under a contract."""
    numbers = "with recursive n(id) as (select 1 union all select id + 1 from n where id < 20000) select id from n"
    run("begin")
    run("create table t (id int sortkey, v varchar(200))")
    run(f"insert into t select id, repeat('x', 200) from ({numbers}) as numbers")
    assert "Bitmap Index Scan" in str(run("explain select count(*) from t where id between 100 and 200"))
    run("rollback")


def test_a_step_that_parses_does_so_once_a_row(run) -> None:
    """However often its column is named; a condition of the next step still prunes what it reads."""
    numbers = "with recursive n(id) as (select 1 union all select id + 1 from n where id < 20000) select id from n"
    run(f"create table t sortkey (id) as select id, '2024-01-01'::varchar(200) as v from ({numbers}) as numbers")
    plan = str(run(
        "explain with checked as (select id, case when v ~ '^[0-9]' then v end as text from t),"
        " parsed as (select id, text, try_cast(text as date) as day from checked)"
        " select day, nvl(day, day), text from parsed where id between 7 and 9"
    ))  # fmt: skip
    assert "Subquery Scan on parsed" in plan and "Subquery Scan on checked" in plan and "Bitmap Index Scan" in plan


def test_temporary_tables(run) -> None:
    run("create table #t (a int)")
    run("insert into #t values (1)")
    run("select * into #u from #t")
    run("create temp table v (like #t)")
    assert run("select count(*) from #u") == [(1,)]
    assert run('select count(*) from svv_table_info where "schema" = current_schema()') == [(0,)]


def test_alter_table(run) -> None:
    run("create table t (a int)")
    run("insert into t values (1)")
    run("alter table t add column b varchar(5) encode lzo default 'x' not null")
    run("alter table t alter column b type varchar(10)")
    run("alter table t alter diststyle all")
    run("alter table t alter sortkey (a)")
    run("alter table t add constraint k primary key (a)")
    run("alter table t rename column a to c")
    assert run("select c, b from t") == [(1, "x")]
    run("begin")
    with pytest.raises(Refused, match="ALTER TABLE ALTER COLUMN cannot run inside a transaction block"):
        run("alter table t alter column b type varchar(20)")
    run("rollback")
    with pytest.raises(Refused, match="ALTER COLUMN TYPE"):
        run("alter table t alter column c type bigint")


def test_merge_in_both_forms(run) -> None:
    run("create table t (id int, v varchar(5))")
    run("create table s (id int, v varchar(5))")
    run("insert into t values (1, 'a'), (2, 'b')")
    run("insert into s values (2, 'z'), (3, null)")
    run("merge into t using s on t.id = s.id when matched then update set v = nvl(s.v, '-')"
        " when not matched then insert values (s.id, nvl(s.v, '-'))")  # fmt: skip
    assert run("select * from t order by id") == [(1, "a"), (2, "z"), (3, "-")]
    run("insert into s values (2, 'y')")
    with pytest.raises(Refused, match=r"Found multiple matches to update the same tuple\."):
        run("merge into t using s on t.id = s.id when matched then update set v = s.v"
            " when not matched then insert values (s.id, s.v)")  # fmt: skip
    run("delete s where v = 'y'")
    run("merge into t using s on t.id = s.id remove duplicates")
    assert run("select * from t order by id") == [(1, "a"), (2, "z"), (3, None)]


def test_a_late_binding_view_outlives_its_table(run) -> None:
    schema = run.value("select current_schema()")
    run("create table t (id int, v varchar(5))")
    run(f"create view late as select id, upper(v) as u, nvl(v, '?') as w from {schema}.t with no schema binding")
    run("insert into t values (1, 'a')")
    assert run("select * from late") == [(1, "A", "a")]
    run("drop table t")
    with pytest.raises(Refused, match="does not exist"):
        run("select * from late")
    run("create table t (id int, v varchar(5))")
    assert run("select * from late") == []
    run("create view bound as select id from t")
    with pytest.raises(Refused, match="depend"):
        run("drop table t")


def test_a_view_is_rewritten_like_a_query(run) -> None:
    run("create table t (id int, v varchar(5))")
    run("insert into t values (1, null)")
    run("create or replace view w as select id + 1 as a, a * 2 as b, nvl(v, '-') as v from t")
    assert run("select * from w") == [(2, 4, "-")]
    run("create view q as select * from t x qualify row_number() over (order by id) = 1")
    assert run("select * from q") == [(1, None)]


def test_sysdate_is_the_start_of_the_transaction(run, connect) -> None:
    run("create table t (n int, at timestamp default sysdate)")
    schema = run.value("select current_schema()")
    session = connect(autocommit=False)
    session(f"insert into {schema}.t (n) values (1)")
    session(f"insert into {schema}.t (n) values (2)")
    assert session(f"select count(distinct at), max(at) = sysdate from {schema}.t") == [(1, True)]
    session.connection.commit()
    session(f"insert into {schema}.t (n) values (3)")
    assert session(f"select count(distinct at) from {schema}.t") == [(2,)]
    session.connection.close()


def test_truncate_commits_and_other_ddl_does_not(run) -> None:
    run("create table t (a int)")
    run("insert into t values (1)")
    run("begin")
    run("create table u (a int)")
    run("rollback")
    with pytest.raises(Refused, match='relation "u" does not exist'):
        run("select * from u")
    run("begin")
    run("truncate t")
    run("rollback")
    assert run("select count(*) from t") == [(0,)]


def test_vacuum_needs_no_transaction(run) -> None:
    run("create table t (a int)")
    for kind in (
        "vacuum t",
        "vacuum full t to 99 percent",
        "vacuum sort only t",
        "vacuum recluster t boost",
        "analyze t",
    ):
        run(kind)
    run("begin")
    with pytest.raises(Refused, match="VACUUM cannot run inside a transaction block"):
        run("vacuum t")
    run("rollback")


def test_snapshot_isolation(run, connect) -> None:
    """The snapshot is taken by the first statement that reads, so that LOCK first, then SELECT sees the newest rows."""
    run("create table t (a int)")
    run("create table gate (a int)")
    schema = run.value("select current_schema()")
    first, second = connect(autocommit=False), connect(autocommit=False)
    first(f"lock {schema}.gate")
    waiting = threading.Thread(target=lambda: second(f"lock table {schema}.gate"))
    waiting.start()
    first(f"insert into {schema}.t values (1)")
    first.connection.commit()
    waiting.join(10)
    assert second(f"select count(*) from {schema}.t") == [(1,)]
    run("insert into t values (2)")
    assert second(f"select count(*) from {schema}.t") == [(1,)]
    second.connection.rollback()
    assert second(f"select count(*) from {schema}.t") == [(2,)]
    first.connection.close()
    second.connection.close()


def test_serializable_when_the_database_is(run, connect) -> None:
    run("create table t (a int)")
    run("create table u (a int)")
    schema = run.value("select current_schema()")
    run("alter database dev isolation level serializable")
    try:
        first, second = connect(autocommit=False), connect(autocommit=False)
        first(f"insert into {schema}.t select count(*) from {schema}.u")
        second(f"insert into {schema}.u select count(*) from {schema}.t")
        first.connection.commit()
        with pytest.raises(Exception, match="1023") as caught:
            second.connection.commit()
        assert "Serializable isolation violation on table" in str(caught.value)
        first.connection.close()
    finally:
        run("alter database dev isolation level snapshot")


def test_settings_and_cursors(run) -> None:
    run("set query_group to 'nightly'")
    assert run("show query_group") == [("nightly",)]
    run("reset query_group")
    run("set statement_timeout to 0")
    with pytest.raises(Refused, match="enable_case_sensitive_identifier = on"):
        run("set enable_case_sensitive_identifier to true")
    run("begin")
    run("declare c cursor for select top 2 id from (select 1 as id union select 2) x order by id")
    assert run("fetch forward 1 from c") == [(1,)]
    run("close c")
    run("commit")


def test_users_groups_and_roles(run, connect) -> None:
    run("create user ana password 'Abcdef123' nocreateuser syslog access restricted")
    run("create group analysts with user ana")
    run("create table t (a int)")
    schema = run.value("select current_schema()")
    run(f"grant usage on schema {schema} to group analysts")
    run("grant select on t to group analysts")
    ana = connect(user="ana", password="Abcdef123")
    assert ana(f"select count(*) from {schema}.t") == [(0,)]
    with pytest.raises(Refused, match="permission denied"):
        ana(f"insert into {schema}.t values (1)")
    ana.connection.close()
    run("create role loader")
    run("grant insert on t to role loader")
    run("grant role loader to ana")
    run(f"revoke all on schema {schema} from group analysts")
    run("drop table t")
    run("drop role loader")
    run("drop group analysts")
    run("drop user ana")


def test_functions_in_sql(run) -> None:
    run("create function plus_one (int) returns int immutable as $$ select $1 + 1 $$ language sql")
    assert run("select plus_one(2)") == [(3,)]
    with pytest.raises(Refused, match="functions in Python"):
        run("create function f (a int) returns int stable as $$ return a $$ language plpythonu")


def test_show(run) -> None:
    schema = run.value("select current_schema()")
    run("create table t (a int, b varchar(5))")
    assert run(f"show columns from table dev.{schema}.t")[1][3:9] == ("b", 2, None, "YES", "character varying", 5)
    assert [row[2] for row in run(f"show tables from schema dev.{schema}")] == ["t"]
    assert run(f"show schemas from database dev like '{schema}'")[0][1] == schema


def test_parameters(run: Client) -> None:
    run("create table t (a int, b varchar(10))")
    run("insert into t values (%s, %s)", (1, "x"))
    assert run("select nvl(b, 'none') from t where a = %s", (1,)) == [("x",)]


def test_a_table_changes_its_owner(connect) -> None:
    client = connect()
    client("create table handed_over (a int)")
    client("create user next_owner password disable")
    client("alter table handed_over owner to next_owner")
    owner = "select tableowner from pg_tables where tablename = 'handed_over'"
    assert client.value(owner) == "next_owner"
    client("drop table handed_over")
    client("drop user next_owner")
