"""An analyst's loop: `make check MODEL=genre_kpis_daily` after an edit, beside bare dbt doing the same builds.

    python -m benchmarks.analyst_loop [rounds]

Both rebuild the model from all of the four weeks that `make dev` brings, run its tests, and build it once more
incrementally, turn by turn, after an edit of their own; a check lints, defers, makes days due, compares the two builds
and shows the results besides.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figure import Figure, emit
from local.stack import Stack
from tests.analysts.conftest import Checkout, copy_checkout

MODEL = "genre_kpis_daily"
GOAL = 1.2
BARE = (
    f".venv/bin/dbt --quiet build --select {MODEL}+ --full-refresh"
    f" && .venv/bin/dbt --quiet run --select int_days_due {MODEL}"
)


def main() -> None:
    """Print the seconds of each round, the medians and their ratio."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory(prefix="kpi-benchmark-") as scratch:
        root = Path(scratch)
        root.chmod(0o755)  # PostgreSQL, which won't run as root, must reach it
        stack = Stack(root / "stack")
        try:
            stack.up()
            (root / "checkout").mkdir()
            checkout = copy_checkout(root / "checkout", stack)
            _run(checkout, "make dev", DAYS="28")
            results = _measure(checkout, rounds)
        finally:
            stack.down()
    bare, check = (statistics.median(results[name]) for name in ("bare", "check"))
    ratio = check / bare
    name = f"an analyst's loop: `make check MODEL={MODEL}` beside a bare `dbt build`"
    emit(Figure(name, round(check, 2), "s", round(bare, 2), round(ratio, 2), f"{GOAL} x or less", ratio <= GOAL))


def _measure(checkout: Checkout, rounds: int) -> dict[str, list[float]]:
    project = checkout.path / "dbt_project"
    dbt = {**checkout.stack.dbt_env(), "DBT_PROJECT_DIR": str(project), "DBT_PROFILES_DIR": str(project)}
    (file,) = project.rglob(f"{MODEL}.sql")
    text = file.read_text()
    results: dict[str, list[float]] = {"bare": [], "check": []}
    for number in range(rounds + 1):
        for name, line, environ in (("bare", BARE, dbt), ("check", f"make check MODEL={MODEL}", {})):
            file.write_text(f"{text}-- edit {number} before {name}\n")
            seconds = _run(checkout, line, **environ)
            if number:  # the first round parses the whole project
                results[name].append(seconds)
                print(f"round {number}: {name} {seconds:.2f} s", flush=True)
    return results


def _run(checkout: Checkout, line: str, **environ: str) -> float:
    began = time.perf_counter()
    done = checkout.run(line, **environ)
    if done.returncode != 0:
        raise subprocess.CalledProcessError(done.returncode, line, done.stdout, done.stderr)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
