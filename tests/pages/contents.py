"""What stands in the tables of the KPI page, and what has to stand there by SQL of its own."""

from __future__ import annotations

from collections import Counter, defaultdict
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
    measures = ("listen_count", "unique_listeners", "total_duration_ms", "track_diversity_index")
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
        if any(values[position] is not None for values in days.values())
    }
    before = [day for day in shown if day in days and day != last_day]
    expected["hours"] = _hours(
        query, marts, last_day, [day for day in before if (last_day - day).days % 7 == 0] or before
    )
    expected |= _genres(query, marts, last_day)
    expected["artists"] = _artists(query, marts, last_day)
    expected["top_tracks"] = _top_tracks(query, marts, last_day)
    expected |= _pipeline(query, landing, marts, since)
    return expected


def _hours(query: Query, marts: str, last_day: date, days_before: list[date]) -> Rows:
    counts: dict[date, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for at, listens in query(f"select listen_hour, listen_count from {marts}.listening_kpis_hourly"):
        counts[at.date()][at.hour] = listens
    artists = dict(query(f"select listen_hour, artist_name from {marts}.top_artists_per_hour where artist_rank = 1"))
    artists = {at.hour: name for at, name in artists.items() if at.date() == last_day}
    return [
        [
            str(hour),
            str(counts[last_day][hour]),
            _text(sum(counts[day][hour] for day in days_before) / len(days_before) if days_before else None),
            _text(artists.get(hour)),
        ]
        for hour in range(24)
    ]


def _genres(query: Query, marts: str, last_day: date) -> dict[str, Rows]:
    genres = query(
        "select track_genre, genre_rank, listen_count, listen_share, unique_listeners, total_duration_ms,"
        " average_duration_ms, popularity_index,"
        " most_popular_track_name, most_popular_track_listen_count"
        f" from {marts}.genre_kpis_daily where listen_date = '{last_day}'"
    )
    genres = sorted(genres, key=lambda row: (-row[2], row[0].encode()))[:100]
    tracks = [[row[0], row[8] or "not in the catalogue", str(row[9])] for row in genres]
    three = query(
        f"select track_genre, track_rank, track_name, listen_count from {marts}.top_tracks_per_genre_daily"
        f" where listen_date = '{last_day}'"
    )
    three = sorted(three, key=lambda row: (row[0].encode(), row[1]))[:300]
    found = {
        "genres": [list(map(_text, row[:8])) for row in genres],
        "tracks": tracks[:12],
        "more_tracks": tracks[12:],
        "genre_tracks": [[row[0], str(row[1]), row[2] or "not in the catalogue", str(row[3])] for row in three],
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


def _top_tracks(query: Query, marts: str, last_day: date) -> Rows:
    plays = Counter(
        track for track, day in query(f"select track_id, listen_date from {marts}.fct_listens") if day == last_day
    )
    songs = {
        track: values
        for track, *values in query(
            f"select track_id, track_name, artists, track_genre, popularity from {marts}.dim_songs"
        )
    }
    unknown = (None, None, None, None)

    def order(track: str) -> tuple[int, int, bytes]:
        popularity = songs.get(track, unknown)[3]
        return -plays[track], -1 if popularity is None else -popularity, track.encode()

    rows = []
    for rank, track in enumerate(sorted(plays, key=order)[:10], start=1):
        name, artists, genre, _ = songs.get(track, unknown)
        rows.append(
            [str(rank), name or "not in the catalogue", artists or NOTHING, genre or "unknown", str(plays[track])]
        )
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
    names = ("Listens", "Duplicates of a listen", "Rejected, see below", "Refused by COPY, streams")
    refused = dict(
        query(
            f"select table_name, sum(refused_line_count) from {landing}.loaded_files"
            f" where loaded_at >= '{since}' group by table_name"
        )
    )
    found = {
        "runs": [list(map(_text, row)) for row in runs],
        "lines": [[name, str(sum(row[place] for row in batches))] for place, name in enumerate(names)]
        + [[f"Refused by COPY, {table}", str(refused.get(table, 0))] for table in ("songs", "users")],
        "rejects": [[reason, str(rows)] for reason, rows in sorted(reasons.items(), key=lambda row: (-row[1], row[0]))],
    }
    return {name: rows for name, rows in found.items() if rows}


def _text(value: object) -> str:
    return NOTHING if value is None else str(value)
