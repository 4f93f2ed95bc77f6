"""What a run that failed sends, and to whom."""

from __future__ import annotations

from typing import Any

from airflow.providers.amazon.aws.notifications.sns import SnsNotifier

from kpi_pipeline.settings import Settings


def on_run_failure(settings: Settings) -> list[Any]:
    """Return the callbacks of a failed run: one message to the alert topic, or none where no topic is set."""
    if not settings.alert_topic_arn:
        return []
    return [
        SnsNotifier(
            aws_conn_id=settings.aws_conn_id,
            target_arn=settings.alert_topic_arn,
            subject="streaming_kpis failed",
            message="The run {{ run_id }} of streaming_kpis failed: {{ reason | default('see its tasks', true) }}",
        )
    ]
