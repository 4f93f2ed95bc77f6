"""The DAG's Python tasks, called as Airflow calls them, in this process: a task ends as its exception says."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from tests.faults.in_process import Pipeline, environment


class Tasks:
    """The task functions, with Airflow's connections in the environment.

    Args:
        pipeline: Whose endpoints the connections have.
        patience: Seconds that the S3 client waits for an answer.
    """

    def __init__(self, pipeline: Pipeline, patience: int = 1) -> None:
        self.pipeline, self.patience = pipeline, patience

    def environment(self, **variables: str) -> dict[str, str]:
        env = self.pipeline.env
        redshift = json.loads(env["AIRFLOW_CONN_REDSHIFT_DEFAULT"])
        redshift |= {"port": int(env["REDSHIFT_PORT"]), "password": env["REDSHIFT_PASSWORD"]}
        aws = json.loads(env["AIRFLOW_CONN_AWS_DEFAULT"])
        # The client's own patience and tries are Airflow's setting: small ones, so that the test is fast.
        config = {
            "read_timeout": self.patience,
            "connect_timeout": self.patience,
            "retries": {"total_max_attempts": 2, "mode": "standard"},
        }
        aws["extra"] |= {"endpoint_url": env["AWS_ENDPOINT_URL"], "config_kwargs": config}
        connections = {
            "AIRFLOW_CONN_REDSHIFT_DEFAULT": json.dumps(redshift),
            "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(aws),
        }
        return {**env, "KPI_RAW_PREFIX": self.pipeline.prefix, **connections, **variables}

    def land(self, table: str = "streams", run_id: str = "test", **variables: str) -> Any:
        with environment(self.environment(**variables)):
            from kpi_pipeline import tasks

            return tasks.land.function(table, run_id=run_id)

    def prepare(self, run_id: str = "test", **asked: object) -> Any:
        with environment(self.environment()):
            from kpi_pipeline import settings, tasks

            run = SimpleNamespace(conf=asked, run_id=run_id)
            return tasks.prepare(settings.load()).execute({"params": asked, "dag_run": run})

    def docs(self, run_id: str = "test") -> None:
        with environment(self.environment()):
            # Cosmos copies the project and looks for what dbt wrote below the copy, as on a worker.
            for name in ("DBT_TARGET_PATH", "DBT_LOG_PATH"):
                os.environ.pop(name, None)
            from airflow.sdk import DAG
            from kpi_pipeline import settings, transform

            with DAG("publishing"):
                docs = transform.publish_docs(settings.load())
            docs.execute({"run_id": run_id})

    def kpi_page(self) -> None:
        with environment(self.environment()):
            from kpi_pipeline import tasks

            tasks.kpi_page.function()

    def figures(self, run_id: str) -> dict[str, float]:
        run = SimpleNamespace(dag_id="streaming_kpis", run_id=run_id, start_date=datetime.now(UTC))
        dag = SimpleNamespace(task_ids=())
        instance = SimpleNamespace(task=SimpleNamespace(dag=dag), xcom_pull=lambda **_: [], log_url="")
        with environment(self.environment()):
            from kpi_pipeline import tasks

            return tasks.figures.function(run_id=run_id, dag_run=run, ti=instance)
