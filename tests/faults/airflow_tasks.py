"""The DAG's Python tasks, called as Airflow calls them, in this process: a task ends as its exception says."""

from __future__ import annotations

import json
from typing import Any

from tests.faults.in_process import Pipeline, environment


class Tasks:
    """The task functions, with Airflow's connections in the environment.

    Args:
        pipeline: Whose endpoints the connections have.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline

    def environment(self, **variables: str) -> dict[str, str]:
        env = self.pipeline.env
        redshift = json.loads(env["AIRFLOW_CONN_REDSHIFT_DEFAULT"])
        redshift |= {"port": int(env["REDSHIFT_PORT"]), "password": env["REDSHIFT_PASSWORD"]}
        aws = json.loads(env["AIRFLOW_CONN_AWS_DEFAULT"])
        # The client's own patience and tries are Airflow's setting: small ones, so that the test is fast.
        config = {"read_timeout": 1, "connect_timeout": 1, "retries": {"total_max_attempts": 2, "mode": "standard"}}
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

    def prepare(self, **variables: str) -> Any:
        with environment(self.environment(**variables)):
            from kpi_pipeline import settings, tasks

            return tasks.prepare(settings.load()).execute({})
