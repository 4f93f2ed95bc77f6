"""The emulator itself: its start, and what it adds to a statement beside a direct connection to its PostgreSQL."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figure import Figure, emit
from redshift_emulator import RedshiftEmulator
from redshift_emulator.postgres.cluster import BINARIES

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
    command = [sys.executable, "-m", "redshift_emulator", "--data", str(data), "--port", "0", "--s3-endpoint", NO_S3]
    began = time.perf_counter()
    process = subprocess.Popen([*command, "--ready-file", str(ready)], stderr=subprocess.DEVNULL)
    while not ready.exists():
        time.sleep(0.005)
    took = time.perf_counter() - began
    process.terminate()
    process.wait()
    return took


def measure_statements(redshift: RedshiftEmulator) -> None:
    """The median of a statement, in psql's own timing, through the emulator and straight to its PostgreSQL."""
    through, direct = ["-h", "127.0.0.1", "-p", str(redshift.port)], ["-h", str(redshift.postgres.sockets)]
    run_psql(through, "create table lines (a varchar(20), b varchar(20), c varchar(30));")
    for text, what in STATEMENTS.items():
        statements = [text.replace("{n}", str(n)) for n in range(1000)]
        value = median_milliseconds(through, statements)
        baseline = median_milliseconds(direct, [sql.replace("nvl", "coalesce") for sql in statements])
        emit(
            Figure(
                f"emulator: a statement, {what}",
                value,
                "ms",
                baseline,
                goal="under 1 ms more",
                met=value - baseline < 1,
            )
        )


def median_milliseconds(where: list[str], statements: list[str]) -> float:
    """The median that psql measures of statements, sent one after the other."""
    answer = run_psql(where, "\\timing on\n" + "".join(f"{sql};\n" for sql in statements))
    times = [float(line.split()[1]) for line in answer.splitlines() if line.startswith("Time:")]
    if len(times) != len(statements):
        raise RuntimeError(f"{len(statements)} statements, {len(times)} of them answered")
    return round(statistics.median(times), 3)


def run_psql(where: list[str], script: str) -> str:
    """What psql prints of a script."""
    psql = [str(BINARIES / "psql"), "-X", "-q", "-t", "-v", "ON_ERROR_STOP=1", *where, "-U", USER, "-d", "dev"]
    environ = {"PGPASSWORD": PASSWORD, "LC_ALL": "C"}
    return subprocess.run(psql, input=script, capture_output=True, text=True, check=True, env=environ).stdout


def main() -> None:
    """Print the figures."""
    root = Path(tempfile.mkdtemp(prefix="kpi-bench-"))
    root.chmod(0o755)
    os.environ.update(
        REDSHIFT_USER=USER, REDSHIFT_PASSWORD=PASSWORD, AWS_ACCESS_KEY_ID="local", AWS_SECRET_ACCESS_KEY="local"
    )
    try:
        with RedshiftEmulator(root / "data", s3_endpoint=NO_S3):
            pass
        starts = [seconds_to_start(root / "data") for _ in range(5)]
        emit(Figure("emulator: start over a warehouse that is there", round(statistics.median(starts), 2), "s"))
        with RedshiftEmulator(root / "data", s3_endpoint=NO_S3) as redshift:
            measure_statements(redshift)
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
