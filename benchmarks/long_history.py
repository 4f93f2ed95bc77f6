"""A day's run on a year of history beside the same run on thirty days: rows read from `fct_listens`, and seconds.

    python -m benchmarks.long_history [--small]

Two stacks, whose histories end on the same day; the pipeline itself has landed and transformed them. Then the same new
days come to both, one after the other and in turns; a day is 100,000 listens, some of them up to three days late.
Measured is the transform part, models, hooks and tests, as the DAG runs it. The rows are those that PostgreSQL took
from the table's blocks, by a scan or by way of an index, also the ones that it then found not to be wanted. The rows
are the median of the days, the seconds the best.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks.data import write_raw
from benchmarks.figure import Figure, emit
from benchmarks.pipelines import Pipeline, check, own_stack

LONG, SHORT = 365, 30
ROWS_A_DAY, NEW_ROWS, NEW_DAYS = 10_000, 100_000, 5
BATCH_DAYS = 120
GOAL = 1.1
READ = """
select cast(seq_tup_read + coalesce(idx_tup_fetch, 0) as bigint) from pg_stat_user_tables
where schemaname = 'analytics' and relname = 'fct_listens'
"""


def take_in(pipeline: Pipeline, first: int, days: int, rows_a_day: int, *, is_tested: bool) -> tuple[float, int]:
    """Land days, then transform and test them.

    Returns:
        The seconds of the transform part, and the rows that it read from `fct_listens`.
    """
    with tempfile.TemporaryDirectory(prefix="kpi-bench-") as directory:
        write_raw(Path(directory), first, days, rows_a_day)
        for file in Path(directory).rglob("*.csv"):
            pipeline.put(file.relative_to(directory).as_posix(), file.read_bytes())
    pipeline.land_all()
    before, began = rows_read(pipeline), time.perf_counter()
    check(pipeline.build() if is_tested else pipeline.models())
    seconds = time.perf_counter() - began
    # As the DAG does at its end: the next run's tests look at what was built since.
    pipeline.query("insert into landing.pipeline_runs values ('bench', sysdate, sysdate, 0, 0, 0, 0, 0, 0, 0, 0)")
    return seconds, rows_read(pipeline) - before


def rows_read(pipeline: Pipeline) -> int:
    """The rows read from `fct_listens` so far."""
    time.sleep(1.1)  # a session hands its counts over once a second
    rows = pipeline.query(READ)
    return int(rows[0][0]) if rows else 0


def build_history(pipeline: Pipeline, days: int, rows_a_day: int) -> None:
    """Take in the days before the first new one, some months in a batch."""
    pipeline.prepare()
    for first in range(LONG - days, LONG, BATCH_DAYS):
        length = min(BATCH_DAYS, LONG - first)
        seconds, read = take_in(pipeline, first, length, rows_a_day, is_tested=False)
        print(f"{days} days of history: {length} from {first} on in {seconds:.1f} s, {read} rows read", flush=True)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a hundredth of the rows, for a quick try")
    parser.add_argument("--days", type=int, default=NEW_DAYS)
    arguments = parser.parse_args()
    rows_a_day, new_rows = (rows // (100 if arguments.small else 1) for rows in (ROWS_A_DAY, NEW_ROWS))
    seconds: dict[int, list[float]] = {LONG: [], SHORT: []}
    read: dict[int, list[int]] = {LONG: [], SHORT: []}
    with ExitStack() as stacks:
        pipelines = {days: Pipeline.of(stacks.enter_context(own_stack())) for days in (SHORT, LONG)}
        for days, pipeline in pipelines.items():
            build_history(pipeline, days, rows_a_day)
        for day in range(arguments.days):
            for days, pipeline in pipelines.items():
                took, rows = take_in(pipeline, LONG + day, 1, new_rows, is_tested=True)
                print(f"a day on {days} days of history: {took:.2f} s, {rows} rows read", flush=True)
                seconds[days].append(took)
                read[days].append(rows)
    what = f"{new_rows:,} new listens on {LONG} days of {rows_a_day:,}, transform part, beside {SHORT} days"
    emit_ratio(
        f"{what}: rows read from `fct_listens`", "rows", *(statistics.median(read[days]) for days in (LONG, SHORT))
    )
    emit_ratio(what, "s", *(min(seconds[days]) for days in (LONG, SHORT)))


def emit_ratio(name: str, unit: str, value: float, baseline: float) -> None:
    """Print one figure."""
    ratio = value / baseline
    emit(Figure(name, round(value, 2), unit, round(baseline, 2), round(ratio, 3), f"{GOAL} x or less", ratio <= GOAL))


if __name__ == "__main__":
    main()
