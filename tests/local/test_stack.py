import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from local.environment import RAW_BUCKET
from local.errors import LocalError
from local.query import query
from local.stack import Stack


def processes_of(stack: Stack) -> list[psutil.Process]:
    """Every process whose command line names the stack's state directory."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and any(str(stack.state) in w for w in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def daemon_pid(stack: Stack, name: str) -> int:
    return json.loads((stack.state / "run" / f"{name}.json").read_text())["pid"]


def kill(stack: Stack, name: str) -> None:
    process = psutil.Process(daemon_pid(stack, name))
    process.kill()
    psutil.wait_procs([process], timeout=10)


def test_stacks_side_by_side_share_nothing(make_stack: Callable[..., Stack]) -> None:
    one, two = make_stack(), make_stack()
    one.up()
    two.up()
    one.s3_client.put_object(Bucket=RAW_BUCKET, Key="songs.csv", Body=b"id\n")
    query(one, "CREATE TABLE only_here (a int)")

    assert "Contents" not in two.s3_client.list_objects_v2(Bucket=RAW_BUCKET)
    with pytest.raises(LocalError, match="only_here"):
        query(two, "SELECT * FROM only_here")
    assert one.env()["REDSHIFT_PASSWORD"] != two.env()["REDSHIFT_PASSWORD"]

    assert one.down() == ["redshift", "s3"]
    assert processes_of(one) == []
    assert [service.running for service in two.status()] == [True, True, False]
    assert [list(row) for row in query(two, "SELECT 1")[1]] == [[1]]


def test_a_daemon_killed_with_its_data_comes_back_with_it(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    stack.up()
    etag = stack.s3_client.put_object(Bucket=RAW_BUCKET, Key="streams/é 1.csv", Body=b"user_id\n")["ETag"]
    query(stack, "CREATE TABLE kept AS SELECT 7 AS a")
    ports = [service.address for service in stack.status()]

    for name in ("s3", "redshift"):
        kill(stack, name)
    assert not any(service.running for service in stack.status())
    stack.up()

    assert [service.address for service in stack.status()] == ports
    assert stack.s3_client.head_object(Bucket=RAW_BUCKET, Key="streams/é 1.csv")["ETag"] == etag
    assert [list(row) for row in query(stack, "SELECT a FROM kept")[1]] == [[7]]


def test_down_stops_what_a_killed_daemon_left_behind(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    stack.up()
    kill(stack, "redshift")
    assert any("postgres" in process.name() for process in processes_of(stack))

    stack.down()

    assert processes_of(stack) == []


def test_a_pid_that_another_process_has_by_now_is_left_alone(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    bystander = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        record = {"pid": bystander.pid, "identity": "another boot:1", "port": 1, "fingerprint": ""}
        this_boot = {**record, "identity": f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}:1"}
        for written in (record, this_boot):
            (stack.state / "run").mkdir(parents=True, exist_ok=True)
            (stack.state / "run" / "s3.json").write_text(json.dumps(written))
            (stack.state / "run" / "s3.ready").touch()
            assert not stack.status()[0].running
            assert stack.down() == []
            assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_two_ups_at_once_start_one_stack(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    errors: list[Exception] = []

    def up() -> None:
        try:
            Stack(stack.state).up()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=up) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    servers = [process for process in processes_of(stack) if "-m" in process.cmdline()]
    assert sorted(process.cmdline()[2] for process in servers) == ["local.s3", "redshift_emulator"]


def test_a_daemon_holds_nothing_of_the_caller(
    make_stack: Callable[..., Stack], command: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    stack = make_stack()

    done = command(stack, "up", "--no-airflow")  # would not return if a daemon held the pipe

    assert done.returncode == 0, done.stderr
    for name in ("s3", "redshift"):
        pid = daemon_pid(stack, name)
        assert os.getsid(pid) == pid
        if sys.platform == "linux":
            targets = {number: os.readlink(f"/proc/{pid}/fd/{number}") for number in (0, 1, 2)}
            assert targets == {0: os.devnull, 1: str(stack.state / f"logs/{name}.log"), 2: targets[1]}


def test_ports_are_the_ones_set_and_refused_by_name(
    make_stack: Callable[..., Stack], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = make_stack()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setenv("LOCAL_S3_PORT", str(port))
        with pytest.raises(LocalError, match=f"Port {port} for s3 is in use; set LOCAL_S3_PORT"):
            stack.up()
    stack.up()
    assert stack.env()["AWS_ENDPOINT_URL"] == f"http://127.0.0.1:{port}"
    stack.down()
    monkeypatch.setenv("LOCAL_S3_PORT", "http")
    with pytest.raises(LocalError, match="LOCAL_S3_PORT is 'http', which is not a port"):
        stack.up()


def test_reset_empties_buckets_and_warehouse(fresh_stack: Stack) -> None:
    fresh_stack.s3_client.put_object(Bucket=RAW_BUCKET, Key="songs.csv", Body=b"id\n")
    query(fresh_stack, "CREATE SCHEMA landing")
    query(fresh_stack, "CREATE TABLE landing.t AS SELECT 1 AS a")
    query(fresh_stack, "CREATE SCHEMA analytics")
    query(fresh_stack, "CREATE VIEW analytics.v AS SELECT a FROM landing.t")

    fresh_stack.reset()

    assert "Contents" not in fresh_stack.s3_client.list_objects_v2(Bucket=RAW_BUCKET)
    _, rows = query(fresh_stack, "SELECT nspname FROM pg_namespace WHERE nspname IN ('landing', 'analytics')")
    assert list(rows) == []
