"""A stack for a benchmark, and the pipeline's steps on it without Airflow."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.environment import REPO
from local.stack import Stack

sys.path += [str(REPO / "dags"), str(REPO / "plugins")]  # as Airflow does

from tests.faults import in_process


class Pipeline(in_process.Pipeline):
    """What the DAG does, each of its tests included: what a benchmark leaves out falsifies its figure."""

    leaves_out = ()


@contextmanager
def own_stack() -> Iterator[Stack]:
    """A stack below a temporary directory; nothing of it stays."""
    root = Path(tempfile.mkdtemp(prefix="kpi-bench-"))
    root.chmod(0o755)  # PostgreSQL, which does not run as root, has to reach it
    stack = Stack(root)
    try:
        stack.up()
        yield stack
    finally:
        stack.down()
        shutil.rmtree(root, ignore_errors=True)


def check(result: object) -> None:
    """Raise SystemExit with what dbt says of a command that failed."""
    if not result.success:
        failed = [
            f"{outcome.node.name}: {outcome.message}"
            for outcome in (result.result.results if result.result else [])
            if outcome.status in ("fail", "error")
        ]
        raise SystemExit(f"dbt failed: {result.exception or failed}")
