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


@pytest.mark.parametrize(
    ("driver", "options"), [("psycopg2", {"sslmode": "disable"}), ("redshift_connector", {"ssl": False})]
)
def test_sqlalchemy_connects_and_reads_what_it_reflects(redshift, run, driver, options) -> None:
    schema = run.value("select current_schema()")
    run("create table book (id int primary key distkey, at timestamp encode raw sortkey, name varchar(20) default 'x')")
    run("create table sale (book_id int references book (id), name varchar(5) unique)")
    run("create view titles as select name from book")
    url = sqlalchemy.URL.create(
        f"redshift+{driver}", username=USER, password=PASSWORD, host="127.0.0.1", port=redshift.port, database="dev"
    )
    engine = sqlalchemy.create_engine(url, connect_args=options)
    inspector = sqlalchemy.inspect(engine)
    assert sorted(inspector.get_table_names(schema)) == ["book", "sale"]
    assert inspector.get_view_names(schema) == ["titles"]
    columns = inspector.get_columns("book", schema)
    assert [(column["name"], str(column["type"]), column["nullable"], column["info"]) for column in columns] == [
        ("id", "INTEGER", False, {"encode": "az64"}),
        ("at", "TIMESTAMP", True, {}),
        ("name", "VARCHAR(20)", True, {"encode": "lzo"}),
    ]
    assert columns[2]["default"].startswith("'x'")
    options = inspector.get_table_options("book", schema)
    assert (options["redshift_distkey"], options["redshift_sortkey"]) == ("id", ("at",))
    assert inspector.get_pk_constraint("book", schema)["constrained_columns"] == ["id"]
    (key,) = inspector.get_foreign_keys("sale", schema)
    assert (key["constrained_columns"], key["referred_table"]) == (["book_id"], "book")
    assert [unique["column_names"] for unique in inspector.get_unique_constraints("sale", schema)] == [["name"]]

    metadata = sqlalchemy.MetaData(schema=schema)
    metadata.reflect(engine)
    book = metadata.tables[f"{schema}.book"]
    with engine.begin() as connection:
        connection.execute(book.insert(), [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}])
        found = connection.execute(sqlalchemy.select(book.c.name).where(book.c.id == 2)).scalar_one()
    assert found == "b"
    engine.dispose()


def test_an_alias_that_is_a_word_of_the_grammar_is_in_lower_case(run) -> None:
    run('select nvl(null, 1) as DEFAULT, 2 as User, 3 as "order"')
    assert [column[0] for column in run.cursor.description] == ["default", "user", "order"]


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
