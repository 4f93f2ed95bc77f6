"""The tables of the page: what stands behind each chart, exact to the last digit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from kpi_pipeline.kpi_page import figures
from kpi_pipeline.kpi_page.data import DAYS, PageData, Row
from kpi_pipeline.kpi_page.formats import NOTHING, day, duration, moment, moved, number, percent, visible

_TRACKS_SHOWN = 12
_NOT_IN_CATALOGUE = "not in the catalogue"


@dataclass(frozen=True)
class Cell:
    """A cell: what a person reads, and the value itself for machines; None where there is none."""

    text: str
    value: Any = None
    is_name: bool = False


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        id: Its id on the page.
        caption: What it shows.
        columns: The columns' names; those of text are in ``texts``.
        rows: Cells, as many as columns.
        texts: The columns that are text.
        header: The column that names the row.
        summary: What opens it, where it is closed at first.
    """

    id: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    texts: Sequence[str]
    header: int = 0
    summary: str = "Table"


def make_tables(data: PageData) -> dict[str, Table]:
    """Make the page's tables.

    Args:
        data: What the page shows.

    Returns:
        Each table by its id.
    """
    made = [_runs(data), _lines(data), _rejects(data)]
    if data.last_day is not None:
        made += [_daily(data, *measure) for measure in figures.MEASURES]
        made += [_hours(data), _genres(data), _artists(data), *_tracks(data)]
    return {table.id: table for table in made}


def _name(text: str | None) -> Cell:
    return Cell(_NOT_IN_CATALOGUE) if text is None else Cell(visible(text), text, is_name=True)


def _number(value: float | None, decimals: int = 0) -> Cell:
    return Cell(number(value, decimals), value)


def _day(value: date) -> Cell:
    return Cell(day(value), value)


def _moment(value: datetime) -> Cell:
    return Cell(moment(value), value)


def _daily(data: PageData, column: str, name: str, decimals: int) -> Table:
    rows = []
    for shown in reversed(figures.shown_days(data)):
        found = data.on(shown)
        rows.append([_day(shown), _number(found[column] if found else None, decimals)])
    return Table(column, f"{name} a day", ["Day", name], rows, texts=["Day"])


def _hours(data: PageData) -> Table:
    rows = [
        [Cell(f"{row['hour']:02}:00", row["hour"]), _number(row["listen_count"]), _number(row["mean_before"], 1)]
        for row in figures.hours_of_day(data)
    ]
    columns = ["Hour", "Listens", "Mean of the days before"]
    return Table("hours", "Listens by hour, UTC", columns, rows, texts=["Hour"])


def _genres(data: PageData) -> Table:
    rows = [
        [
            _name(row["track_genre"]),
            _number(row["listen_count"]),
            Cell(percent(row["listen_share"]), row["listen_share"]),
            _number(row["unique_listeners"]),
            Cell(duration(row["average_duration_ms"]), row["average_duration_ms"]),
            _number(row["popularity_index"], 1),
        ]
        for row in data.genres
    ]
    columns = ["Genre", "Listens", "Share", "Listeners", "Mean length", "Popularity"]
    there_are = data.genres[0]["genre_count"] if data.genres else 0
    summary = (
        f"Table of all {there_are:,} genres" if there_are == len(rows) else f"Table of {len(rows)} of {there_are:,}"
    )
    return Table("genres", "Genres of the day", columns, rows, texts=["Genre"], summary=summary)


def _artists(data: PageData) -> Table:
    rows = [
        [
            _number(row["artist_rank"]),
            _name(row["artist_name"]),
            _number(row["listen_count"]),
            Cell(moved(row["artist_rank"], row["rank_before"])),
            _number(row["rank_before"]),
            _number(row["listen_count_before"]),
        ]
        for row in data.artists
    ]
    columns = ["Rank", "Artist", "Listens", "Move", "Rank the day before", "Listens the day before"]
    return Table("artists", "Top artists of the day", columns, rows, texts=["Artist"], header=1)


def _tracks(data: PageData) -> Iterable[Table]:
    """Make the table that is open, and the one of the genres that it has no room for."""
    has_no_names = "most_popular_track_name" in data.lacks.of("genre_kpis_daily")
    rows = [
        [
            _name(row["track_genre"]),
            Cell(NOTHING) if has_no_names else _name(row["most_popular_track_name"]),
            _number(row["most_popular_track_listen_count"]),
        ]
        for row in data.genres
    ]
    shape = {"columns": ["Genre", "Track", "Listens"], "texts": ["Genre", "Track"]}
    yield Table("tracks", "The most played track of each genre", rows=rows[:_TRACKS_SHOWN], **shape)
    rest = rows[_TRACKS_SHOWN:]
    if rest:
        caption = "The most played track of the other genres"
        yield Table("more_tracks", caption, rows=rest, summary=f"Table of {len(rest)} more genres", **shape)


def _runs(data: PageData) -> Table:
    names = {
        "files": "Files",
        "rows_landed": "Rows landed",
        "listens": "Listens",
        "duplicates": "Duplicates",
        "rejects": "Rejects",
        "lines_refused": "Lines refused",
        "objects_ignored": "Objects ignored",
        "days_rebuilt": "Days rebuilt",
        "seconds": "Seconds",
    }
    rows = [[_moment(row["started_at"]), *(_number(row[name]) for name in names)] for row in data.runs]
    return Table("runs", "The newest runs", ["Started, UTC", *names.values()], rows, texts=["Started, UTC"])


def _lines(data: PageData) -> Table:
    fates = {
        "listen_count": "Listens",
        "duplicate_count": "Duplicates of a listen",
        "reject_count": "Rejected, see below",
        "refused_line_count": "Refused by COPY",
    }
    batches: Row = data.batches
    rows = [[Cell(text), _number(batches[column])] for column, text in fates.items()]
    return Table("lines", f"Lines that landed in the last {DAYS} days", ["Became", "Lines"], rows, texts=["Became"])


def _rejects(data: PageData) -> Table:
    rows = [[_name(row["reject_reason"]), _number(row["reject_count"])] for row in data.rejects]
    return Table("rejects", f"Rows rejected in the last {DAYS} days", ["Reason", "Rows"], rows, texts=["Reason"])
