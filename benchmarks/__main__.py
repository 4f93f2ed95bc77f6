"""Run the benchmarks one after the other, keep what they say and write the README's table.

``python -m benchmarks [landing,parsing]``: those alone; the table keeps what the others said last.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import figure, table

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / ".local" / "bench"
# Each module, in the table's order, and what Redshift would do differently from the emulator.
BENCHMARKS = {
    "long_history": "Zone maps skip blocks by `listen_date`, the sort key, as the BRIN indexes of the emulator do; "
    "what is skipped follows from the plan, the seconds do not.",
    "backfill": "COPY and the models run on all slices, column by column; the emulator's PostgreSQL reads whole rows, "
    "and an INSERT of a query has one process. `columnar` has the same SQL on a columnar engine.",
    "columnar": "",
    "orchestration": "Each task connects to the warehouse, over TLS and with an IAM login, and each statement takes a "
    "round trip and is compiled once: both columns grow, and the ratio falls.",
    "parsing": "",
    "analyst_loop": "A model's seconds are Redshift's own; what dbt adds is the same.",
    "landing": "COPY reads its files from S3 side by side, as many as the warehouse has slices. S3 lists 1,000 keys a "
    "request, and answers one in tens of milliseconds.",
    "emulator": "",
}
_MOST_MINUTES = 90


def run(name: str) -> dict[str, Any]:
    """Run one benchmark and return its result as it is recorded."""
    began = time.monotonic()
    print(f"{name} ...", flush=True)
    command = [sys.executable, "-m", f"benchmarks.{name}"]
    error, output = "", ""
    try:
        done = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False, timeout=_MOST_MINUTES * 60
        )
        output = done.stdout
        if done.returncode:
            error = f"exit status {done.returncode}; `python -m benchmarks.{name}` says why"
    except subprocess.TimeoutExpired:
        error = f"not done within {_MOST_MINUTES} minutes"
    figures = figure.read(output.splitlines())
    if not figures and not error:
        error = "it printed no figure"
    for line in figures:
        print(f"  {line['name']}: {line['value']:.3g} {line['unit']}", flush=True)
    print(f"  {error or 'done'} in {time.monotonic() - began:.0f} s", flush=True)
    return {"figures": figures, "error": error, "machine": machine(), "date": f"{datetime.now(UTC):%Y-%m-%d}"}


def machine() -> str:
    """Say what it ran on: the cores that it may use, memory, processor, Python."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return f"{cores} cores, {memory:.0f} GiB, {_processor()}, {platform.system()}, Python {platform.python_version()}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model n")]
        if names:
            return names[0]
    return platform.processor() or platform.machine()


def recorded() -> Mapping[str, Mapping[str, Any]]:
    """Return the last result of each benchmark."""
    return {file.stem: json.loads(file.read_text()) for file in RESULTS.glob("*.json")}


def main() -> None:
    """Run what the command line names; exit status 1 if one of them failed."""
    wanted = [name for word in sys.argv[1:] for name in word.split(",") if name] or list(BENCHMARKS)
    unknown = sorted(set(wanted) - BENCHMARKS.keys())
    if unknown:
        sys.exit(f"There is no benchmark {', '.join(unknown)}: there are {', '.join(BENCHMARKS)}.")
    RESULTS.mkdir(parents=True, exist_ok=True)
    failed = []
    for name in wanted:
        result = run(name)
        (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
        failed += [name] if result["error"] else []
    page = ROOT / "README.md"
    page.write_text(table.insert(page.read_text(encoding="utf-8"), table.render(BENCHMARKS, recorded())), "utf-8")
    print("README.md has the table")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
