"""The DAG's transform part beside a bare `dbt build` of the same models and tests, over the same data.

Both with a day's new files and with nothing due; the DAG under `dags test` and under `airflow standalone`. The DAG's
seconds go from the start of the first of its dbt tasks to the end of the last, as Airflow's database has them; those of
`dbt build` are the process's, its start and a partial parse included.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from benchmarks.figure import Figure, emit
from local import manifest
from local.environment import ARTIFACT_BUCKET, RAW_BUCKET
from local.sample import Sample
from local.stack import Stack

GOAL = 1.3
SECONDS = """
select (julianday(max(end_date)) - julianday(min(start_date))) * 86400
from task_instance
where task_id like 'transform.%' and run_id = (select run_id from dag_run order by start_date desc limit 1)
"""


def put_day(stack: Stack, batch: int) -> None:
    """Put a batch of the sample into the raw bucket: the first has three days, each further one a day and late rows."""
    with tempfile.TemporaryDirectory(prefix="kpi-bench-sample-") as directory:
        Sample().write(Path(directory), batch)
        stack.put_raw(Path(directory))


def land_streams(stack: Stack) -> None:
    """Land what is new without the DAG, so that a bare build finds it."""
    from kpi_pipeline import settings
    from kpi_pipeline.landing import land
    from kpi_pipeline.landing.warehouse import Warehouse

    own = settings.load({"KPI_RAW_BUCKET": RAW_BUCKET, "KPI_ARTIFACT_BUCKET": ARTIFACT_BUCKET})
    with closing(stack.connect()) as connection:
        land("streams", own, stack.s3_client, Warehouse(connection, own.landing_schema, "bench"))


def bare_build(stack: Stack) -> float:
    """Return the seconds of one `dbt build` of what the DAG builds and tests."""
    command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "--quiet", "build"]
    command += ["--profile", manifest.PROFILE, "--target", manifest.TARGET, "--vars", json.dumps(manifest.VARS)]
    command += ["--exclude-resource-type", "unit_test"]
    began = time.monotonic()
    subprocess.run(command, env=stack.dbt_env(), check=True)
    return time.monotonic() - began


def transform_part(stack: Stack) -> float:
    """Run the DAG and return the seconds of its dbt tasks, the first's start to the last's end."""
    result = stack.run()
    if result.state != "success":
        raise SystemExit(f"the run failed: {result.reason}")
    database = stack.state / "airflow" / "airflow.db"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return float(connection.execute(SECONDS).fetchone()[0])


def emit_ratio(where: str, what: str, seconds: float, bare: float) -> None:
    """Print one figure."""
    name = f"orchestration: the transform part under {where}, {what}, beside a bare `dbt build`"
    ratio = seconds / bare
    emit(Figure(name, round(seconds, 1), "s", round(bare, 1), round(ratio, 2), f"{GOAL} x or less", ratio <= GOAL))


def main() -> None:
    """Print the figures."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "dags"))
    root = Path(tempfile.mkdtemp(prefix="kpi-bench-"))
    root.chmod(0o755)
    stack = Stack(root, progress=lambda line: print(f"  {line}", flush=True))
    try:
        stack.up()
        put_day(stack, 1)
        transform_part(stack)
        bare_build(stack)  # parses the project, which the next one needs not
        put_day(stack, 2)
        land_streams(stack)
        bare_new, bare_nothing = bare_build(stack), bare_build(stack)
        for where, batch in (("`dags test`", 3), ("`airflow standalone`", 4)):
            put_day(stack, batch)
            if batch == 4:
                stack.up(airflow=True)
            emit_ratio(where, "a new day", transform_part(stack), bare_new)
            emit_ratio(where, "nothing due", transform_part(stack), bare_nothing)
    finally:
        stack.down()
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
