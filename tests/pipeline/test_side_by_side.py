"""Airflow's scheduler builds models side by side, from an empty warehouse on, and the KPIs are those of one by one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import combinations
from pathlib import Path

import pytest

from deploy import health
from local.airflow_api import AirflowApi
from local.runs import DAG_ID
from local.sample import Sample
from local.stack import Stack
from tests.expected.kpis import compare
from tests.pipeline.warehouse import expected_from, kpi_tables, query

pytestmark = pytest.mark.slow

DAGS = (DAG_ID, "streaming_kpis_audit")
TASKS = """
select task_id, start_date, end_date, try_number from task_instance
where task_id like 'transform.%' and run_id = (select run_id from dag_run order by start_date desc limit 1)
order by start_date
"""


@pytest.fixture(scope="module")
def scheduled(state_root: Path) -> Iterator[Stack]:
    """A stack of its own, with Airflow's scheduler: the session's is run by one process, task by task."""
    stack = Stack(state_root / "scheduled")
    try:
        stack.up(airflow=True)
        yield stack
    finally:
        stack.down()


def test_models_build_side_by_side_and_lose_nothing(scheduled: Stack, tmp_path: Path) -> None:
    sample = Sample(days=2, rows=2000)
    for batch in (1, 2):
        sample.write(tmp_path, batch)
        scheduled.put_raw(tmp_path)
        assert scheduled.run().state == "success"

        with closing(sqlite3.connect(scheduled.state / "airflow" / "airflow.db")) as metadata:
            tasks = metadata.execute(TASKS).fetchall()
        assert len(tasks) > 24
        assert {attempts for *_, attempts in tasks} == {1}, "what one did made another try again"
        assert tasks[0][0] == "transform.int_batches_due_model_build"
        assert all(tasks[0][2] <= start for _, start, *_ in tasks[1:])
        assert any(first[2] > second[1] for first, second in combinations(tasks, 2)), "nothing was side by side"

        assert compare(expected_from(tmp_path, scheduled)[1], kpi_tables(scheduled)) == []
        assert query(scheduled, "select model_name, loaded_at from analytics.transformed_batches group by 1, 2"
                                " having count(*) > 1") == []  # fmt: skip


def test_the_audit_and_a_run_take_turns(scheduled: Stack, tmp_path: Path) -> None:
    """Both begin in the same second. In the middle of a run the audit would see rows that no model has taken in."""
    for batch in (1, 2, 3):
        Sample(days=3, rows=2000).write(tmp_path, batch)
    scheduled.put_raw(tmp_path)
    logs = scheduled.state / "airflow" / "logs"

    def run(dag_id: str) -> tuple[str, str]:
        events = list(AirflowApi(scheduled.ui_address(), dag_id).run(None, logs))
        return events[-1]["state"], "\n".join(event["text"] for event in events if event["event"] == "log")

    scheduled.refresh_manifest()
    # Which also switches them on: a run of a DAG that is paused stays queued.
    assert all(AirflowApi(scheduled.ui_address(), dag_id).becomes_ready() for dag_id in DAGS)
    with ThreadPoolExecutor() as pool:
        outcomes = dict(zip(DAGS, pool.map(run, DAGS), strict=True))
    assert {dag: state for dag, (state, _) in outcomes.items()} == dict.fromkeys(DAGS, "success")
    told = "\n".join(text for _, text in outcomes.values())
    assert any(f"waiting for {dag} manual__" in told for dag in DAGS), told
    assert query(scheduled, "select * from landing.turns") == []


class PassedOn:
    """MWAA's InvokeRestApi, by the local Airflow."""

    def __init__(self, stack: Stack) -> None:
        self.api = AirflowApi(stack.ui_address(), DAG_ID)

    def invoke_rest_api(self, *, Name: str, Method: str, Path: str, Body: dict | None = None) -> dict:
        return {"RestApiResponse": self.api._call(Method, f"/api/v2{Path}", Body)}


def test_airflow_takes_what_a_deployment_says_of_the_pool(scheduled: Stack) -> None:
    """In a pool of one slot, as earlier versions made it, the audit would wait for ever."""
    client = PassedOn(scheduled)
    client.api._call("PATCH", "/api/v2/pools/transform", {"pool": "transform", "slots": 1, "include_deferred": True})
    pool = health.Airflow(client, "local").pool
    assert [pool().text, pool().text] == ["has 4 slots now, instead of 1", "has 4 slots"]
