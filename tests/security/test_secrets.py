"""No key, password or token appears in SQL, in logs, in Airflow's database or in the state directory."""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local.environment import secret
from local.sample import Sample
from local.stack import Stack
from tests.faults.in_process import Pipeline
from tests.faults.redshift_proxy import RedshiftProxy

CANARY = f"wJalr{secrets.token_hex(16)}KEY"


@pytest.fixture(scope="module")
def proxy(stack: Stack) -> Iterator[RedshiftProxy]:
    with RedshiftProxy(int(stack.client_env()["REDSHIFT_PORT"])) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def ran(stack: Stack, proxy: RedshiftProxy, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """After a run of the DAG that landed files and failed, with a secret key of its own for AWS."""
    stack.reset()
    directory = tmp_path_factory.mktemp("raw")
    Sample(days=1, rows=100).write(directory)
    (directory / "streams" / "bad.csv").parent.mkdir(exist_ok=True)
    (directory / "streams" / "bad.csv").write_text("user_id\n")
    stack.put_raw(directory)
    env = stack.env()
    redshift, aws = (json.loads(env[f"AIRFLOW_CONN_{name}_DEFAULT"]) for name in ("REDSHIFT", "AWS"))
    redshift["port"] = proxy.port
    aws["password"] = CANARY
    settings = {
        "AIRFLOW_CONN_REDSHIFT_DEFAULT": json.dumps(redshift),
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(aws),
        "AWS_SECRET_ACCESS_KEY": CANARY,
        "REDSHIFT_PORT": str(proxy.port),
    }
    result = Stack(stack.state, settings=settings).run()
    assert result.state == "failed" and "bad.csv" in result.reason
    return stack


def all_secrets(stack: Stack) -> dict[str, str]:
    purposes = ("redshift", "fernet", "api", "jwt")
    return {"AWS": CANARY, **{purpose: secret(stack.state, purpose) for purpose in purposes}}


def test_no_secret_in_any_file_of_the_state_directory(ran: Stack) -> None:
    """Logs, Airflow's database with its rendered templates and XComs, the objects in S3, the load logs."""
    files = [path for path in ran.state.rglob("*") if path.is_file() and "postgres" not in path.parts]
    assert any(path.name == "airflow.db" for path in files) and any(path.suffix == ".log" for path in files)
    found = [
        (name, path.relative_to(ran.state))
        for path in files
        for name, value in all_secrets(ran).items()
        if value.encode() in path.read_bytes()
    ]
    assert found == []


def test_no_secret_in_any_statement(ran: Stack, proxy: RedshiftProxy) -> None:
    built = Pipeline.of(ran, REDSHIFT_PORT=str(proxy.port)).dbt("run", "--select", "staging")
    assert built.success
    statements = [statement.sql for statement in proxy.seen]
    assert any(sql.lower().startswith("copy ") for sql in statements)
    assert not [sql for sql in statements for value in all_secrets(ran).values() if value in sql]
    copies = [sql.lower() for sql in statements if sql.lower().startswith("copy ")]
    assert all("iam_role" in sql for sql in copies)
    assert not [sql for sql in copies for word in ("credentials", "access_key", "token") if word in sql]


def test_everything_listens_on_loopback_only(ran: Stack) -> None:
    listening = {
        (connection.laddr.ip, connection.laddr.port)
        for process in psutil.process_iter()
        if _is_of(process, ran.state)
        for connection in _listeners(process)
    }
    ports = {int(ran.client_env()["REDSHIFT_PORT"]), int(ran.client_env()["AWS_ENDPOINT_URL"].rpartition(":")[2])}
    assert ports <= {port for _, port in listening}
    assert {ip for ip, _ in listening} == {"127.0.0.1"}
    for port in ports:
        with pytest.raises(OSError), socket.create_connection((_own_address(), port), timeout=2):
            pass


def _is_of(process: psutil.Process, state: Path) -> bool:
    try:
        return any(str(state) in argument for argument in process.cmdline())
    except psutil.Error:
        return False


def _listeners(process: psutil.Process) -> list:
    try:
        return [found for found in process.net_connections("inet") if found.status == psutil.CONN_LISTEN]
    except psutil.Error:
        return []


def _own_address() -> str:
    """An address of this machine that is not the loopback's; one that is routed nowhere if there is none."""
    addresses = [
        address.address
        for found in psutil.net_if_addrs().values()
        for address in found
        if address.family == socket.AF_INET and not address.address.startswith("127.")
    ]
    return addresses[0] if addresses else "192.0.2.1"
