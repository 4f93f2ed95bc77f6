"""Values that have a form of their own between the server and the driver: intervals and VARBYTE."""

from __future__ import annotations

import psycopg2
import pytest
from redshift_connector.interval import IntervalDayToSecond, IntervalYearToMonth

from emulator_client import PASSWORD, USER

DAY = 86_400_000_000  # microseconds


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_intervals(connect, protocol) -> None:
    client = connect(client_protocol_version=protocol)
    client(
        "create temp table spans (a interval day to second (4), b interval year to month, c intervald2s, d intervaly2m)"
    )
    client(
        "insert into spans values ('1 day 02:03:04.56789', '1-2', '-10 days', '37 months'), (null, null, null, null)"
    )
    assert client("select * from spans order by b") == [
        (
            IntervalDayToSecond(DAY + 7_384_567_900),
            IntervalYearToMonth(14),
            IntervalDayToSecond(-10 * DAY),
            IntervalYearToMonth(37),
        ),
        (None, None, None, None),
    ]
    assert client("select 'x', '1 day'::intervald2s, 'y', interval '1-2' year to month") == [
        ("x", IntervalDayToSecond(DAY), "y", IntervalYearToMonth(14))
    ]
    assert client("select interval '3 days'") == [("3 days",)]
    client.connection.close()


def test_intervals_as_parameters(run) -> None:
    run("create temp table spans (id int, a intervald2s, b intervaly2m)")
    rows = [(1, IntervalDayToSecond(-5_000_000), IntervalYearToMonth(14)), (2, None, None)]
    run.cursor.executemany("insert into spans values (%s, %s, %s)", rows)
    assert run("select * from spans order by id") == rows


def test_a_statement_is_run_again_with_other_columns_between(run) -> None:
    run("create temp table t (a intervaly2m, b int)")
    run("insert into t values ('1 month', 1)")
    for _ in range(2):
        assert run("select a, b from t") == [(IntervalYearToMonth(1), 1)]
        assert run("select b, b from t") == [(1, 1)]


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_varbyte(connect, protocol) -> None:
    client = connect(client_protocol_version=protocol)
    client("create temp table t (id int, v varbyte)")
    client("insert into t (v) values (%s)", (b"\x00abc",))
    client("insert into t values (1, 'abc')")
    # the driver sends the digits of bytes as a text, and decodes the digits that it gets
    assert client("select v from t order by id") == [("abc",), (b"\x00abc".hex(),)]
    client.connection.close()


def test_varbyte_in_the_simple_protocol(redshift, run) -> None:
    connection = psycopg2.connect(
        host="127.0.0.1", port=redshift.port, dbname="dev", user=USER, password=PASSWORD, sslmode="disable"
    )
    with connection.cursor() as cursor:
        cursor.execute("select 'abc'::varbyte, '\\\\x61', from_hex('00ff')")
        assert cursor.fetchone() == ("616263", "\\x61", "00ff")
    connection.close()
