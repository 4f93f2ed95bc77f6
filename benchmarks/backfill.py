"""A backfill: ten million streams of thirty days, from CSV files in S3 to KPIs that are built and tested.

    python -m benchmarks.backfill [--millions 1]

Beside it a plain pandas script of the same KPIs (`pandas_pipeline.py`), from the same files on the local disk; the
values must be the same. Each runs once, in a process of its own. Ours imports the DAG, as each task's process does, and
then lands and runs dbt one after the other; its memory is what that process held at most, without the warehouse's.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from benchmarks.columnar import KPIS
from benchmarks.data import write_raw
from benchmarks.figure import Figure, emit
from benchmarks.pipelines import Pipeline, check, own_stack
from local.environment import REPO

DAYS = 30
FASTER, GIBIBYTES = 2.0, 0.5
ENVIRONMENT = REPO / ".local" / "bench" / "pandas"
REQUIREMENTS = REPO / "benchmarks" / "requirements.txt"


def python_with_pandas() -> str:
    """The interpreter of an environment that has pandas; made where there is none."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
    command = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*command, "-r", str(REQUIREMENTS)], check=True)
    return str(python)


def run_pipeline() -> None:
    """Do what the DAG's tasks do, in this process; print its seconds and the most memory that it held."""
    import streaming_kpis  # noqa: F401  what a task's process has in memory
    from kpi_pipeline import tasks
    from kpi_pipeline.transform import SLOTS

    pipeline = Pipeline(dict(os.environ))
    began = time.perf_counter()
    pipeline.prepare()
    for table in ("songs", "users", "streams"):
        tasks.land.function(table, run_id="bench")
    print(f"landed in {time.perf_counter() - began:.1f} s", flush=True)
    result = pipeline.build("--threads", str(SLOTS), run_id="bench")  # as many models at once as the DAG builds
    check(result)
    seconds = time.perf_counter() - began
    for outcome in sorted(result.result.results, key=lambda outcome: -outcome.execution_time)[:12]:
        print(f"  {outcome.execution_time:.1f} s {outcome.node.name}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(json.dumps({"seconds": seconds, "bytes": peak}))


def measured(command: list[str], env: dict[str, str] | None = None) -> tuple[float, float]:
    """Run a process and return what its last line says: seconds, and GiB of memory."""
    done = subprocess.run(command, cwd=REPO, env=env, check=True, stdout=subprocess.PIPE, text=True)
    *lines, last = done.stdout.splitlines()
    print("\n".join(lines), flush=True)
    found = json.loads(last)
    return found["seconds"], found["bytes"] / 2**30


def differences(pipeline: Pipeline, output: Path) -> list[str]:
    """The KPI tables that pandas has otherwise; doubles by more than rounding."""
    wrong = []
    for name, columns in KPIS.items():
        order = ", ".join(columns.split(", ")[:2])
        ours = pipeline.query(f"select {columns} from analytics.{name} order by {order}")
        source = f"read_csv('{output / name}.csv', header = true, timestampformat = '%Y-%m-%d %H:%M:%S')"
        theirs = duckdb.sql(f"select {columns} from {source} order by {order}").fetchall()
        alike = sum(all(map(same, one, other)) for one, other in zip(ours, theirs, strict=False))
        if not alike == len(ours) == len(theirs):
            wrong.append(f"{name}: of our {len(ours)} rows and pandas' {len(theirs)}, {alike} are the same")
    return wrong


def same(one: object, other: object) -> bool:
    """Whether two values are equal, doubles up to rounding."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9)
    return one == other


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millions", type=float, default=10)
    parser.add_argument("--pipeline", action="store_true", help="be the process that is measured")
    arguments = parser.parse_args()
    if arguments.pipeline:
        run_pipeline()
        return
    python = python_with_pandas()
    with own_stack() as stack, tempfile.TemporaryDirectory(prefix="kpi-bench-") as directory:
        stack.refresh_manifest()
        raw, output = Path(directory, "raw"), Path(directory, "pandas")
        output.mkdir()
        count = write_raw(raw, 0, DAYS, int(arguments.millions * 1e6) // DAYS, files=DAYS)
        stack.put_raw(raw)
        theirs, their_memory = measured([python, "benchmarks/pandas_pipeline.py", str(raw), str(output)])
        print(f"pandas: {count} streams in {theirs:.1f} s, {their_memory:.2f} GiB", flush=True)
        ours, memory = measured([sys.executable, "-m", "benchmarks.backfill", "--pipeline"], stack.dbt_env())
        if wrong := differences(Pipeline.of(stack), output):
            raise SystemExit("the values differ: " + "; ".join(wrong))
    what = f"backfill of {arguments.millions:g} M streams over {DAYS} days, CSV in S3 to tested KPIs, beside pandas"
    goal = f"{1 / FASTER:g} x or less"
    memory_goal = f"under {GIBIBYTES} GiB"
    emit(
        Figure(what, round(ours, 1), "s", round(theirs, 1), round(ours / theirs, 2), goal, ours / theirs <= 1 / FASTER),
        Figure(
            f"{what}: memory of the process that lands and runs dbt",
            round(memory, 3),
            "GiB",
            round(their_memory, 3),
            round(memory / their_memory, 3),
            memory_goal,
            memory < GIBIBYTES,
        ),
    )


if __name__ == "__main__":
    main()
