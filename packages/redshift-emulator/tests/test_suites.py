"""What other people's suites and clients do with Redshift, reduced to what they rely on."""

from __future__ import annotations

import hashlib
import json

import boto3
import psycopg2
import pytest
import redshift_connector
import sqlalchemy
from airflow.models import Connection
from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook
from botocore.exceptions import ClientError

from emulator_client import PASSWORD, USER, Refused


def test_the_driver_loads_a_temporary_table(run, tmp_path) -> None:
    run("create temp table book (id int, title varchar(20))")
    path = tmp_path / "rows.csv"
    path.write_text("id,title\n1,a\n2,b\n")
    run.cursor.insert_data_bulk(str(path), "book", [0, 1], ["id", "title"], ",", 2)
    assert run("select count(*) from book") == [(2,)]


def test_the_drivers_parameters(run) -> None:
    assert run("select %s", ("a", "b")) == [("a",)]
    assert run("select %s, %s", ("a", "b")) == [("a", "b")]
    assert run("select %s", (1, None)) == [(1,)]


@pytest.mark.parametrize("name", ["papaya\u205f", "author\u200e", "\u00e1pple\u1e63", "a\u00a0b"])
def test_names_keep_all_their_characters(run, name) -> None:
    run(f"create temp table named ({name} int)")
    run("select * from named")
    assert [column[0] for column in run.cursor.description] == [name]


def test_the_key_that_the_provider_asks_for(redshift, run) -> None:
    run("create table keyed (a int, b int, c int, primary key (a, b))")
    extra = json.dumps({"ssl": False})
    hook = RedshiftSQLHook()
    hook.conn = Connection(
        conn_id="local", conn_type="redshift", host="127.0.0.1", port=redshift.port, login=USER, password=PASSWORD,
        schema="dev", extra=extra,
    )  # fmt: skip
    hook.get_connection = lambda conn_id: hook.conn
    assert hook.get_table_primary_key("keyed", run.value("select current_schema()")) == ["a", "b"]
    assert hook.get_table_primary_key("nosuch", run.value("select current_schema()")) is None


def test_psycopg2(redshift, run) -> None:
    schema = run.value("select current_schema()")
    connection = psycopg2.connect(
        host="127.0.0.1", port=redshift.port, dbname="dev", user=USER, password=PASSWORD, sslmode="disable"
    )
    with connection, connection.cursor() as cursor:
        assert connection.isolation_level in (None, *range(5))
        cursor.execute("show default_transaction_isolation")
        assert cursor.fetchone() == ("serializable",)
        cursor.execute(f"create table {schema}.t (a int, b varchar(5))")
        cursor.execute(f"insert into {schema}.t values (%s, %s)", (1, "x"))
        cursor.execute(f"select nvl(b, '-') from {schema}.t where a = %s", (1,))
        assert cursor.fetchall() == [("x",)]
    connection.close()


def test_sqlalchemy_connects_and_reads_what_it_reflects(redshift, run) -> None:
    """The statements of sqlalchemy-redshift: its columns, relations and constraints."""
    schema = run.value("select current_schema()")
    run("create table t (id int primary key distkey, at timestamp sortkey)")
    url = sqlalchemy.URL.create(
        "postgresql+psycopg2", username=USER, password=PASSWORD, host="127.0.0.1", port=redshift.port, database="dev"
    )
    engine = sqlalchemy.create_engine(url, connect_args={"sslmode": "disable"}, use_native_hstore=False)
    engine.dialect._set_backslash_escapes = lambda connection: None  # as sqlalchemy-redshift does
    relations = f"""select c.relkind, c.relname,
        case c.reldiststyle when 0 then 'EVEN' when 1 then 'KEY' when 8 then 'ALL' end as "diststyle",
        pg_catalog.array_to_string(c.relacl, '\\n') as "privileges"
        from pg_catalog.pg_class c left join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        join pg_catalog.pg_user u on u.usesysid = c.relowner
        where c.relkind in ('r', 'v', 'm', 'S', 'f') and n.nspname = '{schema}'"""
    columns = f"""select att.attname as "name", format_encoding(att.attencodingtype::integer) as "encode",
        att.attisdistkey as "distkey", att.attsortkeyord as "sortkey", adsrc, attnum
        from pg_catalog.pg_class c left join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        join pg_catalog.pg_attribute att on att.attrelid = c.oid
        left join pg_catalog.pg_attrdef ad on (att.attrelid, att.attnum) = (ad.adrelid, ad.adnum)
        where 1 and n.nspname = '{schema}' and c.relkind = 'r' and att.attnum > 0 and not att.attisdropped
        order by attnum"""
    constraints = f"""select t.contype, t.conkey, pg_catalog.pg_get_constraintdef(t.oid, true)::varchar(512) as condef
        from pg_catalog.pg_class c left join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        join pg_catalog.pg_constraint t on t.conrelid = c.oid
        join pg_catalog.pg_attribute a on t.conrelid = a.attrelid and a.attnum = any(t.conkey)
        where n.nspname = '{schema}' and t.contype = 'p'
        union select 'p', array[1::smallint], 'PRIMARY KEY (' || c.columnname || ')'::varchar(512)
        from svv_external_columns c join svv_external_schemas s on s.schemaname = c.schemaname where 1"""
    with engine.connect() as connection:
        assert [tuple(row) for row in connection.exec_driver_sql(relations)] == [("r", "t", "KEY", None)]
        found = [tuple(row) for row in connection.exec_driver_sql(columns)]
        assert found == [("id", "az64", True, 0, None, 1), ("at", "none", False, 1, None, 2)]
        assert [tuple(row) for row in connection.exec_driver_sql(constraints)] == [("p", [1], "PRIMARY KEY (id)")]
    engine.dispose()


def test_passwords_in_each_form(connect) -> None:
    admin = connect()
    salt = "0a1b2c3d"
    salted = hashlib.sha256(b"My_PaSs2" + bytes.fromhex(salt)).hexdigest()
    md5 = hashlib.md5(b"My_PaSs3digested").hexdigest()
    kept = {"clear": ("sha256|My_PaSs1", "My_PaSs1"), "salted": (f"sha256|{salted}|{salt}", "My_PaSs2")}
    kept["wide"] = ("C1cccccha\uff6fs", "C1cccccha\uff6fs")
    kept["digested"] = (f"md5{md5}", "My_PaSs3")
    for user, (given, password) in kept.items():
        admin(f"create user {user} password '{given}'")
        assert connect(user=user, password=password)("select current_user") == [(user,)]
        if given != password:
            with pytest.raises(redshift_connector.Error, match="password authentication failed"):
                connect(user=user, password=given)
        admin(f"drop user {user}")
    admin("create user \"Capital\" password 'Abcdef12'")
    assert connect(user="Capital", password="Abcdef12")("select current_user") == [("Capital",)]
    admin('drop user "Capital"')
    with pytest.raises(Refused, match="digests of passwords other than"):
        admin(f"create user salted password 'sha256|{salted}|no hexadecimal'")
    admin.connection.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_tls_that_checks_the_name(connect, redshift, monkeypatch, host) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(redshift.certificate))
    client = connect(host=host, ssl=True, sslmode="verify-full")
    assert client("select 1") == [(1,)]
    client.connection.close()


def test_the_data_api_is_refused_by_name(aws_endpoint) -> None:
    client = boto3.client("redshift-data", endpoint_url=aws_endpoint, region_name="us-east-1")
    with pytest.raises(ClientError, match="the emulator does not have the Data API"):
        client.execute_statement(Database="dev", WorkgroupName="local", Sql="select 1")


def test_another_database_is_not_meant_by_a_schema_of_this_one(run) -> None:
    with pytest.raises(Refused, match=r"schemas of another database \(sales\)"):
        run('create schema if not exists "sales"."of_sales"')


def test_a_key_goes_with_its_table(run) -> None:
    run("create table keyed (id int primary key)")
    run("create table referring (id int references keyed)")
    with pytest.raises(Refused, match="other objects depend on it"):
        run("drop table keyed")
    run("drop table keyed cascade")
    run("alter table referring rename to keyed")
    run("create table referring (id int primary key, again int references referring (id))")
    run("insert into referring values (1, 7), (1, 7)")
    assert run("select count(*) from referring") == [(2,)]


def test_a_long_name_comes_back_as_it_was(run) -> None:
    column, alias = "c" * 127, "é" * 60
    run(f'create temp table long_named ("{column.upper()}" int)')
    run(f"select {column}, 1 as {alias} from long_named")
    assert [described[0] for described in run.cursor.description] == [column, alias]
