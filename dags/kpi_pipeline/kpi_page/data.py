"""What the page shows: a few bounded queries, and their rows as they came."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from kpi_pipeline.kpi_page.tables_read import COLUMNS, Lacking, lacking, relation
from kpi_pipeline.settings import Settings
from kpi_pipeline.sql import render

DAYS = 28
"""How far back the page looks: four weeks, so that each weekday is there four times."""

PROVISIONAL_DAYS = 3
"""How many of the newest days will still grow: most late listens arrive within that time."""

_MOST_GENRES, _MOST_TRACKS, _MOST_RUNS = 100, 300, 10

Row = Mapping[str, Any]


@dataclass(frozen=True)
class PageData:
    """The numbers behind the page; each list has the columns of the query of its name in ``sql/kpi_page``.

    Attributes:
        now: When the page is made, UTC.
        since: Runs, batches and rejects from then on, UTC.
        last_day: The day that the page is about: the newest one that was over, or else the newest; None without KPIs.
        newest_day: The newest day with listens, which may still be under way.
        days: The days with listens up to the last one, oldest first.
        first_counts: What the last day, the day before and the day a week before counted when they were first built.
        baseline: The days whose hours the last day's are compared with: those of its weekday, or else all before it.
        hours: The hours of the day with listens.
        hour_artists: The most played artist of each hour of the last day.
        genres: The last day's genres, the most listened to first.
        genre_tracks: The last day's three tracks of each genre.
        top_tracks: The last day's ten tracks, whatever their genre.
        artists: The last day's ten, with the rank of the day before.
        runs: The newest runs, newest first.
        batches: One row: what became of the lines that landed.
        rejects: How many rows were rejected for each reason.
        lacks: What there is not of the tables; what it leaves out has no rows here, and what else it concerns is None.
    """

    now: datetime
    since: datetime
    last_day: date | None = None
    newest_day: date | None = None
    days: Sequence[Row] = field(default_factory=list)
    first_counts: Sequence[Row] = field(default_factory=list)
    baseline: Sequence[date] = field(default_factory=list)
    hours: Sequence[Row] = field(default_factory=list)
    hour_artists: Sequence[Row] = field(default_factory=list)
    genres: Sequence[Row] = field(default_factory=list)
    genre_tracks: Sequence[Row] = field(default_factory=list)
    top_tracks: Sequence[Row] = field(default_factory=list)
    artists: Sequence[Row] = field(default_factory=list)
    runs: Sequence[Row] = field(default_factory=list)
    batches: Row = field(default_factory=dict)
    rejects: Sequence[Row] = field(default_factory=list)
    lacks: Lacking = field(default_factory=Lacking)

    def on(self, day: date | None) -> Row | None:
        """Return the KPIs of a day, or None where it has no listens or is too long ago."""
        return next((row for row in self.days if row["listen_date"] == day), None)

    def first_count(self, day: date | None) -> Row | None:
        """Return what a day counted when it was first built after it was over, or None where that is not known."""
        return next((row for row in self.first_counts if row["listen_date"] == day), None)

    def is_provisional(self, day: date) -> bool:
        """Tell whether late listens of a day are still to be expected."""
        return self.last_day is not None and day > self.last_day - timedelta(days=PROVISIONAL_DAYS)


def read(connection: Any, settings: Settings, now: datetime) -> PageData:
    """Ask the warehouse; what it costs follows the days that are shown, not the history.

    Args:
        connection: A DB-API connection; its transaction gives all queries one state of the tables.
        settings: For the schemas.
        now: UTC, without a zone, as the warehouse keeps its times.
    """
    since = now.replace(microsecond=0) - timedelta(days=DAYS)

    def ask(name: str, **names: object) -> list[Row]:
        with connection.cursor() as cursor:
            cursor.execute(render(f"kpi_page/{name}", **names))
            columns = [_text(column[0]) for column in cursor.description]
            return [dict(zip(columns, map(_plain, row), strict=True)) for row in cursor.fetchall()]

    found: dict[str, set[str]] = defaultdict(set)
    for row in ask("columns", marts=settings.schema, table_names=", ".join(f"'{table}'" for table in COLUMNS)):
        found[row["table_name"]].add(row["column_name"])
    lacks = lacking(found, settings.manifest)
    tables = {table: relation(settings.schema, table, lacks) for table in COLUMNS}

    def rows(name: str, **names: object) -> list[Row]:
        if lacks.leaves_out(name):
            return []
        return ask(name, schema=settings.landing_schema, marts=settings.schema, **tables, **names)

    newest = rows("newest_days", today=now.date())[0]
    last_day = newest["newest_whole_day"] or newest["newest_day"]
    of_catalogue = ("refused_song_line_count", "refused_user_line_count")
    nothing = dict.fromkeys(["last_loaded_at", *COLUMNS["stream_batches"], *of_catalogue])
    batches = next(iter(rows("batches", since=since)), nothing)
    of_runs = {
        "runs": rows("runs", since=since, most_rows=_MOST_RUNS),
        "batches": {**batches, **dict.fromkeys(lacks.of("stream_batches"))},
        "rejects": rows("rejects", since=since),
        "lacks": lacks,
    }
    if last_day is None:
        return PageData(now, since, **of_runs)
    window = {"first_day": last_day - timedelta(days=DAYS - 1), "last_day": last_day}
    day_before, day_after = last_day - timedelta(days=1), last_day + timedelta(days=1)
    days = rows("days", **window)
    baseline = _baseline([row["listen_date"] for row in days if row["listen_date"] < last_day], last_day)
    return PageData(
        now,
        since,
        last_day,
        newest["newest_day"],
        days=days,
        first_counts=rows(
            "first_counts", last_day=last_day, day_before=day_before, week_before=last_day - timedelta(days=7)
        ),
        baseline=baseline,
        hours=rows(
            "hours",
            **window,
            day_after=day_after,
            baseline_days=", ".join(f"'{day}'" for day in baseline) or "null",
            baseline_count=len(baseline),
        ),
        hour_artists=rows("hour_artists", last_day=last_day, day_after=day_after),
        genres=rows("genres", last_day=last_day, most_rows=_MOST_GENRES),
        genre_tracks=rows("genre_tracks", last_day=last_day, most_rows=_MOST_TRACKS),
        top_tracks=rows("top_tracks", last_day=last_day),
        artists=rows("artists", last_day=last_day, day_before=day_before),
        **of_runs,
    )


def _baseline(days_before: Sequence[date], last_day: date) -> list[date]:
    """Return the days of the last day's weekday, or all where there is none: a Sunday has hours of its own."""
    return [day for day in days_before if day.weekday() == last_day.weekday()] or list(days_before)


def _plain(value: Any) -> Any:
    """Return a sum of integers, which Redshift makes a numeric, as an integer."""
    return int(value) if isinstance(value, Decimal) else value


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name
