"""Clients that die, many clients, and an emulator that dies itself."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import redshift_connector

from emulator_client import PASSWORD, USER, Refused
from redshift_emulator.protocol.messages import pack


def raw_session(port: int) -> socket.socket:
    """A logged-in socket, for messages that no driver sends."""
    sock = socket.create_connection(("127.0.0.1", port))
    body = b"user\0" + USER.encode() + b"\0database\0dev\0\0"
    sock.sendall(struct.pack("!ii", len(body) + 8, 196608) + body)
    sock.sendall(pack(b"p", PASSWORD.encode() + b"\0"))
    received = b""
    while not received.endswith(b"Z\0\0\0\5I"):
        received += sock.recv(4096)
    return sock


def sessions(client) -> int:
    return client.value("select count(*) from pg_stat_activity where datname = 'dev' and usename is not null")


def wait_until(condition, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "condition not met in time"
        time.sleep(0.05)


def test_a_client_that_dies_in_a_message_takes_nothing_along(redshift, connect) -> None:
    watcher = connect()
    before = sessions(watcher)
    for half in (b"", b"Q", b"Q\0\0\1\0select", b"P\0\0\0\x20x\0sel", struct.pack("!c", b"E") + b"\xff\xff\xff\xff"):
        sock = raw_session(redshift.port)
        sock.sendall(half)
        sock.close()
    for start in (b"", b"\0\0", b"GET / HTTP/1.1\r\n\r\n", struct.pack("!ii", 8, 99)):
        with socket.create_connection(("127.0.0.1", redshift.port)) as sock:
            sock.sendall(start)
    wait_until(lambda: sessions(watcher) <= before)
    assert watcher("select 1") == [(1,)]


def test_a_client_that_dies_in_a_query_leaves_no_lock(redshift, connect, run) -> None:
    run("create table t (a int)")
    schema, before = run.value("select current_schema()"), sessions(run)
    sock = raw_session(redshift.port)
    sock.sendall(pack(b"Q", f"begin; lock {schema}.t; with recursive n(i) as (select 1 union all select i + 1 from n) "
                      "select count(*) from n".encode() + b"\0"))  # fmt: skip
    time.sleep(0.3)
    sock.close()
    wait_until(lambda: sessions(run) <= before)
    assert run("select count(*) from t") == [(0,)]


def test_connections_one_after_the_other_do_not_leak(redshift, connect) -> None:
    watcher = connect()
    before, threads = sessions(watcher), threading.active_count()
    for _ in range(60):
        client = connect()
        assert client("select 1") == [(1,)]
        client.connection.close()
    wait_until(lambda: sessions(watcher) <= before and threading.active_count() <= threads)


def test_fifty_at_once(connect) -> None:
    answers: list[int] = []

    def work(number: int) -> None:
        client = connect()
        for _ in range(5):
            answers.append(client.value(f"select nvl(null, {number})"))
        client.connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == sorted(number for number in range(50) for _ in range(5))


def test_simple_protocol_and_cancel(redshift) -> None:
    sock = raw_session(redshift.port)
    sock.sendall(pack(b"Q", b"select 1; select nvl(null, 'two'); select 3\0"))
    received = b""
    while not received.endswith(b"Z\0\0\0\5I"):
        received += sock.recv(4096)
    assert received.count(b"CSELECT"[:1] + b"\0\0\0\rSELECT 1\0") == 3
    sock.sendall(pack(b"Q", b"select 1; select sum(x) over (order by x) from (select 1 as x) y; select 3\0"))
    received = b""
    while not received.endswith(b"Z\0\0\0\5I"):
        received += sock.recv(4096)
    assert b"require a frame clause" in received and received.count(b"SELECT 1\0") == 1
    sock.close()


def test_pipelined_messages(redshift) -> None:
    """A driver may send many statements before it reads: neither side may block the other."""
    sock = raw_session(redshift.port)
    one = pack(b"P", b"\0select repeat('x', 10000)\0\0\0") + pack(b"B", b"\0\0\0\0\0\0\0\0") + pack(b"E", b"\0\0\0\0\0")
    sender = threading.Thread(target=lambda: sock.sendall(one * 500 + pack(b"S")))
    sender.start()
    received = bytearray()
    while not received.endswith(b"Z\0\0\0\5I"):
        received += sock.recv(1 << 20)
    sender.join()
    assert received.count(b"x" * 10000) == 500
    sock.close()


def test_an_error_in_a_transaction_fails_it(connect) -> None:
    session = connect(autocommit=False)
    with pytest.raises(Refused, match="frame clause"):
        session("select sum(x) over (order by x) from (select 1 as x) y")
    for statement in ("select 1", "insert into nowhere select 1", "select relname as a, a || '' as b from pg_class"):
        with pytest.raises(Refused, match="aborted"):
            session(statement)
    session.connection.rollback()
    assert session("select 1") == [(1,)]
    session.connection.close()


def start(data: Path, ready: Path) -> subprocess.Popen:
    options = ["--data", str(data), "--port", "0", "--s3-endpoint", "http://127.0.0.1:1", "--ready-file", str(ready)]
    process = subprocess.Popen(
        [sys.executable, "-m", "redshift_emulator", *options],
        env=os.environ | {"REDSHIFT_USER": USER, "REDSHIFT_PASSWORD": PASSWORD},
    )
    wait_until(lambda: ready.exists() or process.poll() is not None, 60)
    assert process.poll() is None
    return process


def ask(ready: Path, sql: str) -> list:
    port = json.loads(ready.read_text())["port"]
    connection = redshift_connector.connect(
        host="127.0.0.1", port=port, database="dev", user=USER, password=PASSWORD, ssl=False
    )
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []
    finally:
        connection.close()


def test_it_stops_in_order_and_heals_after_a_kill(data_root, aws_endpoint) -> None:
    data, ready = data_root / "killed", data_root / "ready.json"
    process = start(data, ready)
    ask(ready, "create table kept as select 1 as a")
    process.send_signal(signal.SIGKILL)  # leaves PostgreSQL running, its lock file and its memory
    process.wait()
    ready.unlink()
    process = start(data, ready)
    assert ask(ready, "select a from kept") == [(1,)]
    postmaster = int((data / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    process.send_signal(signal.SIGKILL)
    process.wait()
    os.kill(postmaster, signal.SIGKILL)
    ready.unlink()
    process = start(data, ready)
    assert ask(ready, "select a from kept") == [(1,)]
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert not ready.exists()
    assert not (data / "postgres" / "postmaster.pid").exists()
