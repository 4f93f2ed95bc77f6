"""The tables of the page: what stands behind each chart, exact to the last digit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kpi_pipeline.kpi_page import figures
from kpi_pipeline.kpi_page.data import DAYS, PageData, Row
from kpi_pipeline.kpi_page.formats import (
    NOTHING,
    day,
    duration,
    listening_time,
    moment,
    moved,
    number,
    percent,
    visible,
)

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
        model: The dbt model whose page says what the numbers mean; empty where none does.
    """

    id: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    texts: Sequence[str]
    header: int = 0
    summary: str = "Table"
    model: str = ""


def make_tables(data: PageData) -> dict[str, Table]:
    """Make the page's tables.

    Args:
        data: What the page shows.

    Returns:
        Each table by its id.
    """
    made = [_runs(data), _lines(data), _rejects(data)]
    if data.last_day is not None:
        made += [_daily(data, measure) for measure in figures.MEASURES if figures.has_values(data, measure)]
        made += [_hours(data), _genres(data), _artists(data), _top_tracks(data), *_tracks(data), *_genre_tracks(data)]
    return {table.id: table for table in made}


def _name(text: str | None, absent: str = _NOT_IN_CATALOGUE) -> Cell:
    return Cell(absent) if text is None else Cell(visible(text), text, is_name=True)


def _number(value: float | None, decimals: int = 0) -> Cell:
    return Cell(number(value, decimals), value)


def _moment(value: datetime) -> Cell:
    return Cell(moment(value), value)


def _daily(data: PageData, measure: figures.Measure) -> Table:
    rows = []
    for shown in reversed(figures.shown_days(data)):
        row = data.on(shown)
        text = f"{day(shown)}, provisional" if data.is_provisional(shown) else day(shown)
        value = Cell(number(measure.read(row), measure.decimals), row[measure.column] if row else None)
        rows.append([Cell(text, shown), value])
    caption = f"{measure.name} a day"
    summary, model = f"Table of {measure.name.lower()} a day", "listening_kpis_daily"
    return Table(measure.column, caption, ["Day", measure.name], rows, texts=["Day"], summary=summary, model=model)


def _hours(data: PageData) -> Table:
    artists = {int(row["hour_of_day"]): row["artist_name"] for row in data.hour_artists}
    rows = [
        [
            Cell(f"{row['hour']:02}:00", row["hour"]),
            _number(row["listen_count"]),
            _number(row["mean_before"], 1),
            _name(artists[row["hour"]]) if row["hour"] in artists else Cell(NOTHING),
        ]
        for row in figures.hours_of_day(data)
    ]
    mean = f"Mean of {figures.baseline_in_words(data) or 'the days before'}"
    return Table(
        "hours",
        "Listens by hour, UTC",
        ["Hour", "Listens", mean, "Artist played most"],
        rows,
        texts=["Hour", "Artist played most"],
        summary="Table of the hours, with the artist played most in each",
        model="listening_kpis_hourly",
    )


def _genres(data: PageData) -> Table:
    rows = [
        [
            _name(row["track_genre"]),
            _number(row["genre_rank"]),
            _number(row["listen_count"]),
            Cell(percent(row["listen_share"]), row["listen_share"]),
            _number(row["unique_listeners"]),
            Cell(listening_time(row["total_duration_ms"]), row["total_duration_ms"]),
            Cell(duration(row["average_duration_ms"]), row["average_duration_ms"]),
            _number(row["popularity_index"], 1),
        ]
        for row in data.genres
    ]
    columns = ["Genre", "Rank", "Listens", "Share", "Listeners", "Listening time", "Mean length", "Popularity"]
    there_are = data.genres[0]["genre_count"] if data.genres else 0
    summary = (
        f"Table of all {there_are:,} genres"
        if there_are == len(rows)
        else f"Table of {len(rows)} of {there_are:,} genres"
    )
    model = "genre_kpis_daily"
    return Table("genres", "Genres of the day", columns, rows, texts=["Genre"], summary=summary, model=model)


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
    return Table(
        "artists",
        "Top artists of the day",
        columns,
        rows,
        texts=["Artist"],
        header=1,
        summary="Table of the ten artists",
        model="top_artists_per_day",
    )


def _top_tracks(data: PageData) -> Table:
    rows = [
        [
            _number(rank),
            _name(row["track_name"]),
            _name(row["artists"], NOTHING),
            _name(row["track_genre"]),
            _number(row["listen_count"]),
        ]
        for rank, row in enumerate(data.top_tracks, start=1)
    ]
    columns = ["Rank", "Track", "Artists", "Genre", "Listens"]
    caption = "The ten tracks of the day that were played most"
    return Table("top_tracks", caption, columns, rows, ["Track", "Artists", "Genre"], header=1, model="fct_listens")


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
    shape["model"] = "genre_kpis_daily"
    yield Table("tracks", "The most played track of each genre", rows=rows[:_TRACKS_SHOWN], **shape)
    rest = rows[_TRACKS_SHOWN:]
    if rest:
        caption = "The most played track of the other genres"
        yield Table("more_tracks", caption, rows=rest, summary=f"Table of {len(rest)} more genres", **shape)


def _genre_tracks(data: PageData) -> Iterable[Table]:
    rows = [
        [
            _name(row["track_genre"]),
            _number(row["track_rank"]),
            _name(row["track_name"]),
            _number(row["listen_count"]),
        ]
        for row in data.genre_tracks
    ]
    if rows:
        yield Table(
            "genre_tracks",
            "The three tracks of each genre that were played most",
            ["Genre", "Rank", "Track", "Listens"],
            rows,
            texts=["Genre", "Track"],
            summary="Table of three tracks a genre",
            model="top_tracks_per_genre_daily",
        )


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
        "refused_line_count": "Refused by COPY, streams",
        "refused_song_line_count": "Refused by COPY, songs",
        "refused_user_line_count": "Refused by COPY, users",
    }
    batches: Row = data.batches
    rows = [[Cell(text), _number(batches[column])] for column, text in fates.items()]
    return Table(
        "lines",
        f"Lines that landed in the last {DAYS} days",
        ["Became", "Lines"],
        rows,
        ["Became"],
        model="stream_batches",
    )


def _rejects(data: PageData) -> Table:
    rows = [[_name(row["reject_reason"]), _number(row["reject_count"])] for row in data.rejects]
    return Table(
        "rejects",
        f"Rows rejected in the last {DAYS} days",
        ["Reason", "Rows"],
        rows,
        ["Reason"],
        summary="Table of the reasons",
        model="rejected_streams",
    )
