"""The knobs for tests, on an emulator of their own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redshift_connector

from emulator_client import BUCKET, PASSWORD, USER, Client, Refused
from redshift_emulator import Fault, Knobs, RedshiftEmulator


@pytest.fixture(scope="module")
def knobs() -> Knobs:
    return Knobs()


@pytest.fixture(scope="module")
def disturbed(data_root: Path, aws_endpoint: str, s3, knobs: Knobs) -> Iterator[RedshiftEmulator]:
    with RedshiftEmulator(data_root / "disturbed", s3_endpoint=aws_endpoint, knobs=knobs) as emulator:
        yield emulator


@pytest.fixture
def client(disturbed: RedshiftEmulator, knobs: Knobs) -> Iterator[Client]:
    connection = redshift_connector.connect(
        host="127.0.0.1", port=disturbed.port, database="dev", user=USER, password=PASSWORD, ssl=False
    )
    connection.autocommit = True
    yield Client(connection)
    knobs.__init__()
    connection.close()


def seconds(function, *arguments) -> float:
    began = time.monotonic()
    function(*arguments)
    return time.monotonic() - began


def test_a_statement_takes_longer_and_a_commit_longer_still(client: Client, knobs: Knobs) -> None:
    knobs.statement_seconds, knobs.commit_seconds = 0.1, 0.2
    assert seconds(client, "select 1") >= 0.1
    client("begin")
    assert seconds(client, "commit") >= 0.3


def test_a_log_in_takes_longer(disturbed: RedshiftEmulator, client: Client, knobs: Knobs) -> None:
    knobs.connect_seconds = 0.2
    where = {"host": "127.0.0.1", "port": disturbed.port, "database": "dev", "ssl": False}
    began = time.monotonic()
    redshift_connector.connect(**where, user=USER, password=PASSWORD).close()
    assert time.monotonic() - began >= 0.2


def test_the_nth_statement_fails_and_its_transaction_with_it(client: Client, knobs: Knobs) -> None:
    client("create table counted (a int)")
    knobs.faults.append(Fault("into COUNTED", nth=2, message="out of memory", code="53200"))
    client("begin")
    client("insert into counted values (%s)", (1,))
    with pytest.raises(Refused, match="out of memory") as caught:
        client("insert into counted values (%s)", (2,))
    assert caught.value.code == "53200"
    with pytest.raises(Refused, match="aborted"):
        client("select 1")
    client("rollback")
    client("insert into counted values (%s)", (3,))
    assert client("select a from counted") == [(3,)]


def test_a_statement_ends_the_connection(disturbed: RedshiftEmulator, client: Client, knobs: Knobs) -> None:
    knobs.faults.append(Fault("^commit", disconnects=True))
    client("create table lost (a int)")
    client("begin")
    client("insert into lost values (1)")
    with pytest.raises(redshift_connector.Error):
        client("commit")
    where = {"host": "127.0.0.1", "port": disturbed.port, "database": "dev", "ssl": False}
    again = Client(redshift_connector.connect(**where, user=USER, password=PASSWORD))
    assert again("select count(*) from lost") == [(0,)]
    again.connection.close()


def test_system_views_lag(client: Client, knobs: Knobs) -> None:
    shown = "select count(*) from sys_query_detail where step_name = 'insert' and table_id = 'lagging'::regclass::int"
    client("create table lagging (a int)")
    client("insert into lagging values (1)")
    assert client(shown) == [(1,)]
    knobs.system_view_lag_seconds = 0.5
    client("insert into lagging values (2)")
    assert client(shown) == [(1,)]
    time.sleep(0.6)
    assert client(shown) == [(2,)]


def test_a_large_file_is_split(client: Client, knobs: Knobs, s3) -> None:
    s3.put_object(Bucket=BUCKET, Key="split/file.csv", Body=b"1\nx\n2\n")
    client("create table parts (a int)")
    load = f"copy parts from 's3://{BUCKET}/split/file.csv' iam_role default csv maxerror 5"
    where = " where query_id = pg_last_copy_id()"
    client(load)
    assert client("select line_number from sys_load_error_detail" + where) == [(2,)]
    knobs.split_bytes = 4
    client(load)
    assert client("select line_number from sys_load_error_detail" + where) == [(-1,)]
    assert client("select splits_scanned, lines_scanned from sys_load_detail" + where) == [(2, 3)]


@pytest.mark.parametrize("fault", ["insert", "0:insert", "x:insert", "1:("])
def test_a_fault_that_cannot_be_read_is_told(fault: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "redshift_emulator", "--data", str(tmp_path), "--fail-at", fault]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "is not N:REGULAR_EXPRESSION" in done.stderr or "is no regular expression" in done.stderr
