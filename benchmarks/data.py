"""Listens of any number, made by DuckDB: a catalogue in the shape of Kaggle's, and streams that follow its charts.

The catalogue has 114,000 rows for 90,000 tracks: some stand on a row for each of their genres, a fifth has several
artists, split by `;`. A day has its ups and downs, a track in the charts is heard far more often than one that is not,
one listen in two hundred is sent twice, one in five hundred is no listen, and some are of tracks that nobody knows.
"""

from pathlib import Path

import duckdb

FIRST_DAY = "2024-06-01"
TRACKS, ROWS_OF_CATALOGUE, USERS = 90_000, 114_000, 50_000

SONGS = f"""
create or replace table songs as
select
    number as id,
    'track' || lpad(track::varchar, 17, '0') as track_id,
    case when track % 5 = 0 then 'Artist ' || track % 9001 || ';Artist ' || track % 7001 || ';Artist ' || track % 1009
        else 'Artist ' || track % 12007 end as artists,
    'Album ' || track % 30000 as album_name,
    'Track, "number" ' || track as track_name,
    track * 7919 % 101 as popularity,
    60000 + track * 104729 % 300000 as duration_ms,
    'False' as explicit,
    0.5 as danceability, 0.5 as energy, 1 as key, -7.1 as loudness, 1 as mode, 0.05 as speechiness,
    0.3 as acousticness, 1.01e-06 as instrumentalness, 0.1 as liveness, 0.4 as valence, 120.1 as tempo,
    4 as time_signature,
    'genre ' || (track * 31 + number // {TRACKS} * 17) % 114 as track_genre
from (select range as number, range % {TRACKS} as track from range({ROWS_OF_CATALOGUE}))
"""
USERS_QUERY = f"""
create or replace table users as
select 'user' || lpad(range::varchar, 8, '0') as user_id, 'Name ' || range as user_name, 18 + range % 60 as user_age,
    'Country ' || range % 40 as user_country, date '2023-01-01' + (range % 700)::int as created_at
from range({USERS})
"""
# Everything follows from the number of the row, by hash: the same arguments make the same rows on every machine.
STREAMS = """
select
    'user' || lpad((hash(row, 1) % {users})::varchar, 8, '0') as user_id,
    case when hash(row, 2) % 200 = 0 then 'absent' || hash(row, 3) % 500
        else 'track' || lpad(floor({tracks} * pow(hash(row, 3) % 1000000 / 1e6, 3))::int::varchar, 17, '0')
    end as track_id,
    case when hash(row, 4) % 500 = 0 then 'yesterday'
        else strftime(
            timestamp '{first_day}'
            + to_days(
                (case when hash(row, 5) % 25 = 0 then greatest({day} - 1 - hash(row, 6) % 3, 0) else {day} end)::int
            )
            + to_seconds((86400 * sqrt(hash(row, 7) % 1000000 / 1e6))::int % 86400),
            '%Y-%m-%d %H:%M:%S') end as listen_time
from (
    select range + {start} as row from range({count})
    union all select range + {start} from range({count}) where hash(range + {start}, 8) % 200 = 0
)
"""


def streams_of(first: int, days: int, rows_a_day: int) -> str:
    """The query of a period's raw rows, day after day; a twenty-fifth of each day is late, up to three days.

    Args:
        first: The period's first day, counted from `FIRST_DAY`.
        days: Its days.
        rows_a_day: Rows of each of them, those sent twice left out.
    """
    day = f"({first} + (row - {first * rows_a_day}) // {rows_a_day})"
    return STREAMS.format(
        users=USERS, tracks=TRACKS, first_day=FIRST_DAY, day=day, start=first * rows_a_day, count=days * rows_a_day
    )


def make_reference(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables `songs` and `users`."""
    connection.execute(SONGS)
    connection.execute(USERS_QUERY)


def write_raw(directory: Path, first: int, days: int, rows_a_day: int, *, files: int = 1) -> int:
    """Write raw files as they come: songs.csv and users.csv, which are always the same, and streams.

    Args:
        directory: Where to; made if need be.
        first: The first day of the streams, counted from `FIRST_DAY`.
        days: Days of streams.
        rows_a_day: Rows of a day.
        files: In how many files the streams come.

    Returns:
        The rows of the streams.
    """
    (directory / "streams").mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        make_reference(connection)
        for name in ("songs", "users"):
            connection.execute(f"copy {name} to '{directory / name}.csv' (header)")
        written = 0
        for part in range(files):
            start, end = days * part // files, days * (part + 1) // files
            target = directory / "streams" / f"{first + start:05}.csv"
            rows = streams_of(first + start, end - start, rows_a_day)
            (count,) = connection.execute(f"copy ({rows}) to '{target}' (header)").fetchone()
            written += count
    return written
