"""The pipeline's own steps, called without Airflow: landing over a real connection, and dbt in this process."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import redshift_connector
import sqlparse
from kpi_pipeline import requests
from kpi_pipeline import settings as pipeline_settings
from kpi_pipeline.landing import Landing, land
from kpi_pipeline.landing.warehouse import Warehouse
from kpi_pipeline.sql import render
from preload import preload  # of plugins/, what Airflow does before it forks a task

from local.buckets import s3_client
from local.environment import DBT_PROJECT
from local.stack import Stack


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """The process's environment with these on top; what was there before comes back."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def connect(env: Mapping[str, str]) -> Any:
    return redshift_connector.connect(
        host=env["REDSHIFT_HOST"],
        port=int(env["REDSHIFT_PORT"]),
        database=env["REDSHIFT_DATABASE"],
        user=env["REDSHIFT_USER"],
        password=env["REDSHIFT_PASSWORD"],
        ssl=False,
    )


@dataclass
class Pipeline:
    """Landing and dbt against a stack, each step on its own.

    Args:
        env: The stack's environment (`Stack.dbt_env`); the ports of a proxy may stand in it.
    """

    env: dict[str, str]
    prefix: str = ""
    s3: Any = field(init=False)
    # Fifty tests say that a column of a source is not null. The audit and `test_every_dbt_test_holds` have them; a run
    # of the DAG has not.
    leaves_out: ClassVar[tuple[str, ...]] = ("--exclude", "test_name:not_null")

    def __post_init__(self) -> None:
        self.s3 = s3_client(self.env)

    @classmethod
    def of(cls, stack: Stack, prefix: str = "", **variables: str) -> Pipeline:
        return cls({**stack.dbt_env(), **variables}, prefix)

    def settings(self, **variables: str) -> pipeline_settings.Settings:
        return pipeline_settings.load({**self.env, "KPI_RAW_PREFIX": self.prefix, **variables})

    # -- S3 ---------------------------------------------------------------------------------------------------------

    def put(self, key: str, body: bytes | str) -> str:
        """Put an object below the prefix; returns its ETag."""
        content = body.encode() if isinstance(body, str) else body
        return self.s3.put_object(Bucket="kpi-raw", Key=self.prefix + key, Body=content)["ETag"].strip('"')

    # -- the warehouse ----------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Make the landing tables, as the task `prepare` does."""
        statements = sqlparse.split(render("create_landing", schema="landing"))
        with closing(connect(self.env)) as connection:
            for statement in statements:
                connection.cursor().execute(statement)
            connection.commit()

    @cached_property
    def _session(self) -> Any:
        """A session for looking; each statement is a transaction of its own."""
        session = connect(self.env)
        session.autocommit = True
        return session

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        cursor = self._session.cursor()
        cursor.execute(sql, parameters)
        return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def one(self, sql: str, *parameters: object) -> Any:
        return self.query(sql, *parameters)[0][0]

    def ask(self, run_id: str = "", **asked: object) -> None:
        """Ask for a rebuild or a full refresh, as the task `prepare` does with the run's params."""
        with closing(connect(self.env)) as connection:
            requests.record(connection, "landing", "analytics", run_id or uuid.uuid4().hex, asked)

    # -- the tasks --------------------------------------------------------------------------------------------------

    def land(self, table: str = "streams", run_id: str = "test", **variables: str) -> int | None:
        """Land a table's new files; returns the rows."""
        return self.landing(table, run_id, **variables).rows

    def landing(self, table: str = "streams", run_id: str = "test", **variables: str) -> Landing:
        """Land a table's new files, over a connection of its own."""
        with closing(connect(self.env)) as connection:
            return land(table, self.settings(**variables), self.s3, Warehouse(connection, "landing", run_id))

    def land_all(self, run_id: str = "test") -> None:
        for table in ("songs", "users", "streams"):
            self.land(table, run_id)

    def dbt(self, *arguments: str, run_id: str = "", **variables: object) -> Any:
        """Run a dbt command in this process; the result is dbt's own."""
        return Dbt.shared(Path(self.env["DBT_TARGET_PATH"]).parent).invoke(self.env, arguments, run_id, variables)

    def build(self, *arguments: str, run_id: str = "", **variables: object) -> Any:
        """Run every model with its tests, as the DAG's transform does, in dbt's own order."""
        left_out = ("--exclude-resource-types", "unit_test", *self.leaves_out)
        return self.dbt("build", *left_out, *arguments, run_id=run_id, **variables)

    def models(self, *arguments: str, run_id: str = "", **variables: object) -> Any:
        """Run the models alone."""
        return self.dbt("run", *arguments, run_id=run_id, **variables)


class Dbt:
    """dbt, with the project parsed once."""

    _shared: Dbt | None = None

    def __init__(self, directory: Path) -> None:
        # Below the stack's own directory, which is cleared away also after a process that was killed.
        directory.mkdir(parents=True, exist_ok=True)
        self.target = Path(tempfile.mkdtemp(dir=directory))
        self.manifest: Any = None

    @classmethod
    def shared(cls, directory: Path) -> Dbt:
        cls._shared = cls._shared or cls(directory)
        return cls._shared

    def invoke(self, env: Mapping[str, str], arguments: tuple[str, ...], run_id: str, variables: dict) -> Any:
        from dbt.cli.main import dbtRunner
        from dbt_common.events.functions import reset_metadata_vars

        own = {"DBT_TARGET_PATH": str(self.target), "DBT_LOG_PATH": str(self.target / "logs")}
        own["DBT_ENV_CUSTOM_ENV_RUN_ID"] = run_id or uuid.uuid4().hex
        # dbt reads a process's variables once, and a task of Airflow is a process; here there are many runs in one.
        reset_metadata_vars()
        with environment({**env, **own}):
            if self.manifest is None:
                parsed = DBT_PROJECT / "target" / "partial_parse.msgpack"
                if parsed.is_file():
                    shutil.copy(parsed, self.target)
                self.manifest = dbtRunner().invoke(["--quiet", "parse"]).result
                preload()
            given = str({"test_scope": "run", **variables})
            name, *options = arguments
            command = ["--quiet", "--log-level", "none", name, "--threads", "1", "--vars", given, *options]
            return dbtRunner(manifest=self.manifest).invoke(command)
