"""What stands in the tables of the KPI page, and what has to stand there by SQL of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

Rows = list[list[str]]
Query = Callable[[str], list[tuple[Any, ...]]]

NOTHING = "–"

# The same reading in a browser; of the machine's value and the text, the value.
READ_TABLES = """
() => Object.fromEntries([...document.querySelectorAll('table')].map(table => [table.id,
    [...table.tBodies[0].rows].map(row => [...row.cells].map(cell => {
        const data = cell.querySelector('data');
        return data ? data.getAttribute('value') : cell.textContent;
    }))]))
"""


class PageReader(HTMLParser):
    """Reads what the tests of the page look at."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, Rows] = {}
        self.elements: list[str] = []
        self.attributes: set[str] = set()
        self._rows: Rows | None = None
        self._cell: str | None = None
        self._is_data = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.elements.append(tag)
        self.attributes.update(attributes)
        if tag == "table":
            self._rows = self.tables[attributes["id"]] = []
        elif tag == "tbody":
            self._rows.clear()
        elif tag == "tr" and self._rows is not None:
            self._rows.append([])
        elif tag in ("td", "th"):
            self._cell = ""
        elif tag == "data" and self._cell is not None:
            self._cell, self._is_data = attributes["value"], True

    def handle_data(self, data: str) -> None:
        if self._cell is not None and not self._is_data:
            self._cell += data

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._rows[-1].append(self._cell)
            self._cell, self._is_data = None, False
        elif tag == "table":
            self._rows = None


def read_page(html: str) -> PageReader:
    """Return the page's tables by id, the names of its elements, and those of their attributes."""
    reader = PageReader()
    reader.feed(html)
    return reader


def expected_tables(query: Query, landing: str, marts: str, last_day: date, since: datetime) -> dict[str, Rows]:
    """Return what the page's tables have to hold.

    Args:
        query: Runs a statement.
        landing: The landing schema.
        marts: The schema of the KPI tables.
        last_day: The day that the page is about.
        since: What counts as lately.
    """
    measures = ("listen_count", "unique_listeners", "track_diversity_index")
    days = {
        day: values
        for day, *values in query(f"select listen_date, {', '.join(measures)} from {marts}.listening_kpis_daily")
    }
    window = [last_day - timedelta(n) for n in range(28)]
    first = min([day for day in window if day in days] + [last_day - timedelta(6)])
    shown = [day for day in window if day >= first]
    expected = {
        name: [[str(day), _text(days[day][position] if day in days else None)] for day in shown]
        for position, name in enumerate(measures)
    }
    expected["hours"] = _hours(query, marts, last_day, [day for day in shown if day in days and day != last_day])
    expected |= _genres(query, marts, last_day)
    expected["artists"] = _artists(query, marts, last_day)
    expected |= _pipeline(query, landing, marts, since)
    return expected


def _hours(query: Query, marts: str, last_day: date, days_before: list[date]) -> Rows:
    counts: dict[date, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for at, listens in query(f"select listen_hour, listen_count from {marts}.listening_kpis_hourly"):
        counts[at.date()][at.hour] = listens
    return [
        [
            str(hour),
            str(counts[last_day][hour]),
            _text(sum(counts[day][hour] for day in days_before) / len(days_before) if days_before else None),
        ]
        for hour in range(24)
    ]


def _genres(query: Query, marts: str, last_day: date) -> dict[str, Rows]:
    genres = query(
        "select track_genre, listen_count, listen_share, unique_listeners, average_duration_ms, popularity_index,"
        " most_popular_track_name, most_popular_track_listen_count"
        f" from {marts}.genre_kpis_daily where listen_date = '{last_day}'"
    )
    genres = sorted(genres, key=lambda row: (-row[1], row[0].encode()))[:100]
    tracks = [[row[0], row[6] or "not in the catalogue", str(row[7])] for row in genres]
    found = {
        "genres": [list(map(_text, row[:6])) for row in genres],
        "tracks": tracks[:12],
        "more_tracks": tracks[12:],
    }
    return {name: rows for name, rows in found.items() if rows}


def _artists(query: Query, marts: str, last_day: date) -> Rows:
    ranks = query(f"select listen_date, artist_rank, artist_name, listen_count from {marts}.top_artists_per_day")
    before = {name: (rank, count) for day, rank, name, count in ranks if day == last_day - timedelta(1)}
    rows = []
    for _, rank, name, count in sorted(row for row in ranks if row[0] == last_day):
        old_rank, old_count = before.get(name, (None, None))
        climbed = (old_rank or 0) - rank
        move = "new" if old_rank is None else "=" if not climbed else f"{'▲▼'[climbed < 0]}\u202f{abs(climbed)}"
        rows.append([str(rank), name, str(count), move, _text(old_rank), _text(old_count)])
    return rows


def _pipeline(query: Query, landing: str, marts: str, since: datetime) -> dict[str, Rows]:
    runs = query(
        "select started_at, files, rows_landed, listens, duplicates, rejects, lines_refused, objects_ignored,"
        " days_rebuilt, seconds"
        f" from {landing}.pipeline_runs where started_at >= '{since}' order by started_at desc limit 10"
    )
    reasons: dict[str, int] = defaultdict(int)
    for (reason,) in query(f"select reject_reason from {marts}.rejected_streams where loaded_at >= '{since}'"):
        reasons[reason] += 1
    batches = query(
        "select listen_count, duplicate_count, reject_count, refused_line_count"
        f" from {marts}.stream_batches where loaded_at >= '{since}'"
    )
    names = ("Listens", "Duplicates of a listen", "Rejected, see below", "Refused by COPY")
    found = {
        "runs": [list(map(_text, row)) for row in runs],
        "lines": [[name, str(sum(row[place] for row in batches))] for place, name in enumerate(names)],
        "rejects": [[reason, str(rows)] for reason, rows in sorted(reasons.items(), key=lambda row: (-row[1], row[0]))],
    }
    return {name: rows for name, rows in found.items() if rows}


def _text(value: object) -> str:
    return NOTHING if value is None else str(value)
