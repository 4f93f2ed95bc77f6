"""A pull request's changed models: those and what depends on them are built, the rest is read from the base's build.

The base's build stands in for production's, which CI has no way to: the same sample data in a schema of its own.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import sqlparse

from deploy import build, source
from deploy.errors import DeployError
from deploy.smoke import Warehouse, landing, render, settings

if TYPE_CHECKING:
    from local.stack import Stack

REPO = Path(__file__).resolve().parent.parent
STATE = REPO / ".local" / "slim-ci"


def slim_ci(base: str, progress: Callable[[str], None]) -> int:
    """Build what differs from a base version, with defer; returns dbt's exit status.

    Args:
        base: A branch, tag or commit.
        progress: Is called with a line for each step.

    Raises:
        DeployError: There is no such version, or its own models can't be built.
    """
    from local.stack import Stack

    Stack(STATE / "stack").down()  # what a build that was killed left behind
    shutil.rmtree(STATE, ignore_errors=True)
    stack = Stack(STATE / "stack", progress=progress)
    try:
        stack.up()
        stack.reset()
        return compare(stack, REPO, base, STATE, progress)
    finally:
        stack.down()


def compare(stack: Stack, repository: Path, base: str, state: Path, progress: Callable[[str], None]) -> int:
    """Build a base version's models, and then, in another schema, what a working tree changes.

    Args:
        stack: An empty one that runs.
        repository: The repository; its working tree has the changes.
        base: A branch, tag or commit.
        state: A directory for the sample data, the logs, and dbt's artifacts: `base` and `target`.
        progress: Is called with a line for each step.

    Returns:
        dbt's exit status of the second build.

    Raises:
        DeployError: As for `slim_ci`.
    """
    from local.sample import Sample

    Sample(days=2, rows=4_000).write(state / "sample")
    stack.put_raw(state / "sample")
    land(stack)
    with source.checkout(repository, base) as made:
        progress(f"building the models of {made.label}")
        words = ["run", "--quiet", "--target-path", str(state / "base"), "--log-path", str(state / "logs")]
        if _dbt(stack, made.tree / "dbt_project", words) != 0:
            raise DeployError(f"The models of {made.label} can't be built: there is nothing to compare with.")
    progress("building what has changed")
    words = ["build", "--select", "state:modified+", "--defer", "--state", str(state / "base")]
    words += ["--target-path", str(state / "target"), "--log-path", str(state / "logs")]
    return _dbt(stack, repository / "dbt_project", words, schema="pull_request")


def land(stack: Stack) -> None:
    """Land what is new in a stack's raw bucket, without Airflow."""
    client = stack.env()
    read = settings.load(client)
    with closing(stack.connect()) as connection:
        for statement in sqlparse.split(render("create_landing", schema=read.landing_schema)):
            connection.cursor().execute(statement)
        connection.commit()
        for table in ("songs", "users", "streams"):
            landing.land(table, read, stack.s3_client, Warehouse(connection, read.landing_schema, "slim-ci"))


def docs(progress: Callable[[str], None]) -> int:
    """Write the docs of the project as one page to .local/docs/index.html."""
    environment = {"REDSHIFT_HOST": "", "REDSHIFT_WORKGROUP": "", "AWS_DEFAULT_REGION": "us-east-1"}
    page = REPO / ".local" / "docs" / "index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_bytes(build.DbtArtifacts(REPO, environment).docs())
    progress(str(page.relative_to(REPO)))
    return 0


def _dbt(stack: Stack, project: Path, words: list[str], schema: str = "analytics") -> int:
    command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", *words]
    command += ["--project-dir", str(project), "--profiles-dir", str(project), "--target", "local"]
    return subprocess.call(command, env={**stack.dbt_env(), "KPI_SCHEMA": schema}, cwd=project)
