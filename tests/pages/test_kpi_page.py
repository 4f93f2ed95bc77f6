"""What the KPI page says is what the tables hold, whatever they hold; no browser is needed to see that."""

import json
import re
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta

import boto3
import pytest
import yaml
from kpi_pipeline import kpi_page
from kpi_pipeline.kpi_page import charts, tables_read
from kpi_pipeline.kpi_page.changes import comparison, headlines, sentences
from kpi_pipeline.kpi_page.figures import baseline_in_words
from kpi_pipeline.kpi_page.formats import (
    duration,
    listening_time,
    moved,
    moved_in_words,
    number,
    percent,
    visible,
)
from kpi_pipeline.kpi_page.notices import make_notices
from kpi_pipeline.landing.errors import LandingError

from local.environment import DBT_PROJECT
from local.errors import LocalError
from local.pages import make_kpi_page, save_pages
from local.stack import Stack
from tests.pages.conftest import LAST_DAY, NAMES, NOW, TABLES
from tests.pages.contents import expected_tables, read_page

SINCE = NOW.replace(microsecond=0) - timedelta(days=28)


def plain(tables):
    """What control characters become is a matter of its own."""
    return {name: [[visible(cell) for cell in row] for row in rows] for name, rows in tables.items()}


@pytest.mark.parametrize("name", ["month", "one_day"])
def test_every_value_is_that_of_the_tables(name, request):
    world = request.getfixturevalue(name)
    tables = read_page(world.html()).tables
    expected = expected_tables(world.query, world.landing, world.marts, LAST_DAY, SINCE)
    found = {table: rows for table, rows in tables.items() if rows}
    assert found == plain({table: rows for table, rows in expected.items() if rows})
    if name == "month":
        assert len(found) == 14


def test_names_are_text_and_nothing_else(month):
    page = read_page(month.html())
    assert [row[0] for row in page.tables["genres"][: len(NAMES)]] == [visible(name) for name in NAMES]
    assert {"script", "img", "iframe", "object"} & set(page.elements) == set()
    assert page.elements.count("svg") == 2 * 8
    assert not [name for name in page.attributes if name.startswith("on")]


def test_an_empty_warehouse_has_a_page_that_says_so(empty):
    html = empty.html()
    assert "No day has listens yet" in html
    assert "There are no KPIs yet: no day has listens." in html
    assert "There was no run in the last 28 days." in html


def test_the_day_under_way_is_left_out_unless_there_is_no_other(month, one_day):
    data = month.data()
    assert (data.last_day, data.newest_day) == (LAST_DAY, LAST_DAY + timedelta(1))
    assert "Fri 28 June 2024 is not over, and is left out." in make_notices(data)
    data = one_day.data(now=datetime(2024, 6, 27, 12))
    assert data.last_day == LAST_DAY
    assert "Thu 27 June 2024 is not over: its numbers will grow." in make_notices(data)


def test_like_is_compared_with_like(month):
    """A day that lacks its late listens is compared with what the earlier day had when it was as young."""
    data = month.data()
    shown = headlines(data)
    assert shown.is_as_first_counted
    first = data.first_count(LAST_DAY - timedelta(7))
    assert (first["listen_count"], first["unique_listeners"], first["unique_tracks"]) == (96, 40, 7)
    assert data.first_count(LAST_DAY)["listen_count"] == 110
    assert shown.tiles[0].change == "▲\u202f14.6\u202f%", "110 against 96, not against the 120 of today"
    settled = data.on(LAST_DAY - timedelta(7))["listen_count"]
    said = " ".join(comparison(data, shown))
    assert "both days as they were first counted" in said and "Thu 27 June 2024 is provisional" in said
    assert f"Thu 20 June 2024 grew by {percent(settled / 96 - 1)} since it was first counted." in said


def test_days_that_were_first_built_together_are_compared_as_they_stand(month):
    """As after a backfill: the earlier day had its late listens by then, and the page says so."""
    data = month.data()
    at = data.first_count(LAST_DAY)["built_at"]
    data = replace(data, first_counts=[{**row, "built_at": at} for row in data.first_counts])
    shown = headlines(data)
    today, before = (data.on(day)["listen_count"] for day in (LAST_DAY, LAST_DAY - timedelta(7)))
    assert shown.tiles[0].change[2:] == percent(abs(today / before - 1))
    assert not shown.is_as_first_counted and "may have had its late ones" in " ".join(comparison(data, shown))


def test_the_newest_days_are_marked_provisional(month):
    data = month.data()
    assert [data.is_provisional(LAST_DAY - timedelta(n)) for n in range(4)] == [True, True, True, False]
    html = month.html()
    assert html.count("Thu 27 June 2024, provisional") >= 4 and "Mon 24 June 2024, provisional" not in html


def test_the_day_is_told_in_sentences(month, one_day):
    data = month.data()
    listened, leaders = sentences(data, headlines(data))
    day = data.on(LAST_DAY)
    assert listened == (
        f"{day['unique_listeners']:,} people played {day['listen_count']:,} tracks, "
        "14.6\u202f% more than on the Thursday before."
    )
    assert leaders == (
        "Played most: the genre \u2068Señorita\u2069 (10.0\u202f% of the listens), the artist \u2068Señorita\u2069, "
        "the track \u2068Señorita\u2069."
    )
    data = one_day.data()
    assert sentences(data, headlines(data)) == [
        "1 person played 1 track.",
        "Played most: the genre \u2068unknown\u2069 (100.0\u202f% of the listens).",
    ]


def test_hours_are_compared_with_their_own_weekday(month, one_day):
    data = month.data()
    assert data.baseline == [LAST_DAY - timedelta(days) for days in (21, 14, 7)]
    assert baseline_in_words(data) == "the 3 Thursdays before"
    assert baseline_in_words(replace(data, baseline=data.baseline[:1])) == "the Thursday before"
    assert baseline_in_words(replace(data, baseline=[LAST_DAY - timedelta(1)])) == "the day before"
    assert baseline_in_words(one_day.data()) == ""


def test_every_number_leads_to_its_definition(month):
    """To a model that the dbt docs have, beside the page; nothing else is linked."""
    html = month.html()
    links = set(re.findall(r'href="([^"]+)"', html)) - {"data:,"}
    models = {path.stem for path in (DBT_PROJECT / "models").rglob("*.sql")}
    linked = {link.rpartition(".")[2] for link in links if "#" in link}
    assert all(link.startswith("../docs/index.html") for link in links)
    kpis = {path.stem for path in (DBT_PROJECT / "models" / "marts" / "kpis").glob("*.sql")}
    assert kpis - linked == set()
    assert linked <= models
    assert html.count(">definition</a>") >= 5 + 4 + 6


def test_headlines_compare_with_the_week_before_or_else_the_day_before(month, one_day):
    data = month.data()
    shown = headlines(data)
    assert shown.compared_with == LAST_DAY - timedelta(7) and shown.is_a_week_before
    today, before = (data.on(day)["listen_count"] for day in (LAST_DAY, LAST_DAY - timedelta(7)))
    assert shown.tiles[0].value == today
    plain_data = replace(data, first_counts=[])
    change = headlines(plain_data).tiles[0].change
    assert change == f"{'▲' if today > before else '▼'}\u202f{abs(today / before - 1) * 100:.1f}\u202f%"
    short = replace(data, days=data.days[-2:])
    assert headlines(short).compared_with == LAST_DAY - timedelta(1)
    assert headlines(one_day.data()).compared_with is None
    assert {tile.change for tile in headlines(one_day.data()).tiles} == {""}


def test_notices_say_what_is_stale_thin_missing_or_unknown(month):
    data = month.data()
    assert "There are no listens on Sun 9 June 2024, Mon 10 June 2024." in make_notices(data)
    late = replace(data, now=NOW + timedelta(hours=30))
    assert "Nothing has landed for 30 hours: the newest streams came at 2024-06-28 00:32 UTC." in make_notices(late)
    thin = replace(data, days=[*data.days[:-1], {**data.days[-1], "listen_count": 100}])
    assert any(notice.startswith("Thu 27 June 2024 looks incomplete: 100 listens") for notice in make_notices(thin))
    unknown = replace(data, genres=[{"track_genre": "unknown", "listen_share": 0.123}])
    assert "12.3\u202f% of the day's listens are of tracks without a genre in the catalogue." in make_notices(unknown)
    lost = replace(data, batches={**data.batches, "listen_count": 0, "duplicate_count": 0})
    assert any("were rejected or refused: 4,088 of 4,088" in notice for notice in make_notices(lost))
    well = replace(data, newest_day=LAST_DAY, days=data.days[-7:], genres=[])
    assert make_notices(well) == []


def test_what_is_asked_of_the_warehouse_does_not_grow_with_the_history(month):
    data = month.data()
    assert data.days[0]["listen_date"] == date(2024, 5, 31)
    assert len(data.runs) == 10 and len(data.genres) == 100
    assert data.genres[0]["genre_count"] == len(NAMES) + 91
    assert data.batches["listen_count"] == 28 * 29_000


def test_numbers_are_written_for_people():
    assert [number(1234567), number(0.12345, 4), number(None)] == ["1,234,567", "0.1235", "–"]
    assert [percent(0.0123), percent(1), duration(201_234.5), duration(None)] == [
        "1.2\u202f%",
        "100.0\u202f%",
        "3:21",
        "–",
    ]
    assert [moved(1, 3), moved(3, 1), moved(2, 2), moved(2, None)] == ["▲\u202f2", "▼\u202f2", "=", "new"]
    assert [listening_time(36_000_000), listening_time(5_400_000), listening_time(None)] == [
        "10\u202fh",
        "1.5\u202fh",
        "–",
    ]
    assert [moved_in_words(1, 3), moved_in_words(3, 2), moved_in_words(2, 2), moved_in_words(2, None)] == [
        "up 2 places since the day before",
        "down 1 place since the day before",
        "in the same place as the day before",
        "not among the ten of the day before",
    ]
    assert visible("a\x07\x1b\x85\ud800") == "a␇␛\ufffd\ufffd"


def test_it_is_put_where_a_browser_shows_it(stack, month):
    url = kpi_page.publish(month.connection, stack.s3_client, month.settings)
    assert url == "s3://kpi-artifacts/kpis/index.html"
    published = stack.s3_client.get_object(Bucket="kpi-artifacts", Key="kpis/index.html")
    assert published["ContentType"] == "text/html; charset=utf-8"
    assert published["CacheControl"] == "no-cache"
    assert published["Body"].read().decode().startswith("<!doctype html>")


def test_it_is_made_without_a_run_too(stack, month):
    own = {"KPI_LANDING_SCHEMA": month.landing, "KPI_SCHEMA": month.marts}
    file = make_kpi_page(Stack(stack.state, settings=own))
    assert read_page(file.read_text(encoding="utf-8")).tables["listen_count"]
    with pytest.raises(LocalError, match=r"^Redshift says: .*no_such_schema.*`make demo` has one\.$"):
        make_kpi_page(Stack(stack.state, settings={"KPI_SCHEMA": "no_such_schema"}))


def test_pages_are_saved_as_files(stack):
    link = b'<a href="../docs/index.html#!/model/m">'
    for key, body in {
        "kpis/index.html": b"<!doctype html>KPIs" + link,
        "docs/index.html": b"<!doctype html>docs",
    }.items():
        stack.s3_client.put_object(Bucket="kpi-artifacts", Key=key, Body=body)
    saved = {name: (file.name, file.read_text()) for name, file in save_pages(stack).items()}
    assert saved == {
        "KPI page": ("kpi_page.html", '<!doctype html>KPIs<a href="dbt_docs.html#!/model/m">'),
        "dbt docs": ("dbt_docs.html", "<!doctype html>docs"),
    }


def test_a_bucket_that_is_not_there_is_named(stack, month):
    with pytest.raises(LandingError, match=r"There is no bucket for s3://no-such-bucket/kpis/index.html"):
        kpi_page.publish(month.connection, stack.s3_client, replace(month.settings, artifact_bucket="no-such-bucket"))


def test_a_chart_that_is_broken_is_named(month, monkeypatch):
    charts._text.cache_clear()
    whole = charts._text
    monkeypatch.setattr(charts, "_text", lambda file: "{" if file == "hours.vl.json" else whole(file))
    with pytest.raises(LandingError, match=r"The KPI page can't be made: hours.vl.json can't be drawn: .*Mend it in"):
        kpi_page.publish(month.connection, boto3, month.settings)


def test_charts_say_what_they_are_for():
    """Their files open in an editor of Vega-Lite: each names its version and the fields that a row has."""
    names = ("daily", "hours", "genres", "ranking")
    for name in names:
        spec = json.loads(charts._text(f"{name}.vl.json"))
        assert spec["$schema"].endswith("/vega-lite/v6.json")
        assert "Rows: " in spec["description"]


@pytest.fixture(scope="module")
def changing(world):
    """A week of every table, for tests that rename what is in it and name it back."""
    made = world("changing")
    built_at = datetime(2024, 6, 28, 0, 39, 12)
    days = [LAST_DAY - timedelta(n) for n in range(7)]
    made.fill(f"{made.marts}.listening_kpis_daily", [(day, 90, 9, 30, 1 / 3, 90_000, built_at) for day in days])
    hours = [(datetime(day.year, day.month, day.day, 7), 90, 9, 30, 1 / 3, 90_000, day, built_at) for day in days]
    made.fill(f"{made.marts}.listening_kpis_hourly", hours)
    genre = (LAST_DAY, "pop", 90, 1.0, 9, 1000.0, 50.0, "t1", "One", 60, 1, 90_000, built_at)
    made.fill(f"{made.marts}.genre_kpis_daily", [genre])
    made.fill(f"{made.marts}.top_artists_per_day", [(LAST_DAY, 1, "Ann", 90, built_at)])
    hour = (datetime(LAST_DAY.year, LAST_DAY.month, LAST_DAY.day, 7), 1, "Ann", 90, LAST_DAY, built_at)
    made.fill(f"{made.marts}.top_artists_per_hour", [hour])
    made.fill(f"{made.marts}.top_tracks_per_genre_daily", [(LAST_DAY, "pop", 1, "t1", "One", 60, built_at)])
    made.fill(f"{made.marts}.stream_batches", [(NOW, 1, 93, 90, 2, 1, 0)])
    made.fill(f"{made.marts}.rejected_streams", [("u1", None, "", "missing track_id", NOW)])
    return made


@contextmanager
def renamed(world, away, back):
    world.query(f"alter table {world.marts}.{away}")
    try:
        yield
    finally:
        world.query(f"alter table {world.marts}.{back}")


def names_of(world):
    tables = f"select table_name, column_name from svv_columns where table_schema = '{world.marts}' order by 1, 2"
    return [tuple(row) for row in world.query(tables) if row[0] in tables_read.COLUMNS]


def test_a_column_that_a_model_has_no_more_is_a_gap_and_is_named(changing):
    """Whichever it is: nothing else of the page goes with it."""
    whole = read_page(changing.html()).tables
    for table, column in names_of(changing):
        with renamed(changing, f"{table} rename column {column} to away", f"{table} rename column away to {column}"):
            html = changing.html()
        said = f"{table} has no column {column}"
        assert (said in html) == (column in tables_read.COLUMNS[table]), said
        assert "There is no model" not in html
        if (table, column) == ("listening_kpis_daily", "unique_tracks"):
            assert "what shows it is left empty" in html
            assert read_page(html).tables == whole
            assert "unique_listeners_headline" in html and "unique_tracks_headline" not in html
    assert read_page(changing.html()).tables == whole


def test_a_table_that_is_gone_takes_its_section_along_and_is_named(changing):
    sections = {
        "listening_kpis_daily": "days-title",
        "listening_kpis_hourly": "hours-title",
        "genre_kpis_daily": "genres-title",
        "top_artists_per_day": "artists-title",
    }
    for table in tables_read.COLUMNS:
        assert "There is no model" not in changing.html()
        with renamed(changing, f"{table} rename to {table}_away", f"{table}_away rename to {table}"):
            html = changing.html()
        assert f"There is no model {table}: " in html
        assert [name for name, title in sections.items() if title not in html] == (
            list(sections) if table == "listening_kpis_daily" else [table] if table in sections else []
        )


def test_a_table_whose_model_is_dropped_stays_and_is_not_shown(changing, tmp_path):
    """Its last rows would look like those of today."""
    manifest = json.loads(changing.settings.manifest.read_text())
    nodes = {name: node for name, node in manifest["nodes"].items() if node["name"] != "listening_kpis_hourly"}
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "manifest.json").write_text(json.dumps({"nodes": nodes}))
    html = replace(changing, settings=replace(changing.settings, dbt_project=tmp_path)).html()
    assert "There is no model listening_kpis_hourly: the hours are left out." in html
    assert "hours-title" not in html


def test_what_the_page_reads_has_the_types_of_the_contracts():
    models = (yaml.safe_load(next((DBT_PROJECT / "models").rglob(f"{table}.yml")).read_text()) for table in TABLES)
    contracts = {
        model["name"]: {column["name"]: column["data_type"] for column in model["columns"]}
        for described in models
        for model in described["models"]
    }
    for table, columns in tables_read.COLUMNS.items():
        assert columns == {name: contracts[table][name] for name in columns}
