"""Landing: COPY beside psql's own copy of the same file, and a run that finds nothing new among 100,000 old objects."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import redshift_connector
import sqlparse

from benchmarks.figure import Figure, emit
from local import s3
from local.environment import RAW_BUCKET, USER
from local.stack import Stack
from redshift_emulator import RedshiftEmulator
from redshift_emulator.postgres.cluster import BINARIES

OBJECTS = 100_000
ROWS = 2_000_000
RUNS = 3
BODY = b"user_id,track_id,listen_time\nu1,t1,2024-06-24 10:00:00\n"
LEDGER = "table_name,key,etag,size_bytes,line_count,landed_count,refused_line_count,copy_id,run_id,batch_number"
LEDGER_FILE = "s3://kpi-artifacts/ledger.csv"


def key_of(number: int) -> str:
    """A key as a day's files have it: some hundred a day."""
    day, part = divmod(number, 250)
    return f"streams/{2023 + day // 336}-{day // 28 % 12 + 1:02}-{day % 28 + 1:02}/part-{part:05}.csv"


@contextmanager
def filled_stack() -> Iterator[Stack]:
    """A stack of its own, whose raw bucket has the objects and whose ledger knows them."""
    # In memory where there is such a place: 100,000 small files take minutes on some disks, and that is not measured.
    memory = Path("/dev/shm")
    root = Path(tempfile.mkdtemp(prefix="kpi-bench-", dir=memory if memory.is_dir() else None))
    root.chmod(0o755)
    stack = Stack(root)
    bucket = root / "s3" / RAW_BUCKET
    bucket.mkdir(parents=True)
    etag = hashlib.md5(BODY).hexdigest()
    for number in range(OBJECTS):
        head = {"key": key_of(number), "etag": etag, "last_modified": "2024-06-24T10:00:00+00:00", "metadata": {}}
        s3.write_object(bucket / s3.file_name(head["key"]), head, BODY)
    try:
        stack.up()
        yield stack
    finally:
        stack.down()
        shutil.rmtree(root, ignore_errors=True)


def fill_ledger(stack: Stack) -> None:
    """Write into the ledger that each object has landed."""
    from kpi_pipeline.sql import render

    etag = hashlib.md5(BODY).hexdigest()
    rows = (f"streams,{key_of(number)},{etag},{len(BODY)},1,1,0,{number},bench,{number}\n" for number in range(OBJECTS))
    lines = "".join(rows)
    stack.s3_client.put_object(Bucket="kpi-artifacts", Key="ledger.csv", Body=lines.encode())
    with closing(stack.connect()) as connection, connection.cursor() as cursor:
        for statement in sqlparse.split(
            sqlparse.format(render("create_landing", schema="landing"), strip_comments=True)
        ):
            cursor.execute(statement)
        cursor.execute(
            f"copy landing.loaded_files ({LEDGER}) from 's3://kpi-artifacts/ledger.csv' iam_role default csv"
        )
        connection.commit()


def land_nothing() -> None:
    """What the task land.streams does, in this process; prints its seconds and the most memory that it held."""
    from airflow.sdk.exceptions import AirflowSkipException
    from kpi_pipeline import tasks

    began = time.perf_counter()
    try:
        tasks.land.function("streams", run_id="bench")
    except AirflowSkipException:
        pass
    else:
        raise SystemExit("something was new")
    took = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(json.dumps({"seconds": took, "bytes": peak}))


def measure_nothing_new(stack: Stack) -> None:
    """A run of the landing task that lists all and lands nothing, in a process of its own each time."""
    fill_ledger(stack)
    env = {**stack.process_env(), "PYTHONPATH": f"{Path.cwd()}:{Path.cwd() / 'dags'}"}
    command = [sys.executable, "-m", "benchmarks.landing", "--nothing"]
    runs = [
        json.loads(
            subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout.split("\n")[-2]
        )
        for _ in range(RUNS)
    ]
    seconds = min(run["seconds"] for run in runs)
    gibibytes = max(run["bytes"] for run in runs) / 2**30
    what = f"landing: nothing new among {OBJECTS:,} objects"
    emit(
        Figure(what, round(seconds, 2), "s", goal="under 10 s", met=seconds < 10),
        Figure(f"{what}, memory", round(gibibytes, 3), "GiB", goal="under 0.3 GiB", met=gibibytes < 0.3),
    )


def measure_copy(stack: Stack) -> None:
    """COPY from S3 beside psql's own copy from a file, three times each, the best of each."""
    path = stack.state / "lines.csv"
    with path.open("w") as file:
        for n in range(ROWS):
            file.write(f"user-{n % 10_000},track-{n % 50_000},2024-01-{n % 28 + 1:02} 12:{n % 60:02}:00\n")
    stack.s3_client.upload_file(str(path), "kpi-artifacts", "lines.csv")
    os.environ.update(stack.client_env())
    best = {"COPY": float("inf"), "\\copy": float("inf")}
    with RedshiftEmulator(stack.state / "copy", s3_endpoint=stack.client_env()["AWS_ENDPOINT_URL"]) as redshift:
        psql = [str(BINARIES / "psql"), "-X", "-q", "-h", str(redshift.postgres.sockets), "-U", USER, "-d", "dev"]
        psql += ["-c", f"\\copy lines from '{path}' with (format csv)"]
        where = {"host": "127.0.0.1", "port": redshift.port, "database": "dev", "ssl": False}
        password = stack.client_env()["REDSHIFT_PASSWORD"]
        with closing(redshift_connector.connect(user=USER, password=password, **where)) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute("create table lines (a varchar(20), b varchar(20), c varchar(30))")
            for _ in range(RUNS):
                for name in best:
                    cursor.execute("truncate lines")
                    began = time.perf_counter()
                    if name == "COPY":
                        cursor.execute("copy lines from 's3://kpi-artifacts/lines.csv' iam_role default format csv")
                    else:
                        subprocess.run(psql, check=True)
                    best[name] = min(best[name], time.perf_counter() - began)
    megabytes = path.stat().st_size / 1e6
    copied, psql_copied = megabytes / best["COPY"], megabytes / best["\\copy"]
    emit(
        Figure(
            f"landing: COPY of {ROWS:,} lines from S3 beside psql's `\\copy` from a file",
            round(copied, 1),
            "MB/s",
            baseline=round(psql_copied, 1),
            ratio=round(copied / psql_copied, 2),
        )
    )


def main() -> None:
    """Print the figures."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "dags"))
    if "--nothing" in sys.argv:
        land_nothing()
        return
    with filled_stack() as stack:
        measure_nothing_new(stack)
        measure_copy(stack)


if __name__ == "__main__":
    main()
