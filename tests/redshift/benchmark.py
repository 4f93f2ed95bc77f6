"""The stand-in's speed beside a direct connection to its PostgreSQL: `python -m tests.redshift.benchmark [rows]`.

Measured on the machine at hand, never asserted: start once the data directory exists, the overhead of a statement at
the median, and COPY beside psql's \\copy of the same file.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3
import redshift_connector
from moto.server import ThreadedMotoServer

from local.redshift.postgres import BINARIES
from local.redshift.server import LocalRedshift

USER, PASSWORD = "admin", "Benchmark-1"
STATEMENTS = {
    "select 1": "the same text each time",
    "select {n}": "a new text each time",
    "select a, nvl(b, 'x') as b from lines where a = '{n}' order by 1 limit 10": "a new text that is rewritten",
}


def seconds_to_start(data: Path, endpoint: str) -> float:
    """Seconds from the command to its ready file."""
    ready = data.parent / "ready.json"
    command = [sys.executable, "-m", "local.redshift", "--data", str(data), "--port", "0", "--s3-endpoint", endpoint]
    began = time.perf_counter()
    process = subprocess.Popen([*command, "--ready-file", str(ready)], stderr=subprocess.DEVNULL)
    while not ready.exists():
        time.sleep(0.005)
    took = time.perf_counter() - began
    process.terminate()
    process.wait()
    return took


def main() -> None:
    """Prints the figures."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000
    root = Path(tempfile.mkdtemp(prefix="redshift-benchmark-"))
    root.chmod(0o755)
    aws = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    aws.start()
    endpoint = "http://{}:{}".format(*aws.get_host_and_port())
    patch = {"REDSHIFT_USER": USER, "REDSHIFT_PASSWORD": PASSWORD}
    import os

    os.environ.update(patch, AWS_ACCESS_KEY_ID="local", AWS_SECRET_ACCESS_KEY="local")
    try:
        with LocalRedshift(root / "data", s3_endpoint=endpoint):
            pass
        starts = [seconds_to_start(root / "data", endpoint) for _ in range(5)]
        print(f"start: {statistics.median(starts):.2f} s, the median of 5")
        with LocalRedshift(root / "data", s3_endpoint=endpoint) as redshift:
            measure_statements(redshift)
            measure_copy(redshift, endpoint, rows, root)
    finally:
        aws.stop()
        shutil.rmtree(root, ignore_errors=True)


def open_connection(**where: object) -> redshift_connector.Connection:
    """A connection in autocommit mode."""
    connection = redshift_connector.connect(database="dev", user=USER, password=PASSWORD, ssl=False, **where)
    connection.autocommit = True
    return connection


def measure_statements(redshift: LocalRedshift) -> None:
    """The median of a statement, in psql's own timing, through the stand-in and straight to its PostgreSQL."""
    open_connection(host="127.0.0.1", port=redshift.port).cursor().execute(
        "create table lines (a varchar(20), b varchar(20), c varchar(30))"
    )
    through = ["-h", "127.0.0.1", "-p", str(redshift.port)]
    direct = ["-h", str(redshift.postgres.sockets)]
    for text, what in STATEMENTS.items():
        statements = [text.replace("{n}", str(n)) for n in range(2000)]
        through_it = median_milliseconds(through, statements)
        directly = median_milliseconds(direct, [sql.replace("nvl", "coalesce") for sql in statements])
        print(f"{what}: {through_it:.2f} ms through the stand-in, {directly:.2f} ms direct, both by psql")


def median_milliseconds(where: list[str], statements: list[str]) -> float:
    """The median that psql measures of statements, sent one after the other."""
    psql = [str(BINARIES / "psql"), "-X", "-q", "-t", *where, "-U", USER, "-d", "dev"]
    script = "\\timing on\n" + "".join(f"{sql};\n" for sql in statements)
    done = subprocess.run(
        psql, input=script, capture_output=True, text=True, check=True, env={"PGPASSWORD": PASSWORD, "LC_ALL": "C"}
    )
    times = [float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("Time:")]
    if len(times) != len(statements):
        raise RuntimeError(f"{len(statements)} statements, {len(times)} of them answered: {done.stderr[:300]}")
    return statistics.median(times)


def measure_copy(redshift: LocalRedshift, endpoint: str, rows: int, root: Path) -> None:
    """COPY of a file from S3 beside psql's own copy of it, three times each, the best of each."""
    path = root / "lines.csv"
    with path.open("w") as file:
        for n in range(rows):
            file.write(f"user-{n % 10_000},track-{n % 50_000},2024-01-{n % 28 + 1:02} 12:{n % 60:02}:00\n")
    size = path.stat().st_size
    s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    s3.create_bucket(Bucket="benchmark")
    s3.upload_file(str(path), "benchmark", "lines.csv")
    cursor = open_connection(host="127.0.0.1", port=redshift.port).cursor()
    psql = [str(BINARIES / "psql"), "-X", "-q", "-h", str(redshift.postgres.sockets), "-U", USER, "-d", "dev"]
    best = {"COPY": 1e9, "\\copy": 1e9}
    for _ in range(3):
        for name in best:
            cursor.execute("truncate lines")
            began = time.perf_counter()
            if name == "COPY":
                cursor.execute("copy lines from 's3://benchmark/lines.csv' iam_role default format csv")
            else:
                subprocess.run([*psql, "-c", f"\\copy lines from '{path}' with (format csv)"], check=True)
            best[name] = min(best[name], time.perf_counter() - began)
    for name, took in best.items():
        print(f"{name}: {size / took / 1e6:.0f} MB/s ({size / 1e6:.0f} MB, {rows} rows)")
    print(f"COPY at {best[chr(92) + 'copy'] / best['COPY']:.0%} of \\copy")


if __name__ == "__main__":
    main()
