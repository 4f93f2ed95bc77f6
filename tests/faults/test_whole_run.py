"""One run of the whole DAG through Airflow with a fault in each phase."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.environment import secret
from local.sample import Sample
from local.stack import Stack
from tests.expected.kpis import compare
from tests.faults.inbox import Inbox
from tests.faults.redshift_proxy import At, RedshiftProxy, text
from tests.faults.s3_proxy import S3Proxy
from tests.pipeline.warehouse import expected_from, kpi_tables, query

pytestmark = pytest.mark.slow


def test_a_run_with_a_fault_in_each_phase_ends_as_an_undisturbed_one(
    stack: Stack, redshift_proxy: RedshiftProxy, s3_proxy: S3Proxy, tmp_path: Path
) -> None:
    stack.reset()
    redshift_proxy.calm()
    s3_proxy.calm()
    inbox = Inbox(stack.client_env())
    Sample(days=2, rows=2000).write(tmp_path)
    with (tmp_path / "users.csv").open("a") as users:
        users.write(",Nobody,30,Peru,2024-01-01\n")  # a test warns of a user without an id
    stack.put_raw(tmp_path)
    env = stack.env()
    redshift, aws = (json.loads(env[f"AIRFLOW_CONN_{name}_DEFAULT"]) for name in ("REDSHIFT", "AWS"))
    redshift["port"] = redshift_proxy.port
    aws["extra"] |= {"endpoint_url": s3_proxy.endpoint, "config_kwargs": {"retries": {"total_max_attempts": 1}}}
    settings = {
        "AIRFLOW_CONN_REDSHIFT_DEFAULT": json.dumps(redshift),
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(aws),
        "REDSHIFT_PORT": str(redshift_proxy.port),
        "KPI_ALERT_TOPIC_ARN": inbox.topic,
        "KPI_RETRIES": "2",
    }
    faults = [
        redshift_proxy.add(text("create table if not exists"), At.ERROR, "1023"),
        redshift_proxy.add(text(r"^copy landing\.streams"), At.DURING),
        redshift_proxy.add(text(r"^copy landing\.users"), At.ERROR, "Query (1) cancelled on user's request"),
        redshift_proxy.add(text("merge into", "model.streaming_kpis.fct_listens"), At.DURING),
        redshift_proxy.add(text("^commit", "model.streaming_kpis.fct_listens"), At.AFTER),
        redshift_proxy.add(text("insert into .*day_builds", "model.streaming_kpis.genre_kpis_daily"), At.ERROR, "1023"),
        redshift_proxy.add(text("insert into landing.pipeline_runs"), At.AFTER),
        s3_proxy.answer("GET", "songs.csv", 503, "SlowDown"),
    ]
    lines: list[str] = []
    result = Stack(stack.state, settings=settings, progress=lines.append).run()
    assert result.state == "success", result.reason
    assert [fault.injected for fault in faults] == [1] * len(faults)
    assert sum("tries again" in line for line in lines) >= len(faults) - 1

    expected = expected_from(tmp_path, stack)[1]
    assert compare(expected, kpi_tables(stack)) == []
    assert query(stack, "select count(*) from landing.pipeline_runs")[0][0] == 1
    messages = inbox.read()
    assert len(messages) == 1, "a failure that a retry mends is no message"
    subject, body = messages[0]
    assert subject.startswith("streaming_kpis succeeded, with ") and "1 warning" in subject
    assert "not_null_stg_users_user_id" in body

    state_files = [path for path in stack.state.rglob("*") if path.is_file() and "postgres" not in path.parts]
    for purpose in ("redshift", "fernet", "api", "jwt"):
        value = secret(stack.state, purpose).encode()
        assert not [path for path in state_files if value in path.read_bytes()], purpose
