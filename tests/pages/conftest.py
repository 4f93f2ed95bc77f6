"""KPI tables made by hand, in schemas of their own: what the page must cope with, without a run for each."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlparse
import yaml
from kpi_pipeline import kpi_page
from kpi_pipeline import settings as pipeline_settings
from kpi_pipeline.kpi_page.data import PageData, read
from kpi_pipeline.sql import render

from local.environment import DBT_PROJECT

NOW = datetime(2024, 6, 28, 0, 41, 7)
LAST_DAY = date(2024, 6, 27)
BUILT_AT = datetime(2024, 6, 28, 0, 39, 12)
GAP = (date(2024, 6, 9), date(2024, 6, 10))
TABLES = (
    "listening_kpis_daily",
    "listening_kpis_hourly",
    "genre_kpis_daily",
    "top_tracks_per_genre_daily",
    "top_artists_per_day",
    "top_artists_per_hour",
    "fct_listens",
    "dim_songs",
    "stream_batches",
    "rejected_streams",
)
# What people call tracks, artists and genres, and what they could: each is text, whatever it looks like.
NAMES = (
    "Señorita",
    "<script>document.title = 'injected'</script>",
    "</script></style></title><img src=x onerror=\"document.title='injected'\">",
    "{{ 7 * 7 }}{% raw %}",
    "\"double\" & 'single' &lt;escaped&gt; <!-- comment",
    "أغنية طويلة",
    "abc\u202edesrever\u2066",
    "夜に駆ける 🎵👩‍👩‍👧",
    "bell\x07 and\x1b[31m red\ttab",
    "x" * 250,
    "words that go on" * 15,
    "]]></svg><svg onload=\"document.title='injected'\">",
)


@dataclass
class World:
    """A warehouse of some KPI tables, and the page made from it."""

    connection: Any
    settings: pipeline_settings.Settings

    @property
    def landing(self) -> str:
        return self.settings.landing_schema

    @property
    def marts(self) -> str:
        return self.settings.schema

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        cursor = self.connection.cursor()
        cursor.execute(statement)
        return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def fill(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        places = f"({', '.join(['%s'] * len(rows[0]))})"
        values = [value for row in rows for value in row]
        self.connection.cursor().execute(f"insert into {table} values {', '.join([places] * len(rows))}", values)

    def data(self, now: datetime = NOW) -> PageData:
        return read(self.connection, self.settings, now)

    def html(self, now: datetime = NOW) -> str:
        return kpi_page.render(self.data(now))


def _columns(model: str) -> str:
    file = next((DBT_PROJECT / "models").rglob(f"{model}.yml"))
    columns = yaml.safe_load(file.read_text())["models"][0]["columns"]
    return ", ".join(f"{column['name']} {column['data_type']}" for column in columns)


@pytest.fixture(scope="module")
def world(stack) -> Iterator[Callable[[str], World]]:
    """Makes an empty warehouse of a name: the tables as the models' contracts and the DAG make them."""
    stack.up()
    connections = []

    def make(name: str) -> World:
        variables = {"KPI_LANDING_SCHEMA": f"page_{name}_landing", "KPI_SCHEMA": f"page_{name}"}
        connection = stack.connect()
        connection.autocommit = True
        connections.append(connection)
        made = World(connection, pipeline_settings.load({**stack.env(), **variables}))
        for schema in (made.landing, made.marts):
            made.query(f"drop schema if exists {schema} cascade")
        for statement in sqlparse.split(render("create_landing", schema=made.landing)):
            made.query(statement)
        made.query(f"create schema {made.marts}")
        for table in TABLES:
            made.query(f"create table {made.marts}.{table} ({_columns(table)})")
        made.query(
            f"create table {made.marts}.day_builds (model_name varchar(128), listen_date date, version bigint,"
            " built_at timestamp, run_id varchar(256))"
        )
        return made

    yield make
    for connection in connections:
        with closing(connection):
            connection.cursor().execute("select 1")


def daily(day: date, rng: random.Random) -> tuple[Any, ...]:
    listens = 9000 + rng.randrange(900) + 1800 * (day.weekday() >= 5)
    return (day, listens, listens // 9, listens // 3, (listens // 3) / listens, listens * 200_000, BUILT_AT)


# Two days, as they were first built, and as they were rebuilt when late listens had come.
WEEK_BEFORE = LAST_DAY - timedelta(7)
BUILDS = [
    ("listening_kpis_daily", WEEK_BEFORE, 1, datetime(2024, 6, 20, 12), "under way"),
    ("listening_kpis_daily", WEEK_BEFORE, 2, datetime(2024, 6, 21, 0, 39), "first"),
    ("listening_kpis_daily", WEEK_BEFORE, 3, datetime(2024, 6, 22, 0, 39), "late"),
    ("top_artists_per_day", WEEK_BEFORE, 3, datetime(2024, 6, 21, 0, 10), "another model"),
    ("listening_kpis_daily", LAST_DAY, 1, BUILT_AT, "first"),
]


def song(place: int, name: str) -> tuple[Any, ...]:
    moment = datetime(2024, 6, 1)
    return (f"t{place}", name, "Album", f"{name};Bo", NAMES[-place], 50, 180_000 + place, moment, moment)


def listens() -> list[tuple[Any, ...]]:
    """Of the last day and of the week before: there, one in five came after the first build."""
    rows = []
    for day, count in ((LAST_DAY, 110), (WEEK_BEFORE, 120)):
        for number in range(count):
            at = datetime(day.year, day.month, day.day, number % 24, number // 24)
            is_late = day == WEEK_BEFORE and number % 5 == 0
            loaded_at = datetime(day.year, day.month, day.day) + timedelta(days=1 + is_late, minutes=30)
            rows.append((f"u{number % 50}", f"t{min(number % 23, number % 7)}", at, day, loaded_at))
    return rows


@pytest.fixture(scope="module")
def month(world) -> World:
    """Four weeks with a gap and older days, and a day under way; names of every kind."""
    made = world("month")
    rng = random.Random(6)
    days = [LAST_DAY - timedelta(n) for n in range(-1, 40) if LAST_DAY - timedelta(n) not in GAP]
    built_at = BUILT_AT
    made.fill(f"{made.marts}.listening_kpis_daily", [daily(day, rng) for day in days])
    hours = [
        (
            datetime(day.year, day.month, day.day, hour),
            10 * hour + rng.randrange(99),
            9,
            8,
            0.5,
            1_800_000,
            day,
            built_at,
        )
        for day in days
        for hour in range(24)
        if hour != 4
    ]
    made.fill(f"{made.marts}.listening_kpis_hourly", hours)
    genres = []
    for place, name in enumerate([*NAMES, "unknown", *(f"genre {number}" for number in range(90))]):
        track = NAMES[-place % len(NAMES)] if name != "unknown" else None
        popularity = None if name == "unknown" else 95.125 - place / 2
        length = None if name == "unknown" else 201_234.5 + place
        row = (LAST_DAY, name, 2000 - place, 0.1 / (place + 1), 900 - place, length, popularity, f"t{place}", track)
        genres.append((*row, 120 - place % 50, place + 1, None if length is None else int(length * 2000), built_at))
    made.fill(f"{made.marts}.genre_kpis_daily", genres)
    tracks = [
        (LAST_DAY, row[1], rank, f"{row[7]} {rank}", NAMES[rank] if rank < 3 else None, row[9] // rank, built_at)
        for row in genres
        for rank in range(1, 4)
    ]
    made.fill(f"{made.marts}.top_tracks_per_genre_daily", tracks)
    made.fill(f"{made.marts}.dim_songs", [song(place, name) for place, name in enumerate(NAMES)])
    made.fill(f"{made.marts}.fct_listens", listens())
    made.fill(f"{made.marts}.day_builds", BUILDS)
    artists = [(LAST_DAY, rank + 1, NAMES[rank], 500 - 30 * rank, built_at) for rank in range(10)]
    order = [0, 2, 1, 5, 4, 9, 6, 11, 8]
    artists += [
        (LAST_DAY - timedelta(1), place + 1, NAMES[name], 490 - 30 * place, built_at)
        for place, name in enumerate(order)
    ]
    made.fill(f"{made.marts}.top_artists_per_day", artists)
    of_hours = [
        (datetime(2024, 6, 27, hour), rank + 1, NAMES[(hour + rank) % len(NAMES)], 90 - rank, LAST_DAY, built_at)
        for hour in range(24)
        for rank in range(3)
        if hour != 4
    ]
    made.fill(f"{made.marts}.top_artists_per_hour", of_hours)
    made.query(
        f"insert into {made.landing}.loaded_files (table_name, key, etag, size_bytes, line_count, landed_count,"
        " refused_line_count, loaded_at, copy_id, run_id, batch_number) values"
        f" ('songs', 'songs.csv', 'e', 1, 9, 7, 2, '{NOW}', 1, 'r', 1),"
        f" ('users', 'users.csv', 'e', 1, 9, 6, 3, '{NOW}', 2, 'r', 1)"
    )
    batches = [NOW - timedelta(days=number, minutes=9) for number in range(35)]
    made.fill(f"{made.marts}.stream_batches", [(at, 4, 30_123, 29_000, 1_000, 123, 23) for at in batches])
    rejects = [
        ("u1", None, "", reason, batches[number % 35])
        for reason, count in {"missing user_id": 9, "malformed listen_time": 41, "listen_time in the future": 9}.items()
        for number in range(count)
    ]
    made.fill(f"{made.marts}.rejected_streams", rejects)
    runs = [
        (f"run {number}", at, at + timedelta(seconds=171), 4, 30_123, 23, 29_000, 1_000, 123, 5, 171.3 + number)
        for number, at in enumerate(batches)
    ]
    made.fill(f"{made.landing}.pipeline_runs", runs)
    return made


@pytest.fixture(scope="module")
def one_day(world) -> World:
    """One day of one listen, of a track that nobody knows."""
    made = world("one_day")
    built_at = BUILT_AT
    made.fill(f"{made.marts}.listening_kpis_daily", [(LAST_DAY, 1, 1, 1, 1.0, None, built_at)])
    made.fill(
        f"{made.marts}.listening_kpis_hourly", [(datetime(2024, 6, 27, 7), 1, 1, 1, 1.0, None, LAST_DAY, built_at)]
    )
    genre = (LAST_DAY, "unknown", 1, 1.0, 1, None, None, "t1", None, 1, 1, None, built_at)
    made.fill(f"{made.marts}.genre_kpis_daily", [genre])
    made.fill(f"{made.marts}.top_tracks_per_genre_daily", [(LAST_DAY, "unknown", 1, "t1", None, 1, built_at)])
    return made


@pytest.fixture(scope="module")
def empty(world) -> World:
    """No rows at all."""
    return world("empty")


@pytest.fixture
def opened(page, tmp_path: Path) -> Callable[[str], Any]:
    """Opens HTML in the browser; nothing but the file itself may be asked for."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    def open_page(html: str) -> Any:
        file = tmp_path / "page.html"
        file.write_text(html, encoding="utf-8")
        page.goto(file.as_uri())
        return page

    yield open_page
    assert {url for url in asked if not url.startswith("data:")} <= {(tmp_path / "page.html").as_uri()}
