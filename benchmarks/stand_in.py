"""The stand-in itself: its start, and what it adds to a statement beside a direct connection to its PostgreSQL."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import redshift_connector

from benchmarks.figure import Figure, emit
from local.redshift.server import LocalRedshift
from local.redshift.session import Session

USER, PASSWORD = "admin", "Benchmark-1"
NO_S3 = "http://127.0.0.1:9"
STATEMENTS = {
    "select 1": "the same text each time",
    "select {n}": "a new text each time",
    "select a, nvl(b, 'x') as b from lines where a = '{n}' order by 1 limit 10": "a new text that is rewritten",
}


def seconds_to_start(data: Path) -> float:
    """Seconds from the command to its ready file."""
    ready = data.parent / "ready.json"
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", "local.redshift", "--data", str(data), "--port", "0", "--s3-endpoint", NO_S3]
    began = time.perf_counter()
    process = subprocess.Popen([*command, "--ready-file", str(ready)], stderr=subprocess.DEVNULL)
    while not ready.exists():
        time.sleep(0.005)
    took = time.perf_counter() - began
    process.terminate()
    process.wait()
    return took


def measure_statements(redshift: LocalRedshift) -> None:
    """The median of a statement through driver and stand-in, and straight to its PostgreSQL without a driver."""
    through = redshift_connector.connect(
        database="dev", user=USER, password=PASSWORD, ssl=False, host="127.0.0.1", port=redshift.port
    )
    through.autocommit = True
    through.cursor().execute("create table lines (a varchar(20), b varchar(20), c varchar(30))")
    direct, _ = redshift.postgres.connect(USER)
    session = Session(direct, direct, redshift.loader)
    for text, what in STATEMENTS.items():
        times: dict[str, list[float]] = {"through": [], "direct": []}
        for n in range(1000):
            sql = text.replace("{n}", str(n))
            began = time.perf_counter()
            cursor = through.cursor()
            cursor.execute(sql)
            cursor.fetchall()
            times["through"].append(time.perf_counter() - began)
            began = time.perf_counter()
            session.query(sql.replace("nvl", "coalesce"))
            times["direct"].append(time.perf_counter() - began)
        value, baseline = (round(statistics.median(values) * 1000, 3) for values in times.values())
        emit(
            Figure(f"stand-in: a statement, {what}, beside PostgreSQL without a driver", value, "ms", baseline=baseline)
        )


def main() -> None:
    """Print the figures."""
    root = Path(tempfile.mkdtemp(prefix="kpi-bench-"))
    root.chmod(0o755)
    os.environ.update(
        REDSHIFT_USER=USER, REDSHIFT_PASSWORD=PASSWORD, AWS_ACCESS_KEY_ID="local", AWS_SECRET_ACCESS_KEY="local"
    )
    try:
        with LocalRedshift(root / "data", s3_endpoint=NO_S3):
            pass
        starts = [seconds_to_start(root / "data") for _ in range(5)]
        emit(Figure("stand-in: start over a warehouse that is there", round(statistics.median(starts), 2), "s"))
        with LocalRedshift(root / "data", s3_endpoint=NO_S3) as redshift:
            measure_statements(redshift)
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
