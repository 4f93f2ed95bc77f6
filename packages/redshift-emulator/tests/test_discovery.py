"""What a session tells a driver at its start, and the SHOW statements that redshift_connector sends then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import psycopg2
import pytest

from emulator_client import PASSWORD, USER

SCHEMA = "discovered"


@pytest.fixture(scope="module")
def schema(connect) -> Iterator[str]:
    admin = connect()
    for statement in (
        f"create schema {SCHEMA}",
        f"set search_path to {SCHEMA}",
        "create table book (id int primary key, title varchar(20), price numeric(5, 2), n bigint identity(1, 1))",
        "create table sale (book_id int references book (id), at timestamp, primary key (book_id, at))",
        "create view titles as select title from book",
        f"create view late as select title from {SCHEMA}.book with no schema binding",
        "create function f_twice (number int, label varchar(5)) returns int stable as $$ select $1 * 2 $$ language sql",
        "create user clerk password 'Abcdef12'",
        f"grant usage on schema {SCHEMA} to clerk",
        "grant select on book to clerk",
        "grant update (at) on sale to clerk",
    ):
        admin(statement)
    yield SCHEMA
    admin(f"drop schema {SCHEMA} cascade")
    admin("drop user clerk")


@pytest.fixture
def ask(connect, schema) -> Callable[..., list[tuple[Any, ...]]]:
    """Call one of the driver's metadata methods, each in a session of its own.

    The driver keeps the description of a prepared SHOW and overwrites it, so a cursor cannot be asked twice.
    """

    def call(method: str, user: str = USER, password: str = PASSWORD, **arguments: Any) -> list[tuple[Any, ...]]:
        client = connect(user=user, password=password)
        rows = [tuple(row) for row in getattr(client.cursor, method)(**arguments)]
        client.connection.close()
        return rows

    return call


def test_a_session_tells_its_versions(connect) -> None:
    client = connect()
    assert (b"server_protocol_version", b"1") in client.connection.parameter_statuses
    assert client.cursor.get_show_discovery_version() == 4
    assert client.connection._client_protocol_version == 1
    client.connection.close()


@pytest.mark.parametrize(("asked", "told"), [(0, 0), (1, 1), (2, 1)])
def test_the_protocol_that_a_client_asks_for(connect, asked, told) -> None:
    client = connect(client_protocol_version=asked)
    assert client.connection._client_protocol_version == told
    assert client("select 1.50::numeric(4, 2), 'a', null::int, date '2024-02-29'")[0][:3] == (
        Decimal("1.50"),
        "a",
        None,
    )
    client("create temp table described (a int, b varchar(5))")
    client("select a as x, b from described")
    assert [column[:2] for column in client.cursor.description] == [("x", 23), ("b", 1043)]
    client.connection.close()


def test_a_postgres_client_is_told_nothing(redshift) -> None:
    connection = psycopg2.connect(
        host="127.0.0.1", port=redshift.port, dbname="dev", user=USER, password=PASSWORD, sslmode="disable"
    )
    assert connection.get_parameter_status("server_protocol_version") is None
    with connection.cursor() as cursor:
        cursor.execute("select 1, 'a'")
        assert cursor.fetchone() == (1, "a")
    connection.close()


def test_schemas_and_tables(ask, schema) -> None:
    assert (schema, "dev") in ask("get_schemas")
    assert ask("get_schemas", schema_pattern="discov%") == [(schema, "dev")]
    assert ask("get_catalogs") == [("dev",)]
    tables = ask("get_tables", schema_pattern=schema)
    assert [(row[2], row[3], row[14]) for row in tables] == [
        ("book", "TABLE", "REGULAR TABLE"),
        ("late", "VIEW", "LATE BINDING VIEW"),
        ("sale", "TABLE", "REGULAR TABLE"),
        ("titles", "VIEW", "REGULAR VIEW"),
    ]
    assert [row[2] for row in ask("get_tables", schema_pattern=schema, types=["VIEW"])] == ["late", "titles"]
    assert ask("get_tables", catalog="nosuch", schema_pattern=schema) == []


def test_columns(ask, schema) -> None:
    columns = ask("get_columns", schema_pattern=schema, tablename_pattern="book")
    assert [(row[3], row[5], row[6], row[17], row[22]) for row in columns] == [
        ("id", "int4", 10, "NO", "NO"),
        ("title", "varchar", 20, "YES", "NO"),
        ("price", "numeric", 5, "YES", "NO"),
        ("n", "int8", 19, "YES", "YES"),
    ]
    assert [row[3] for row in ask("get_columns", tablename_pattern="book", columnname_pattern="t%")] == ["title"]


def test_keys(ask, schema) -> None:
    key = [("dev", schema, "sale", "book_id", 1, "sale_pkey"), ("dev", schema, "sale", "at", 2, "sale_pkey")]
    assert ask("get_primary_keys", schema=schema, table="sale") == key
    assert ask("get_primary_keys", table="sale") == key
    no_action, not_deferrable = 3, 7
    pair = ("dev", schema, "book", "id", "dev", schema, "sale", "book_id", 1)
    foreign = [(*pair, no_action, no_action, "sale_book_id_fkey", "book_pkey", not_deferrable)]
    assert ask("get_imported_keys", schema=schema, table="sale") == foreign
    assert ask("get_exported_keys", schema=schema, table="book") == foreign
    assert ask("get_imported_keys", schema=schema, table="book") == []
    row_id = ask("get_best_row_identifier", catalog="dev", schema=schema, table="sale", scope=1, nullable=False)
    assert [row[1] for row in row_id] == ["book_id", "at"]


def test_privileges(ask, schema) -> None:
    granted = ("dev", schema, "book", USER, "clerk", "SELECT", "NO")
    assert ask("get_table_privileges", schema_pattern=schema) == [granted]
    column = ("dev", schema, "sale", "at", USER, "clerk", "UPDATE", "NO")
    assert ask("get_column_privileges", schema=schema, table="sale") == [column]


def test_functions_and_procedures(ask, schema) -> None:
    assert [row[2:] for row in ask("get_functions", schema_pattern=schema)] == [
        ("f_twice", "", 1, "f_twice(integer, character varying)")
    ]
    columns = ask("get_function_columns", schema_pattern=schema)
    assert [(row[3], row[4], row[6], row[14]) for row in columns] == [
        ("", 4, "int4", 0),
        ("number", 1, "int4", 1),
        ("label", 1, "varchar", 2),
    ]
    assert ask("get_procedures", schema_pattern=schema) == []
    assert ask("get_procedure_columns", schema_pattern=schema) == []


def test_a_user_sees_what_he_may_use(ask, schema) -> None:
    clerk = {"user": "clerk", "password": "Abcdef12"}
    assert [row[2] for row in ask("get_tables", **clerk, schema_pattern=schema)] == ["book"]
    assert ask("get_primary_keys", **clerk, schema=schema, table="sale") == []
    assert len(ask("get_table_privileges", **clerk, schema_pattern=schema)) == 1


def test_another_database(connect, redshift) -> None:
    redshift.make_database("neighbour")
    other = connect(database="neighbour")
    other("create table there (id int primary key, name varchar(5))")
    other("create schema of_neighbour")
    client = connect(database_metadata_current_db_only=False)
    assert client("show databases like 'neigh%'")[0][0] == "neighbour"
    assert client("show tables from schema neighbour.public")[0][:4] == ("neighbour", "public", "there", "TABLE")
    assert [row[3] for row in client("show columns from table neighbour.public.there like 'n%'")] == ["name"]
    assert client("show tables from schema nosuch.public") == []
    client.cursor.execute("show schemas from database %s like %s", ("neighbour", "of%"))
    assert [row[1] for row in client.cursor.fetchall()] == ["of_neighbour"]
    client.connection.close()
    arguments = {"catalog": "neighbour", "schema": "public", "table": "there"}
    client = connect(database_metadata_current_db_only=False)
    assert [tuple(row)[:4] for row in client.cursor.get_primary_keys(**arguments)] == [
        ("neighbour", "public", "there", "id")
    ]
    client.connection.close()
    other.connection.close()
    redshift.drop_database("neighbour")
