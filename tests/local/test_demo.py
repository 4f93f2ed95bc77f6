from pathlib import Path

from rich.console import Console

from local.demo import batches_so_far, show_kpis
from local.query import query
from local.sample import Sample
from local.stack import Stack


def test_each_demo_brings_the_batch_after_those_in_the_bucket(fresh_stack: Stack, tmp_path: Path) -> None:
    for batch in range(3):
        assert batches_so_far(fresh_stack) == batch
        Sample().write(tmp_path / str(batch), batch + 1)
        fresh_stack.put_raw(tmp_path / str(batch))
    assert batches_so_far(fresh_stack) == 3


def test_a_table_or_a_column_that_a_project_has_dropped_is_left_out_and_named(fresh_stack: Stack) -> None:
    for statement in (
        "create schema analytics",
        "create table analytics.day_builds (listen_date date)",
        "insert into analytics.day_builds values ('2024-06-24')",
        "create table analytics.listening_kpis_daily (listen_date date, listen_count bigint)",
        "create table analytics.top_artists_per_day"
        " (listen_date date, artist_rank integer, artist_name varchar(64), listen_count bigint)",
        "insert into analytics.top_artists_per_day values ('2024-06-24', 1, 'Ann', 7)",
    ):
        query(fresh_stack, statement)
    console = Console(width=80, record=True)
    show_kpis(fresh_stack, console)
    shown = console.export_text()
    left_out = [line for line in shown.splitlines() if line.startswith("Left out: Redshift says: ")]
    for name, line in zip(("unique_listeners", "listening_kpis_hourly", "genre_kpis_daily"), left_out, strict=True):
        assert f'"{name}"' in line or f".{name}" in line
    assert "Ann" in shown
