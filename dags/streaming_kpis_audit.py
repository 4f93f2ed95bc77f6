"""Once a week, everything is looked at. It is a DAG of its own, so that a finding about old days fails no run.

A run of `streaming_kpis` tests the batches and days that it touched, so that its cost follows the rows that arrive.
This one runs every dbt test over the whole history, and checks that streams still arrive. It changes nothing: what it
finds, a run with `rebuild_from` and `rebuild_to`, or with `full_refresh`, mends.
What a message of it means and how to mend it: `docs/runbook.md`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG
from kpi_pipeline import alerts, settings, tasks
from kpi_pipeline.transform import check_freshness, test_everything

SETTINGS = settings.load()

with DAG(
    dag_id="streaming_kpis_audit",
    description="Once a week: every dbt test over the whole history, and whether streams still arrive",
    doc_md=__doc__,
    schedule=SETTINGS.schedule and "@weekly",
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={
        "owner": alerts.OWNER,
        "retries": SETTINGS.retries,
        "retry_delay": SETTINGS.retry_delay,
        "retry_exponential_backoff": True,
        "execution_timeout": timedelta(hours=6),
        "on_failure_callback": alerts.report_failure,
    },
    tags=["kpis", "dbt", "redshift"],
) as dag:
    turn = tasks.take_turn.override(timeout=SETTINGS.deadline)().as_setup()
    turn >> [test_everything(SETTINGS), check_freshness(SETTINGS)] >> tasks.end_turn().as_teardown(setups=turn)
