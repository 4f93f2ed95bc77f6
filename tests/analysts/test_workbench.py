"""What an analyst calls, and the guide that tells so: its own files and commands, in the order of the page."""

import re
from pathlib import Path

import pytest

from local.demo import batches_so_far
from local.environment import REPO
from local.query import query
from local.sample import Sample
from tests.analysts.conftest import DAYS, Checkout
from tests.pipeline.warehouse import BOOKKEEPING
from workbench.warehouse import NEEDED

GUIDE = (REPO / "docs" / "analysts.md").read_text()
BLOCKS = re.findall(r"^```(\S+)(?: file=(\S+))?\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
GENRES = Path("dbt_project/models/marts/kpis/genre_kpis_daily.sql")


def edit(checkout: Checkout, old: str, new: str, file: Path = GENRES) -> None:
    text = (checkout.path / file).read_text()
    assert text.count(old) == 1
    (checkout.path / file).write_text(text.replace(old, new))


@pytest.fixture(scope="module")
def team(checkout: Checkout) -> dict[str, str]:
    """What an analyst exports to reach the team's warehouse; the local one, and its S3, have that part."""
    client = checkout.stack.client_env()
    return {**client, "KPI_ARTIFACT_BUCKET": "kpi-artifacts", "KPI_SCHEMA": "dev_ana", "KPI_RAW_BUCKET": ""}


@pytest.fixture(scope="module")
def guided(checkout: Checkout, team: dict[str, str]) -> dict[str, str]:
    """Follow the guide from top to bottom; returns what each command printed."""
    printed: dict[str, str] = {}
    for language, file, content in BLOCKS:
        if file:
            (checkout.path / file).write_text(content)
            continue
        assert language == "sh", f"a block of {language!r} that no test looks at:\n{content}"
        for line in content.splitlines():
            if line.startswith("export "):
                continue
            if "TARGET=dev" in line and "docs/manifest.json" not in printed:
                # A production run publishes it; no run is needed to have one.
                manifest = checkout.stack.state / "redshift" / "manifest" / "manifest.json"
                checkout.stack.s3_client.upload_file(str(manifest), "kpi-artifacts", "docs/manifest.json")
                printed["docs/manifest.json"] = ""
            done = checkout.run(line, **(team if "TARGET=dev" in line else {}))
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
            printed[line] = done.stdout
    yield printed
    checkout.restore()


def test_each_command_of_the_guide_succeeds(guided: dict[str, str]) -> None:
    assert "make check MODEL=listeners_by_country_daily" in guided


def test_the_new_kpi_is_right_and_clean(checkout: Checkout, guided: dict[str, str]) -> None:
    assert "style clean" in guided["make check MODEL=listeners_by_country_daily"]
    _, rows = query(
        checkout.stack,
        "select count(*), sum(kpi.listen_count), (select count(*) from analytics.fct_listens),"
        " count(distinct kpi.listen_date) from dev.listeners_by_country_daily as kpi",
    )
    groups, listens, expected, days = rows[0]
    assert (listens, days) == (expected, DAYS)
    assert groups > days


def test_the_check_leaves_production_alone(checkout: Checkout, guided: dict[str, str]) -> None:
    _, rows = query(checkout.stack, "select schemaname, tablename from pg_tables where schemaname <> 'landing'")
    tables = {(schema, name) for schema, name in rows}
    assert ("analytics", "listeners_by_country_daily") not in tables
    kpis = {name for schema, name in tables if schema == "dev"} - BOOKKEEPING
    assert kpis == {"listeners_by_country_daily", "genre_kpis_daily"}


def test_in_the_teams_warehouse_the_rest_is_read_from_production(checkout: Checkout, guided: dict[str, str]) -> None:
    relations = "select tablename from pg_tables where schemaname = 'dev_ana' union all"
    relations += " select viewname from pg_views where schemaname = 'dev_ana'"
    names = {name for (name,) in query(checkout.stack, relations)[1]}
    assert names == {"genre_kpis_daily", *BOOKKEEPING}
    assert "No row differs" in guided["make compare MODEL=genre_kpis_daily TARGET=dev"]


def test_the_guide_names_what_the_team_target_needs() -> None:
    exported = re.findall(r"^export (\w+)=", GUIDE, re.MULTILINE)
    assert set(exported) == {*NEEDED, "AWS_PROFILE", "KPI_SCHEMA"}


def test_a_second_call_of_dev_says_what_is_there(checkout: Checkout, guided: dict[str, str]) -> None:
    done = checkout.run("make dev")
    assert f"The warehouse is there: {DAYS} days" in done.stdout
    assert "make check MODEL=" in done.stdout


def test_the_days_of_dev_are_those_of_the_demo(checkout: Checkout, guided: dict[str, str], tmp_path: Path) -> None:
    """`make demo` goes on where `make dev` ends, and `make dev` keeps what `make demo` brought, byte for byte."""
    assert batches_so_far(checkout.stack) == DAYS - Sample().days + 1
    Sample().write(tmp_path / "demo")
    Sample().write(tmp_path / "demo", 2)
    Sample(days=4, rows=40_000).write(tmp_path / "dev")
    files = [path.relative_to(tmp_path / "dev") for path in sorted((tmp_path / "dev").rglob("*.csv"))]
    assert files == [path.relative_to(tmp_path / "demo") for path in sorted((tmp_path / "demo").rglob("*.csv"))]
    assert [(tmp_path / "dev" / path).read_bytes() for path in files] == [
        (tmp_path / "demo" / path).read_bytes() for path in files
    ]


def test_failing_rows_are_a_table(checkout: Checkout, guided: dict[str, str]) -> None:
    checkout.restore()
    yml = GENRES.with_suffix(".yml")
    edit(checkout, "expression: between 0 and 100", "expression: between 0 and 50", yml)

    done = checkout.run("make check MODEL=genre_kpis_daily")

    checkout.restore()
    assert done.returncode == 2, done.stdout + done.stderr
    failed = re.search(
        r"failed  genre_kpis_daily_popularity_index_is_from_0_to_100: \d+ rows, the first 10:", done.stdout
    )
    assert failed, done.stdout
    assert re.search(r"listen_date +track_genre +listen_count .*most_popular_track_name", done.stdout)
    compiled = re.search(r"compiled: (\S+popularity_index\S*\.sql)", done.stdout)
    assert "between 0 and 50" in (checkout.path / compiled[1]).read_text()


def test_sql_that_fails_ends_in_the_warehouses_sentence_with_file_and_line_and_style_is_told(
    checkout: Checkout, guided: dict[str, str]
) -> None:
    checkout.restore()
    edit(checkout, "cast(popularity as double precision)", "cast(popularty as double precision)")
    edit(checkout, "    where rank_tracks.track_rank = 1", "    WHERE rank_tracks.track_rank = 1")

    done = checkout.run("make check")

    checkout.restore()
    assert done.returncode == 2, done.stdout + done.stderr
    assert "changed: genre_kpis_daily" in done.stderr
    assert f'failed  {GENRES}:21\n        column "popularty" does not exist' in done.stdout
    assert done.stdout.count("popularty") == 1, "the unit tests of a model that can't be built say nothing of their own"
    assert re.search(rf"style +{re.escape(str(GENRES))}:\d+:5 +CP01", done.stdout)
    assert f"sqlfluff fix {GENRES}" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_compare_finds_each_kind_of_difference(checkout: Checkout, guided: dict[str, str]) -> None:
    keys = "select listen_date, track_genre from analytics.genre_kpis_daily order by listen_date, track_genre limit 4"
    for number, (day, genre) in enumerate(query(checkout.stack, keys)[1]):
        row = f"where listen_date = '{day}' and track_genre = '{genre}'"
        change = [
            f"update dev.genre_kpis_daily set listen_count = listen_count + 1, listen_share = listen_share + 0.1 {row}",
            f"update dev.genre_kpis_daily set most_popular_track_name = null {row}",
            f"delete from dev.genre_kpis_daily {row}",
            # The last digits of a sum of doubles are no difference.
            f"update dev.genre_kpis_daily set listen_share = listen_share * (1 + 1e-13) {row}",
        ][number]
        query(checkout.stack, change)
    copied = "listen_date, 'of our own', listen_count, listen_share, unique_listeners, average_duration_ms,"
    copied += " popularity_index, most_popular_track_id, most_popular_track_name, most_popular_track_listen_count,"
    copied += " genre_rank, total_duration_ms, built_at"
    query(checkout.stack, f"insert into dev.genre_kpis_daily select {copied} from dev.genre_kpis_daily limit 1")

    done = checkout.run("make compare MODEL=genre_kpis_daily")

    assert done.returncode == 2, done.stdout + done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    (counts,) = [line[2:] for line in lines if len(line) == 5 and all(word.isdigit() for word in line)]
    assert counts == ["1", "1", "2"]
    assert ["listen_count", "1"] in lines
    assert ["listen_share", "1"] in lines
    assert ["most_popular_track_name", "1"] in lines
    assert ["popularity_index", "0"] in lines
    assert re.search(r"of our own +only here", done.stdout)
    assert "only in production" in done.stdout
    assert re.search(r"most_popular_track_name +null", done.stdout)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            "make check MODEL=genre_kpi_daily",
            "no model 'genre_kpi_daily' in dbt_project/models: did you mean genre_kpis_daily",
        ),
        ("make compare MODEL=int_batches_due", "there is no dev.int_batches_due to compare"),
        ("make check MODEL=fct_listens TARGET=dev", "takes batches in from the landing tables"),
    ],
)
def test_a_mistake_is_answered_in_a_sentence(
    checkout: Checkout, guided: dict[str, str], team: dict[str, str], line: str, sentence: str
) -> None:
    done = checkout.run(line, **(team if "TARGET=dev" in line else {}))
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_without_a_variable_the_team_target_names_it(checkout: Checkout) -> None:
    done = checkout.run("make check MODEL=genre_kpis_daily TARGET=dev", REDSHIFT_HOST="")
    assert "The environment variable REDSHIFT_HOST is not set" in done.stderr


def test_a_commit_fixes_the_style_of_its_files(checkout: Checkout, guided: dict[str, str]) -> None:
    checkout.restore()
    edit(checkout, "    where rank_tracks.track_rank = 1", "    WHERE rank_tracks.track_rank = 1")

    done = checkout.run("git add . && git -c user.name=ana -c user.email=ana@example.com commit -m 'Shout'")

    text = (checkout.path / GENRES).read_text()
    checkout.run("git reset --quiet --hard")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "sqlfluff fix" in done.stdout + done.stderr
    assert "    where rank_tracks.track_rank = 1" in text
