"""The real files of the lab, and a second computation of the same numbers: DuckDB's SQL."""

from __future__ import annotations

import os
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from .kpis import Batch, Catalogue, Classified, catalogue, classify, compare, expected_kpis, expected_users

REPOSITORY = Path(__file__).resolve().parents[2]
LOADED_AT = datetime(2025, 1, 1)

PREPARE = """
create table songs as
select trim(track_id, ' ') as track_id, nullif(trim(track_name, ' '), '') as track_name,
       nullif(trim(track_genre, ' '), '') as genre, artists,
       case when try_cast(popularity as bigint) between 0 and 100 then cast(popularity as bigint) end as popularity,
       case when try_cast(duration_ms as bigint) > 0 then cast(duration_ms as bigint) end as duration
from read_csv($songs, header = true, all_varchar = true, quote = '"', escape = '"')
qualify row_number() over (partition by trim(track_id, ' ') order by try_cast(id as bigint) nulls last, genre) = 1;
create table plays as
select distinct trim(user_id, ' ') as user_id, trim(track_id, ' ') as track_id,
       cast(listen_time as timestamp) as heard_at
from read_csv($streams, header = true, all_varchar = true);
create table heard as
select cast(heard_at as date) as day, date_trunc('hour', heard_at) as hour, plays.user_id, plays.track_id, track_name,
       popularity, duration, artists, coalesce(genre, 'unknown') as genre
from plays left join songs on songs.track_id = plays.track_id;
"""
ACTIVITY = """
select {grain}, count(*), count(distinct user_id), count(distinct track_id), count(distinct track_id) / count(*),
       sum(duration)
from heard group by all order by 1
"""
TRACKS = """
tracks as (
    select day, genre, track_id, any_value(track_name) as track_name, count(*) as plays,
           row_number() over (
               partition by day, genre
               order by count(*) desc, coalesce(any_value(popularity), -1) desc, track_id
           ) as place
    from heard group by day, genre, track_id
)
"""
ARTISTS = """
with named as (
    select {grain} as grain, unnest(
        list_distinct(list_transform(string_split(artists, ';'), lambda part: trim(part, ' ')))
    ) as name
    from heard
), ranked as (
    select grain, name, count(*) as plays,
           row_number() over (partition by grain order by count(*) desc, name) as place
    from named where name <> '' group by grain, name
)
select grain, place, name, plays from ranked where place <= 10 order by grain, place
"""
QUERIES = {
    "listening_kpis_daily": ACTIVITY.format(grain="day"),
    "listening_kpis_hourly": ACTIVITY.format(grain="hour"),
    "genre_kpis_daily": f"""
        with {TRACKS}, genres as (
            select day, genre, count(*) as plays, count(distinct user_id) as listeners, sum(duration) as total,
                   avg(duration) as duration, avg(popularity) as popularity
            from heard group by day, genre
        )
        select day, genre, genres.plays, genres.plays / sum(genres.plays) over (partition by day), listeners, duration,
               popularity, track_id, track_name, tracks.plays,
               row_number() over (partition by day order by genres.plays desc, genre), total
        from genres join tracks using (day, genre) where place = 1 order by day, genre
    """,
    "top_tracks_per_genre_daily": f"""
        with {TRACKS}
        select day, genre, place, track_id, track_name, plays from tracks where place <= 3 order by day, genre, place
    """,
    "top_artists_per_day": ARTISTS.format(grain="day"),
    "top_artists_per_hour": ARTISTS.format(grain="hour"),
}


@pytest.fixture(scope="module")
def lab() -> Path:
    """The data are real and not ours to publish: they lie outside the repository, where they are there at all."""
    folder = REPOSITORY / os.environ.get("LAB_DATA", "../shared/data/lab")
    wanted = ["songs.csv", "users.csv", "streams1.csv", "streams2.csv"]
    absent = [name for name in wanted if not (folder / name).is_file()]
    if absent:
        pytest.skip(f"LAB_DATA ({folder}) has no {', '.join(absent)}")
    return folder


@pytest.fixture(scope="module")
def streams(lab: Path) -> Classified:
    """The second batch brings the first file again."""
    first, second = lab / "streams1.csv", lab / "streams2.csv"
    return classify([Batch(LOADED_AT, [first]), Batch(LOADED_AT + timedelta(hours=1), [first, second])])


@pytest.fixture(scope="module")
def songs(lab: Path) -> Catalogue:
    return catalogue(lab / "songs.csv")


def test_rows(streams: Classified, songs: Catalogue, lab: Path) -> None:
    counts = [(b.landed, b.listens, b.duplicates, b.rejects, b.refused) for b in streams.batches]
    assert counts == [(11_346, 11_346, 0, 0, 0), (22_692, 11_346, 11_346, 0, 0)]
    assert {listen.listen_time.date() for listen in streams.listens} == {date(2024, 6, 25)}
    assert (len(songs.songs), songs.refused, songs.undetermined) == (89_741, 0, frozenset())
    assert len(expected_users(lab / "users.csv")) == 50_000


def test_python_and_duckdb_agree(streams: Classified, songs: Catalogue, lab: Path) -> None:
    with duckdb.connect() as connection:
        values = {"songs": str(lab / "songs.csv"), "streams": [str(lab / f"streams{number}.csv") for number in (1, 2)]}
        for statement in filter(str.strip, PREPARE.split(";\n")):
            used = {name: value for name, value in values.items() if f"${name}" in statement}
            connection.execute(statement, used)
        actual = {table: connection.execute(query).fetchall() for table, query in QUERIES.items()}
    expected = expected_kpis(streams.listens, songs)
    assert compare(expected, actual) == []
    assert {table: len(rows) for table, rows in expected.items()} == {
        "listening_kpis_daily": 1,
        "listening_kpis_hourly": 24,
        "genre_kpis_daily": 113,
        "top_tracks_per_genre_daily": 113 * 3,
        "top_artists_per_day": 10,
        "top_artists_per_hour": 24 * 10,
    }
    assert expected["listening_kpis_daily"][0][1] == 22_692
