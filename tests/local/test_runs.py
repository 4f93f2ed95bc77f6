import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from dbt.task.docs import DOCS_INDEX_FILE_PATH
from playwright.sync_api import Page

from local import airflow_api, environment
from local.airflow_api import AirflowApi
from local.environment import REPO
from local.errors import LocalError
from local.runs import DAG_ID, RunResult, follow
from local.stack import Stack
from tests import dbt_docs_site

STUB_DAG = f"""
import logging
import sys
import time
from airflow.sdk import dag, get_current_context, task

sys.path.insert(0, {str(REPO / "dags")!r})
from kpi_pipeline.requests import params

def param(name):
    return (get_current_context()["dag_run"].conf or {{}}).get(name)

@dag(schedule=None, params=params())
def streaming_kpis():
    @task
    def first():
        logging.getLogger("stub").info("kpi_pipeline: landed 3 files")
        time.sleep(param("sleep") or 0)

    @task(retries=1, retry_delay=1)
    def second():
        if param("break"):
            raise ValueError("songs.csv lacks the column track_id\\nand more that nobody wants to read")

    first() >> second()

streaming_kpis()
"""


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return []


@pytest.fixture(scope="module")
def runner(state_root: Path, lines: list[str]) -> Iterator[Stack]:
    """A stack whose DAG is a stub of two tasks that does as the run's params say."""
    dags = state_root / "dags"
    dags.mkdir()
    (dags / "streaming_kpis.py").write_text(STUB_DAG)
    stack = Stack(state_root / "runner", dags=dags, progress=lines.append)
    try:
        yield stack
    finally:
        stack.down()


def test_runs_of_one_stack_take_turns_and_are_told_step_by_step(runner: Stack) -> None:
    told: list[str] = []
    results: list[RunResult] = []

    def run() -> None:
        results.append(Stack(runner.state, dags=runner.dags, progress=told.append).run())

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [(result.state, result.reason) for result in results] == [("success", ""), ("success", "")]
    steps = ["loading the DAG", "landed 3 files", "first: done", "second: done"]
    shown = [line.partition(" in ")[0] for line in told]
    assert [line for line in shown if line in steps] == steps * 2
    for result in results:
        assert result.log.read_text().count("DagRun Finished") == 1


def test_an_interrupted_run_ends_with_its_caller_and_the_next_one_says_why_it_failed(
    runner: Stack, lines: list[str]
) -> None:
    # A shell that starts the tests in the background has them ignore SIGINT, and so would the caller.
    script = f"""
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
from local.stack import Stack
say = lambda line: print(line, flush=True)
Stack(Path({str(runner.state)!r}), dags=Path({str(runner.dags)!r}), progress=say).run({{"sleep": 100}})
"""
    caller = subprocess.Popen(
        [sys.executable, "-c", script], cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert caller.stdout
    assert any("landed 3 files" in line for line in caller.stdout), "the run ended before its first task"
    children = [child for child in psutil.Process(caller.pid).children() if "local.dag_test" in child.cmdline()]
    assert len(children) == 1
    caller.send_signal(signal.SIGINT)
    caller.communicate(timeout=30)
    assert psutil.wait_procs(children, timeout=10)[1] == []

    result = runner.run({"break": True})

    assert (result.state, result.reason) == ("failed", "second failed: songs.csv lacks the column track_id")
    assert lines[-1].startswith("second: FAILED after")
    assert any("tries again" in line for line in lines)
    assert "and more that nobody wants to read" in result.log.read_text()
    with sqlite3.connect(runner.state / "airflow" / "airflow.db") as metadata:
        assert metadata.execute("SELECT COUNT(*) FROM dag_run WHERE state = 'running'").fetchone() == (0,)


def test_a_dag_that_does_not_load_is_named(runner: Stack, tmp_path: Path) -> None:
    (tmp_path / "streaming_kpis.py").write_text("from airflow.sdk import dag\nraise KeyError('KPI_RAW_BUCKET')\n")

    result = Stack(runner.state, dags=tmp_path).run()

    assert result.state == "failed"
    assert result.reason == "the DAG file streaming_kpis.py: KeyError: 'KPI_RAW_BUCKET'"


@pytest.fixture
def ui(runner: Stack) -> str:
    """The address of Airflow's UI, which stays up until the test that takes it down."""
    runner.up(airflow=True)
    return runner.ui_address()


def test_the_trigger_form_explains_each_param_and_airflow_refuses_what_is_none(runner: Stack, ui: str) -> None:
    api = AirflowApi(ui, DAG_ID)
    params = api.params()
    assert list(params) == ["rebuild_from", "rebuild_to", "full_refresh"]
    for param in params.values():
        assert param["schema"]["title"] and param["schema"]["description_md"] and param["schema"]["section"]
    assert [params[name]["schema"].get("format") for name in params] == ["date", "date", None]
    for conf, said in (
        ({"rebuild_from": "2024-02-30"}, "Invalid input for param rebuild_from: '2024-02-30' is not a 'date'"),
        ({"full_refresh": "please"}, "Invalid input for param full_refresh: 'please' is not of type 'boolean'"),
    ):
        with pytest.raises(LocalError) as refusal:
            runner.run(conf)
        assert str(refusal.value) == f"Airflow refused the run: {said}"


def test_an_airflow_whose_heartbeat_is_late_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([False, True])
    monkeypatch.setattr(AirflowApi, "is_ready", lambda _: next(answers))
    assert AirflowApi("http://127.0.0.1:1", DAG_ID).becomes_ready()
    monkeypatch.setattr(airflow_api, "HEARTBEAT_SECONDS", 0)
    monkeypatch.setattr(AirflowApi, "is_ready", lambda _: False)
    assert not AirflowApi("http://127.0.0.1:1", DAG_ID).becomes_ready()


def test_airflow_shows_the_dbt_docs_in_its_menu(runner: Stack, ui: str, page: Page, screenshots: Path) -> None:
    manifest = environment.DBT_PROJECT / "target" / "manifest.json"
    for name, body in (
        ("index.html", Path(DOCS_INDEX_FILE_PATH).read_bytes()),
        ("manifest.json", manifest.read_bytes()),
        ("catalog.json", json.dumps({"metadata": {}, "nodes": {}, "sources": {}}).encode()),
    ):
        runner.s3_client.put_object(Bucket=environment.ARTIFACT_BUCKET, Key=f"docs/{name}", Body=body)
    page.goto(f"{ui}/dags/{DAG_ID}")
    page.get_by_role("button", name="Browse").click()
    shown = page.get_by_role("menuitem", name="dbt docs").first.get_attribute("href")
    dbt_docs_site.forgive_dbt(page)
    page.goto(f"{ui}{shown}")
    dbt_docs_site.browse(page, page, screenshots, "docs-in-airflow")


def test_airflow_with_its_ui_runs_the_dag_and_leaves_no_process(runner: Stack, lines: list[str]) -> None:
    runner.up(airflow=True)
    assert all(service.running for service in runner.status())
    lines.clear()

    result = runner.run()

    assert (result.state, result.reason) == ("success", "")
    assert lines[0] == "landed 3 files"
    assert [line.partition(" in ")[0] for line in lines[1:]] == ["first: done", "second: done"]
    session = json.loads((runner.state / "run" / "airflow.json").read_text())["pid"]
    assert len([pid for pid in psutil.pids() if _session(pid) == session]) > 3

    assert runner.down() == ["airflow", "redshift", "s3"]

    assert [pid for pid in psutil.pids() if _session(pid) == session] == []


def test_no_secret_lies_in_the_state_directory_or_on_a_command_line(runner: Stack) -> None:
    runner.up()
    env = runner.env()
    secrets = {env["REDSHIFT_PASSWORD"], env["AIRFLOW__CORE__FERNET_KEY"]}
    secrets |= {env["AIRFLOW__API__SECRET_KEY"], env["AIRFLOW__API_AUTH__JWT_SECRET"]}
    assert all(len(secret) >= 40 for secret in secrets)
    assert environment.secret(runner.state, "redshift") in secrets

    files = [file for file in runner.state.rglob("*") if file.is_file()]
    assert any(file.name == "airflow.db" for file in files)
    holding = [file for file in files if any(secret.encode() in file.read_bytes() for secret in secrets)]
    assert holding == []
    assert not [file for file in files if "password" in file.name]
    commands = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert not any(secret in commands for secret in secrets)


def _session(pid: int) -> int | None:
    try:
        return None if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE else os.getsid(pid)
    except (psutil.Error, ProcessLookupError, PermissionError):
        return None


def test_a_run_that_fails_says_each_reason_once_and_all_of_them_last(tmp_path: Path) -> None:
    sentences = {"land.songs": "songs.csv lacks the column 'track_id'", "land.users": "users.csv is empty"}
    events = [{"event": "running", "task": "land.songs", "attempt": 1}]
    for task, sentence in sentences.items():
        events += [
            {"event": "log", "level": "ERROR", "text": f"{sentence}."},
            {"event": "failed", "task": task, "seconds": 1.0, "error": f"{sentence}."},
            {"event": "log", "level": "ERROR", "text": f"{task} failed: {sentence}."},
        ]
    events += [{"event": "log", "level": "ERROR", "text": "something else is wrong"}]
    events += [{"event": "end", "state": "failed", "reason": ""}]
    told: list[str] = []
    result = follow(iter(events), tmp_path / "log", told.append, 0.0)
    assert told == ["land.songs: FAILED after 1.0 s", "land.users: FAILED after 1.0 s", "something else is wrong"]
    assert result.reason == (
        "land.songs failed: songs.csv lacks the column 'track_id'; land.users failed: users.csv is empty"
    )


def test_a_failed_test_is_told_with_its_rows(tmp_path: Path) -> None:
    rule = "shares_add_up: Got 1 result"
    events = [
        {"event": "failed", "task": "transform.t", "seconds": 1.0, "error": rule},
        {"event": "log", "level": "ERROR", "text": f"transform.t failed: {rule}. It found day 2024-06-24."},
        {"event": "end", "state": "failed", "reason": ""},
    ]
    result = follow(iter(events), tmp_path / "log", lambda line: None, 0.0)
    assert result.reason == f"transform.t failed: {rule}. It found day 2024-06-24"
