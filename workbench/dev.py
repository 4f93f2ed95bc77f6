"""`make dev`: a warehouse with weeks of sample data, built, without AWS and without Airflow."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.warehouse import built_from, local_stack

if TYPE_CHECKING:
    from local.stack import Stack

DAYS = 28
NEXT = """\
What to try next
  make check MODEL=genre_kpis_daily    lint, build and test a model that you edit, in a schema of your own, `dev`
  make compare MODEL=genre_kpis_daily  its rows beside those of `analytics`
  .venv/bin/python -m local sql "select * from analytics.listening_kpis_daily order by listen_date desc limit 7"
  docs/analysts.md                     from here to a new KPI in ten minutes"""


def dev(days: int, progress: Callable[[str], None]) -> None:
    """Land the sample and build every model, unless that has been done.

    The days are those that `make demo` brings one by one, byte for byte: either can be called after the other.

    Args:
        days: How many.
        progress: Is called with a line for each step.

    Raises:
        WorkbenchError: A model can't be built.
    """
    stack = local_stack(progress)
    manifest = built_from(stack.state) / "manifest.json"
    if manifest.is_file():
        print(f"The warehouse is there: {_days(stack)} days in the schema `analytics`.")
        print("(After a git pull, or to start anew: make reset dev.)\n")
        print(NEXT)
        return
    with stack.one_run():
        _land(stack, days, progress)
        began = time.monotonic()
        progress("building the models")
        _build(stack)
        progress(f"built them in {time.monotonic() - began:.0f} s")
        manifest.parent.mkdir(exist_ok=True)
        draft = manifest.with_suffix(".draft")
        shutil.copyfile(stack.state / "dbt" / "target" / "manifest.json", draft)
        draft.replace(manifest)  # last of all: a call that was interrupted is no warehouse
    print(f"{_days(stack)} days of sample data are in the schema `analytics`.\n")
    print(NEXT)


def _land(stack: Stack, days: int, progress: Callable[[str], None]) -> None:
    from deploy.slim_ci import land
    from local.sample import DAYS as DAYS_OF_THE_DEMO
    from local.sample import ROWS, Sample

    with tempfile.TemporaryDirectory(prefix="kpi-sample-") as scratch:
        contents = Sample(days=days, rows=days * (ROWS // DAYS_OF_THE_DEMO)).write(Path(scratch))
        progress(f"made {days} days of the sample: {contents.lines:,} stream rows")
        stack.put_raw(Path(scratch))
    land(stack)
    progress("landed them with COPY")


def _build(stack: Stack) -> None:
    # Without the tests, which take as long again: `make check` runs those of what is edited.
    command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "--quiet", "run"]
    done = subprocess.run(command, env=stack.dbt_env(), capture_output=True, text=True)
    if done.returncode != 0:
        raise WorkbenchError(f"The models can't be built:\n{(done.stdout + done.stderr).strip()}")


def _days(stack: Stack) -> int:
    from local.query import query

    return query(stack, "select count(*) from analytics.listening_kpis_daily")[1][0][0]
