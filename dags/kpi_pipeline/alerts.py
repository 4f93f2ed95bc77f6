"""What a run tells people: one message when it fails, one when it succeeds or is late, and who gets them.

A day on which no run even starts is not seen from in here, where nothing may be running: the alarm
``no-run-for-26-hours`` of the deployment watches for it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference

from kpi_pipeline import failures
from kpi_pipeline.settings import Settings, load
from kpi_pipeline.sql import render

OWNER = "data-engineering"
"""Whom Airflow names as the owner of every task."""

_MARKERS = "manifests/alerts"
_MOST_DAYS = 31

log = logging.getLogger("airflow.task")


def deadline(settings: Settings) -> DeadlineAlert | None:
    """Return what tells the alert topic of a run that has not succeeded in time, whether it failed, hangs or waits.

    Airflow's scheduler notices, and its triggerer sends the message: no worker has to be free.

    Args:
        settings: The pipeline's settings; without an alert topic there is no deadline.
    """
    if not settings.alert_topic_arn:
        return None
    import pendulum
    from airflow.sdk.configuration import conf

    late = f"has not succeeded within {pendulum.duration(seconds=settings.deadline.total_seconds()).in_words()}"
    page = f"{conf.get('api', 'base_url', fallback='').rstrip('/')}/dags/{{{{ dag_run.dag_id }}}}/runs/"
    notification = {
        "target_arn": settings.alert_topic_arn,
        "subject": f"{{{{ dag_run.dag_id }}}} {late} of being queued",
        "message": "The run {{ dag_run.dag_run_id }} was queued at {{ dag_run.queued_at }} and has not succeeded yet."
        f"\n\nLook at it: {page}{{{{ dag_run.dag_run_id | urlencode }}}}\n\nWhat to do: docs/runbook.md.",
    }
    return DeadlineAlert(
        name="A run succeeds",
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=settings.deadline,
        callback=AsyncCallback("kpi_deadline.notify", {"aws_conn_id": settings.aws_conn_id, **notification}),
    )


def report_failure(context: Mapping[str, Any]) -> None:
    """Say in one sentence why a task failed, in its log and, for the first task of a run, to the alert topic.

    Airflow calls it once a task has no try left (``on_failure_callback``).

    Args:
        context: Airflow's context of the task, with its exception.
    """
    settings, instance, run = load(), context["ti"], context["dag_run"]
    reason = one_sentence(context.get("exception"))
    names = failures.failed_tests(context.get("exception"))
    scope = (getattr(instance.task, "vars", None) or {}).get("test_scope", "everything")
    tests = failures.rows_of(settings, names, scope) if names else []
    reason = ". ".join([reason.rstrip("."), *(str(test)[:1000] for test in tests)])
    days = sorted(set().union(*(test.days for test in tests)))
    if names and (days := [str(day) for day in days] or _days_of(settings, instance.task)):
        reason = f"{reason}, in the days {', '.join(_shortened(days))}."
    log.error("kpi_pipeline: %s failed: %s", instance.task_id, reason)
    if settings.alert_topic_arn and _is_first(settings, f"{run.run_id}.{run.clear_number or 0}"):
        _publish(
            settings,
            f"{run.dag_id} failed: {instance.task_id}",
            f"The task {instance.task_id} of the run {run.run_id} failed.\n\nReason: {reason}\n\n"
            f"Log: {instance.log_url}\n\nWhat to do: docs/runbook.md.",
        )


def report_success(
    settings: Settings, run: Any, figures: Mapping[str, float], warnings: list[str], carried_out: Sequence[str] = ()
) -> None:
    """Send a run's figures to the alert topic; the subject says if there is something to look at.

    Args:
        settings: The pipeline's settings.
        run: Airflow's run.
        figures: Each figure by its name.
        warnings: What dbt's tests warn of, a sentence each.
        carried_out: The requests that the run has carried out, a sentence each.
    """
    if not settings.alert_topic_arn:
        return
    notes = [f"{figures[name]:,} {name.replace('_', ' ')}" for name in ("rejects", "lines_refused") if figures[name]]
    notes += [f"{len(warnings)} warning{'s' if len(warnings) > 1 else ''}"] if warnings else []
    lines = [f"{name.replace('_', ' ')}: {value:,}" for name, value in figures.items()]
    lines += carried_out
    lines += [f"Warning: {warning}" for warning in warnings]
    if notes:
        lines.append("How to look at them: docs/runbook.md.")
    subject = f"{run.dag_id} succeeded" + (f", with {', '.join(notes)}" if notes else "")
    _publish(settings, subject, f"The run {run.run_id} succeeded.\n\n" + "\n".join(lines))


def keep_warnings(context: Mapping[str, Any]) -> None:
    """Keep what dbt's tests warn of, as an XCom of their task, for the message at the run's end.

    Cosmos calls it after each build (``on_warning_callback``).
    """
    warnings = [f"{name}: {text}" for name, text in zip(context["test_names"], context["test_results"], strict=True)]
    if warnings:
        context["ti"].xcom_push(key="warnings", value=warnings)


def report_warnings(context: Mapping[str, Any]) -> None:
    """Say what the audit's tests warn of, with the rows that they found, in its log and to the alert topic.

    Cosmos calls it after the tests (``on_warning_callback``).
    """
    settings, run = load(), context["dag_run"]
    names = [str(name).strip() for name in context["test_names"]]
    if not names:
        return
    found = {test.name: str(test) for test in failures.rows_of(settings, names, "everything")}
    told = zip(names, context["test_results"], strict=True)
    warnings = [found.get(name, f"{name}: {result}")[:1000] for name, result in told]
    for warning in warnings:
        log.warning("kpi_pipeline: %s", warning)
    if settings.alert_topic_arn:
        spelled = f"{len(warnings)} warning{'s' if len(warnings) > 1 else ''}"
        _publish(
            settings,
            f"{run.dag_id} found {spelled}",
            f"The run {run.run_id} found {spelled}. Nothing is broken.\n\n"
            + "\n".join(f"Warning: {warning}" for warning in warnings)
            + "\n\nWhat to do: docs/runbook.md.",
        )


def one_sentence(exception: object) -> str:
    """Return what an exception says, in one line.

    dbt says what failed on its first line and how on the next ones; a driver's error may have many lines.
    """
    text = str(exception or "").removeprefix("dbt invocation completed with errors: ")
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    if not lines:
        return "the task ended without saying why: its process was killed, or ran out of time or memory"
    return " ".join(lines[:3] if lines[0].endswith(")") else lines[:1])[:1000]


def _days_of(settings: Settings, task: Any) -> list[str]:
    """Return the days that a KPI's tests look at: those that it has built since the last run that succeeded."""
    node = (getattr(task, "extra_context", None) or {}).get("dbt_node_config") or {}
    models = [str(name).rpartition(".")[2] for name in (node.get("unique_id"), *(node.get("depends_on") or ()))]
    models = models[:1] if node.get("resource_type") == "model" else models
    if not node:
        return []
    from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook

    from kpi_pipeline.landing.errors import WAREHOUSE_ERRORS, explain

    try:
        hook = RedshiftSQLHook(redshift_conn_id=settings.redshift_conn_id, aws_conn_id=settings.aws_conn_id)
        with closing(hook.get_conn()) as connection, connection.cursor() as cursor:
            places = ", ".join(["%s"] * len(models))
            names = {"schema": settings.landing_schema, "marts": settings.schema, "models": places}
            cursor.execute(render("days_since_last_success", **names), models)
            return [str(row[0]) for row in cursor.fetchall()]
    except WAREHOUSE_ERRORS as error:
        log.warning("kpi_pipeline: the days of the failure could not be read: %s", explain(error))
        return []


def _shortened(days: list[str]) -> list[str]:
    return days if len(days) <= _MOST_DAYS else [*days[:_MOST_DAYS], f"and {len(days) - _MOST_DAYS} more"]


def _is_first(settings: Settings, name: str) -> bool:
    """Whether no other task of the run has failed yet: S3 makes the run's marker once, whoever asks for it first."""
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client = S3Hook(aws_conn_id=settings.aws_conn_id).get_conn()
        client.put_object(Bucket=settings.artifact_bucket, Key=f"{_MARKERS}/{name}", Body=b"", IfNoneMatch="*")
    except ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in (409, 412):
            return False
        log.warning("kpi_pipeline: whether the run has been reported is not known, so it is reported again: %s", error)
    except BotoCoreError as error:
        log.warning("kpi_pipeline: whether the run has been reported is not known, so it is reported again: %s", error)
    return True


def _publish(settings: Settings, subject: str, message: str) -> None:
    from airflow.providers.amazon.aws.hooks.sns import SnsHook

    # SNS takes a subject of at most 100 ASCII characters in one line (API reference, Publish).
    subject = re.sub(r"[^ -~]+", "?", subject)[:100]
    SnsHook(aws_conn_id=settings.aws_conn_id).publish_to_target(settings.alert_topic_arn, message, subject)
