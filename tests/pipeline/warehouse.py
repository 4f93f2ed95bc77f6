"""What the warehouse holds after a run, and what it must hold."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from local.environment import DBT_PROJECT
from tests.expected.kpis import TABLES, Batch, catalogue, classify, expected_kpis, expected_users

KPIS = (
    "listening_kpis_daily",
    "listening_kpis_hourly",
    "genre_kpis_daily",
    "top_tracks_per_genre_daily",
    "top_artists_per_day",
    "top_artists_per_hour",
)
BOOKKEEPING = {"transformed_batches", "passed_batches", "day_versions", "day_builds", "view_definitions"}
# The landing table's widths: a longer value is a line that COPY refuses.
WIDTHS = {
    "user_id": 256,
    "track_id": 256,
    "listen_time": 256,
    "artists": 10_000,
    "track_name": 4096,
    "album_name": 4096,
}


def dbt(stack: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run dbt by itself, outside Airflow, against the stack."""
    command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", *arguments, "--target", "local"]
    command += ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
    return subprocess.run(command, env=stack.dbt_env(), capture_output=True, text=True, timeout=300)


def query(stack: Any, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    with stack.connect() as connection, connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [tuple(row) for row in cursor.fetchall()]


def kpi_tables(stack: Any, names: Iterable[str] = KPIS) -> dict[str, list[tuple[Any, ...]]]:
    """The contract's columns of the KPI tables, in the contract's order."""
    found = {}
    for name in names:
        grain, others = TABLES[name]
        found[name] = query(stack, f"select {', '.join(grain + others)} from analytics.{name}")
    return found


def whole_tables(stack: Any, names: Iterable[str] = KPIS) -> dict[str, list[tuple[Any, ...]]]:
    """Every column of the KPI tables, the bookkeeping too, in one order."""
    return {name: sorted(query(stack, f"select * from analytics.{name}"), key=repr) for name in names}


def raw_object(stack: Any, key: str) -> io.BytesIO:
    return io.BytesIO(stack.s3_client.get_object(Bucket="kpi-raw", Key=key)["Body"].read())


def expected_from(directory: Path, stack: Any) -> tuple[Any, dict[str, list[tuple[Any, ...]]]]:
    """What the contract makes of a folder of raw files, in the batches in which the ledger says that they landed.

    Every streams file of the folder has to be in the ledger: one that never landed would go unnoticed otherwise.
    """
    ledger = query(
        stack, "select key, loaded_at from landing.loaded_files where table_name = 'streams' order by batch_number"
    )
    found = {str(path.relative_to(directory)) for path in directory.glob("streams*.csv")}
    found |= {str(path.relative_to(directory)) for path in directory.glob("streams/**/*.csv")}
    assert found == {key for key, _ in ledger}
    batches: dict[datetime, list[Path]] = {}
    for key, loaded_at in ledger:
        batches.setdefault(loaded_at, []).append(directory / key)
    classified = classify([Batch(at, files) for at, files in batches.items()], WIDTHS)
    songs = catalogue(directory / "songs.csv", WIDTHS)
    return classified, expected_kpis(classified.listens, songs)


def expected_dim_users(directory: Path) -> list[tuple[Any, ...]]:
    return expected_users(directory / "users.csv", WIDTHS)
