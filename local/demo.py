"""`make demo`: sample data in, one run of the DAG, the KPIs in the terminal; each further time the next day."""

import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from local.errors import LocalError
from local.pages import save_pages
from local.query import query
from local.sample import Contents, Sample
from local.stack import Stack

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 80


def demo(stack: Stack) -> None:
    """Put the next batch of the sample in, run the DAG and show what came of it.

    Args:
        stack: Is started if need be, and left up.

    Raises:
        LocalError: the run failed.
    """
    console = Console(width=WIDTH, highlight=False)
    stack.up()
    batch = 1 + batches_so_far(stack)
    built_before = _built_days(stack)
    with tempfile.TemporaryDirectory(prefix="kpi-sample-") as scratch:
        contents = Sample().write(Path(scratch), batch)
        stack.progress(f"made batch {batch} of the sample: {len(contents.files)} files, {contents.lines:,} stream rows")
        stack.put_raw(Path(scratch))
        stack.progress("put them into the raw bucket; running the DAG streaming_kpis through Airflow")
    result = stack.run()
    if result.state != "success":
        raise LocalError(f"The run failed: {result.reason} (log: {result.log})")
    stack.progress(f"the run succeeded in {result.seconds:.0f} s")
    console.print()
    _show_run(stack, console, contents, built_before)
    show_kpis(stack, console)
    _show_next(console)
    _show_pages(stack, console)


def show_kpis(stack: Stack, console: Console) -> None:
    """Show what the KPI tables hold of the newest day.

    A project may have dropped or renamed a model or a column. What reads it is left out, with Redshift's own words.
    """
    _, [(last_day,)] = query(stack, "SELECT MAX(listen_date) FROM analytics.day_builds")
    if last_day is None:
        return
    for show in (_show_days, _show_hours, _show_genres, _show_artists):
        try:
            show(stack, console, last_day)
        except LocalError as missing:
            console.print(f"Left out: {missing}\n", markup=False, soft_wrap=True)


def batches_so_far(stack: Stack) -> int:
    """Return how many batches of the sample are in the raw bucket."""
    sample = Sample()
    pages = stack.s3_client.get_paginator("list_objects_v2").paginate(
        Bucket=stack.env()["KPI_RAW_BUCKET"], Prefix=f"{stack.env()['KPI_RAW_PREFIX']}streams/"
    )
    names = {item["Key"].rsplit("/", 1)[-1] for page in pages for item in page.get("Contents", [])}
    batch = 0
    while f"{sample.day(sample.days + batch - 1)}.csv" in names:
        batch += 1
    return batch


def _built_days(stack: Stack) -> set[date]:
    """Return the days that have KPIs already; none while there is no warehouse to speak of."""
    _, found = query(stack, "SELECT 1 FROM pg_tables WHERE schemaname = 'analytics' AND tablename = 'day_builds'")
    if not found:
        return set()
    return {row[0] for row in query(stack, "SELECT DISTINCT listen_date FROM analytics.day_builds")[1]}


def _show_run(stack: Stack, console: Console, contents: Contents, built_before: set[date]) -> None:
    names, rows = query(stack, "SELECT * FROM landing.pipeline_runs ORDER BY started_at DESC LIMIT 1")
    run = dict(zip(names, rows[0], strict=True))
    table = _table(console, "What the run did (landing.pipeline_runs)")
    figures = ("files", "rows_landed", "lines_refused", "listens", "duplicates", "rejects", "days_rebuilt", "seconds")
    _columns(
        table,
        *(name.removeprefix("rows_").removeprefix("lines_").removesuffix("_rebuilt") for name in figures),
        left=(),
    )
    table.add_row(*(f"{run[name]:,.0f}" for name in figures))
    console.print(table)
    _, built = query(
        stack,
        f"SELECT DISTINCT listen_date FROM analytics.day_builds WHERE run_id = '{run['run_id']}' ORDER BY listen_date",
    )
    for (day,) in built:
        arrived = contents.listens[day]
        what = f"built again: {arrived:,} late listens arrived" if day in built_before else "built for the first time"
        console.print(f"  {day}  {what}")
    kept = sorted(built_before - {day for (day,) in built})
    if kept:
        console.print(f"  {_range(kept)}  left alone: nothing new")
    console.print()


def _range(days: Sequence[date]) -> str:
    """Return one day, or how many and from when to when."""
    return str(days[0]) if len(days) == 1 else f"{len(days)} days from {days[0]} to {days[-1]}"


def _show_days(stack: Stack, console: Console, day: date) -> None:
    _, rows = query(
        stack,
        "SELECT * FROM (SELECT listen_date, listen_count, unique_listeners, unique_tracks,"
        f" track_diversity_index FROM analytics.listening_kpis_daily WHERE listen_date <= '{day}'"
        " ORDER BY listen_date DESC LIMIT 7) AS newest ORDER BY listen_date",
    )
    table = _table(console, "analytics.listening_kpis_daily")
    _columns(table, "listen_date", "listen_count", "unique_listeners", "unique_tracks", "diversity_index")
    for row in rows:
        table.add_row(str(row[0]), f"{row[1]:,}", f"{row[2]:,}", f"{row[3]:,}", f"{row[4]:.4f}")
    console.print(table)
    console.print()


def _show_hours(stack: Stack, console: Console, day: date) -> None:
    _, rows = query(
        stack,
        "SELECT EXTRACT(HOUR FROM listen_hour), listen_count FROM analytics.listening_kpis_hourly"
        f" WHERE listen_hour >= '{day}' AND listen_hour < DATEADD(day, 1, '{day}') ORDER BY 1",
    )
    counts = {int(hour): int(count) for hour, count in rows}
    most = max(counts.values(), default=1)
    bars = "".join(BARS[counts.get(hour, 0) * (len(BARS) - 1) // most] for hour in range(24))
    console.print(f"[bold]analytics.listening_kpis_hourly[/bold]  {day}, 0 to 23 h UTC")
    console.print(f"  {bars}  up to {most:,} listens an hour\n")


def _show_genres(stack: Stack, console: Console, day: date) -> None:
    _, rows = query(
        stack,
        "SELECT track_genre, listen_count, listen_share, popularity_index, most_popular_track_name"
        f" FROM analytics.genre_kpis_daily WHERE listen_date = '{day}' ORDER BY listen_count DESC, track_genre LIMIT 5",
    )
    table = _table(console, f"analytics.genre_kpis_daily  {day}, the first five")
    _columns(table, "genre", "listens", "share", "popularity", "most popular track", left=(0, 4))
    for genre, listens, share, popularity, track in rows:
        popular = "" if popularity is None else f"{popularity:.1f}"
        table.add_row(genre, f"{listens:,}", f"{share:.1%}", popular, track or "")
    console.print(table)
    console.print()


def _show_artists(stack: Stack, console: Console, day: date) -> None:
    _, rows = query(
        stack,
        "SELECT artist_rank, artist_name, listen_count FROM analytics.top_artists_per_day"
        f" WHERE listen_date = '{day}' ORDER BY artist_rank",
    )
    table = _table(console, f"analytics.top_artists_per_day  {day}")
    _columns(table, "rank", "artist", "listens", left=(1,))
    for rank, artist, listens in rows:
        table.add_row(str(rank), artist, f"{listens:,}")
    console.print(table)
    console.print()


def _show_next(console: Console) -> None:
    console.print("[bold]What to try next[/bold]")
    for command, what in (
        ("make demo", "the next day, and late rows"),
        ("make up", "Airflow's UI, the dbt docs"),
        ('.venv/bin/python -m local sql "SELECT ..."', "a query"),
        (".venv/bin/python -m local run --raw DIR", "files of your own"),
        ("make reset; make down", "empty everything; stop everything"),
    ):
        console.print(f"  {command:<43} {what}", markup=False)


def _show_pages(stack: Stack, console: Console) -> None:
    console.print("\n[bold]What to look at[/bold], in a browser")
    for name, file in save_pages(stack).items():
        console.print(f"  {name}  {file.as_uri()}", markup=False, soft_wrap=True)


def _table(console: Console, title: str) -> Table:
    console.print(title, style="bold", markup=False)
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 1))


def _columns(table: Table, *names: str, left: Sequence[int] = (0,)) -> None:
    for position, name in enumerate(names):
        table.add_column(name.replace("_", " "), justify="left" if position in left else "right")
