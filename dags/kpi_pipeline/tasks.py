"""The Python tasks of the DAG: what lies between Airflow's context and the rest of this package.

The imports of hooks stand in the functions: they take a second that parsing a DAG file need not pay.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any

from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import task
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from kpi_pipeline import alerts, portions, requests, turns
from kpi_pipeline import settings as pipeline_settings
from kpi_pipeline.sql import render

_IGNORED = "ignored"
# What run_figures.sql counts, in its order.
_COUNTS = ("files", "rows_landed", "lines_refused", "listens", "duplicates", "rejects", "days_rebuilt")

log = logging.getLogger("airflow.task")


@contextmanager
def _explained() -> Iterator[None]:
    """Let a task end in one sentence.

    Raises:
        AirflowFailException: What somebody has to mend: no retry.
        AirflowException: What may be gone at the next try.
    """
    from kpi_pipeline.landing.errors import WAREHOUSE_ERRORS, LandingError, TransientLandingError, explain

    try:
        yield
    except (LandingError, TransientLandingError, *WAREHOUSE_ERRORS) as error:
        explained = error if isinstance(error, LandingError | TransientLandingError) else explain(error)
        log.error("kpi_pipeline: %s", explained)
        is_lasting = isinstance(explained, LandingError)
        raise (AirflowFailException if is_lasting else AirflowException)(str(explained)) from None


def _connect(settings: pipeline_settings.Settings) -> Any:
    from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook

    return RedshiftSQLHook(redshift_conn_id=settings.redshift_conn_id, aws_conn_id=settings.aws_conn_id).get_conn()


def _settings_with_buckets() -> pipeline_settings.Settings:
    try:
        settings = pipeline_settings.load()
        settings.require_buckets()
    except pipeline_settings.SettingsError as error:
        raise AirflowFailException(str(error)) from None
    return settings


class ExplainedQueryOperator(SQLExecuteQueryOperator):
    """SQL whose failure is one sentence."""

    def execute(self, context: Any) -> Any:
        """Run the statements; see :func:`_explained` for what is raised."""
        with _explained():
            return super().execute(context)


class PrepareOperator(ExplainedQueryOperator):
    """The run's first task: it writes down what the run was asked for, before anything else can fail."""

    def execute(self, context: Any) -> Any:
        """Make the landing tables and record the run's request.

        Raises:
            AirflowFailException: The run's params contradict each other, or the DAG has no such param.
        """
        run = context["dag_run"]
        if said := requests.mistake(context["params"], run.conf):
            raise AirflowFailException(said)
        super().execute(context)
        settings = pipeline_settings.load()
        with _explained(), closing(_connect(settings)) as connection:
            requests.record(connection, settings.landing_schema, settings.schema, run.run_id, context["params"])


def prepare(settings: pipeline_settings.Settings) -> SQLExecuteQueryOperator:
    """Make the landing tables where they are not there yet."""
    return PrepareOperator(
        task_id="prepare",
        conn_id=settings.redshift_conn_id,
        sql=render("create_landing", schema=settings.landing_schema),
        split_statements=True,
        do_xcom_push=False,
    )


@task.sensor(mode="reschedule", poke_interval=15)
def take_turn(dag_run: Any = None) -> bool:
    """Wait until nothing else works in the warehouse; see :mod:`kpi_pipeline.turns`."""
    settings = pipeline_settings.load()
    owner = turns.owner(dag_run.dag_id, dag_run.run_id)
    with _explained(), closing(_connect(settings)) as connection:
        other = turns.take(connection, settings.landing_schema, owner, settings.deadline)
    if other:
        log.info(
            "kpi_pipeline: waiting for %s, which has had the turn since %s; it expires at %s (UTC)",
            *(other.owner, f"{other.taken_at:%Y-%m-%d %H:%M:%S}", f"{other.expires_at:%Y-%m-%d %H:%M:%S}"),
        )
    return other is None


@task
def end_turn(dag_run: Any = None) -> None:
    """Let others work in the warehouse. As a teardown it runs also where the run failed."""
    settings = pipeline_settings.load()
    with _explained(), closing(_connect(settings)) as connection:
        turns.end(connection, settings.landing_schema, turns.owner(dag_run.dag_id, dag_run.run_id))


@task
def land(table: str, run_id: str | None = None, ti: Any = None) -> None:
    """Land the new files of a table; skip where there are none."""
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from kpi_pipeline.landing import land as land_files
    from kpi_pipeline.landing.warehouse import Warehouse

    settings = _settings_with_buckets()
    s3 = S3Hook(aws_conn_id=settings.aws_conn_id).get_conn()
    with _explained(), closing(_connect(settings)) as connection:
        landed = land_files(table, settings, s3, Warehouse(connection, settings.landing_schema, run_id or ""))
    if landed.ignored_count:
        # Not the task's result: a task that is skipped has none.
        ti.xcom_push(key=_IGNORED, value={"count": landed.ignored_count, "keys": list(landed.ignored)})
    if landed.rows is None:
        raise AirflowSkipException(f"nothing new for {table}")


@task
def figures(run_id: str | None = None, dag_run: Any = None, ti: Any = None) -> dict[str, float]:
    """Write what the run did: a row of ``pipeline_runs``, a line of the log, the message, and the task's result.

    Of runs that go on with one another's work only the last one sends the message, with the figures of them all.
    """
    settings = _settings_with_buckets()
    names = {"schema": settings.landing_schema, "marts": settings.schema}
    started, finished = dag_run.start_date.astimezone(UTC), datetime.now(UTC)
    ignored_count, ignored_keys = _ignored(ti)
    runs = portions.chain(run_id or "")
    with _explained(), closing(_connect(settings)) as connection, connection.cursor() as cursor:
        cursor.execute(render("run_figures", run_id="%s", **names), [run_id, *[_recorded(run_id)] * 2])
        counts = dict(zip(_COUNTS, map(int, cursor.fetchone()), strict=True))
        seconds = round((finished - started).total_seconds(), 1)
        result = {**counts, "objects_ignored": ignored_count, "seconds": seconds}
        row = {
            "run_id": run_id,
            "started_at": started.replace(tzinfo=None),
            "finished_at": finished.replace(tzinfo=None),
            "ignored_keys": "\n".join(ignored_keys),
            **result,
        }
        values = ", ".join(["%s"] * len(row))
        # A try whose COMMIT went through and whose answer did not has left a row already.
        cursor.execute(f"delete from {settings.landing_schema}.pipeline_runs where run_id = %s", [run_id])
        cursor.execute(
            f"insert into {settings.landing_schema}.pipeline_runs ({', '.join(row)}) values ({values})",
            list(row.values()),
        )
        connection.commit()
        left = portions.left(cursor, settings.schema)
        done = [
            sentence
            for run in runs
            for sentence in requests.carried_out(cursor, settings.landing_schema, settings.schema, _recorded(run))
        ]
        total = _total(cursor, settings, runs, result)
    log.info("kpi_pipeline: %s", ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in result.items()))
    for sentence in done:
        log.info("kpi_pipeline: %s", sentence)
    if left:
        log.info("kpi_pipeline: %s", left)
        return result
    warnings = [warning for run in runs for warning in _warnings(ti, run)]
    if ignored_count:
        keys = ", ".join(ignored_keys) + (", ..." if ignored_count > len(ignored_keys) else "")
        warnings.append(f"objects of the bucket that look like data and were ignored, {ignored_count:,}: {keys}")
    alerts.report_success(settings, dag_run, total, warnings, done)
    return result


def _total(
    cursor: Any, settings: pipeline_settings.Settings, runs: list[str], last: dict[str, float]
) -> dict[str, float]:
    """Return the figures of a chain of runs together; the seconds are those from its start to its end."""
    sums = ", ".join(f"sum({name})" for name in _COUNTS)
    cursor.execute(
        f"select {sums}, datediff(second, min(started_at), max(finished_at))"
        f" from {settings.landing_schema}.pipeline_runs where run_id in ({', '.join(['%s'] * len(runs))})",
        runs,
    )
    *counts, seconds = cursor.fetchone()
    if len(runs) == 1:
        return last
    return {**last, **dict(zip(_COUNTS, map(int, counts), strict=True)), "seconds": float(seconds), "runs": len(runs)}


class NextRunOperator(TriggerDagRunOperator):
    """Ask for the run that goes on where this one ends; skip where nothing is left."""

    def execute(self, context: Any) -> None:
        """Trigger the DAG again if the plans of this run left something.

        Raises:
            AirflowSkipException: Nothing is left.
        """
        settings = pipeline_settings.load()
        with _explained(), closing(_connect(settings)) as connection, connection.cursor() as cursor:
            left = portions.left(cursor, settings.schema)
        if not left:
            raise AirflowSkipException("nothing is left to the next run")
        self.trigger_run_id = portions.next_run_id(context["run_id"])
        log.info("kpi_pipeline: %s, %s", left, self.trigger_run_id)
        super().execute(context)


def next_run(dag_id: str) -> NextRunOperator:
    """Ask for a further run of the DAG, which waits for its turn and for the end of this one."""
    return NextRunOperator(
        task_id="next_run",
        trigger_dag_id=dag_id,
        # A try whose answer was lost has asked for it already.
        skip_when_already_exists=True,
        # It would be a param that the DAG does not have.
        openlineage_inject_parent_info=False,
    )


@task
def kpi_page() -> None:
    """Publish the page that shows the KPI tables to people: see :mod:`kpi_pipeline.kpi_page`."""
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from kpi_pipeline.kpi_page import publish

    settings = _settings_with_buckets()
    s3 = S3Hook(aws_conn_id=settings.aws_conn_id).get_conn()
    with _explained(), closing(_connect(settings)) as connection:
        url = publish(connection, s3, settings)
    log.info("kpi_pipeline: the KPI page is %s", url)


def _warnings(instance: Any, run_id: str) -> list[str]:
    """What dbt's tests of a run warn of: see :func:`~kpi_pipeline.alerts.keep_warnings`."""
    builds = sorted(name for name in instance.task.dag.task_ids if name.startswith("transform."))
    kept = instance.xcom_pull(task_ids=builds, key="warnings", run_id=run_id) or []
    return [warning for warnings in kept if warnings for warning in warnings]


def _ignored(instance: Any) -> tuple[int, list[str]]:
    """How many objects look like data and are no file of any table, and the keys of the first of them."""
    lands = [name for name in instance.task.dag.task_ids if name.startswith("land.")]
    found = [item for item in instance.xcom_pull(task_ids=lands, key=_IGNORED) or [] if item]
    return sum(item["count"] for item in found), [key for item in found for key in item["keys"]]


def _recorded(run_id: str) -> str:
    """Return the run's id as dbt records it: see the macro ``run_id``."""
    return run_id.replace("'", "").replace("\\", "")
