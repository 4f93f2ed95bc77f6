"""An analyst's slips in `make check` and `make compare`: each is told as what it is, where it is, in one sentence."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.query import query
from tests.analysts.conftest import Checkout

KPIS = Path("dbt_project/models/marts/kpis")
GENRES, GENRES_YML = KPIS / "genre_kpis_daily.sql", KPIS / "genre_kpis_daily.yml"
DAILY, DAILY_YML = KPIS / "listening_kpis_daily.sql", KPIS / "listening_kpis_daily.yml"
EXPOSURES = Path("dbt_project/models/marts/exposures.yml")
MACROS = Path("dbt_project/macros/parsing/parse.sql")
PEOPLE = "count(distinct user_id) as unique_listeners"
CHECK = "make check MODEL=genre_kpis_daily"

Edit = tuple[Path, str, str]


@pytest.fixture(scope="module")
def built(checkout: Checkout) -> Checkout:
    """A checkout with its production built."""
    done = checkout.run("make dev")
    assert done.returncode == 0, done.stdout + done.stderr
    return checkout


@pytest.fixture
def edit(built: Checkout) -> Iterator[Callable[..., None]]:
    """Edits files; afterwards they are as they were."""

    def change(*edits: Edit) -> None:
        for file, old, new in edits:
            text = (built.path / file).read_text()
            assert old in text, f"{file} has no {old!r}"
            (built.path / file).write_text(text.replace(old, new, 1))

    yield change
    built.restore()


def test_a_failed_unit_test_is_readable_and_its_model_is_built_all_the_same(built: Checkout, edit: Callable) -> None:
    edit((GENRES, PEOPLE, "count(user_id) as unique_listeners"))

    done = built.run(CHECK)

    assert done.returncode == 2, done.stdout + done.stderr
    assert re.search(rf"failed  {GENRES_YML}:\d+\n +The unit test genre_kpis_daily_means_weigh", done.stdout)
    assert re.search(r"2024-06-25 +pop +unique_listeners +2 +4\b", done.stdout), done.stdout
    assert "Decimal" not in done.stdout and "..." not in done.stdout
    assert done.stdout.index("failed") < done.stdout.index("built   genre_kpis_daily")
    (passed, tests), *_ = re.findall(r"(\d+) of (\d+) tests pass", done.stdout)
    assert int(passed) == int(tests) - 1 > 10
    compared = built.run("make compare MODEL=genre_kpis_daily")
    assert compared.returncode == 2
    assert re.search(r"unique_listeners +\d+", compared.stdout)

    edit((GENRES, "count(user_id) as unique_listeners", "count(user_id) + 1 as unique_listeners"))
    compared = built.run("make compare MODEL=genre_kpis_daily")
    assert compared.returncode == 2
    assert f"dev.genre_kpis_daily is older than the last edit of {GENRES}: run `make check" in compared.stderr
    assert "No row differs" not in compared.stdout


SLIPS: dict[str, tuple[list[Edit], str, str]] = {
    "an undefined macro": (
        [(GENRES, PEOPLE, "{{ trim_txt('user_id') }} as unique_listeners")],
        f"{GENRES}:18",
        "The macro or variable trim_txt is not defined: did you mean trim_text?",
    ),
    "a package that is none": (
        [(GENRES, PEOPLE, "{{ dbt_utils.star('x') }} as unique_listeners")],
        f"{GENRES}:18",
        "dbt_utils is no dbt package of this project",
    ),
    "a block that is not closed": (
        [(GENRES, PEOPLE, "{% if true %}" + PEOPLE)],
        f"{GENRES}:65",
        "The Jinja can't be read: Unexpected end of template",
    ),
    "a model that is none": (
        [(GENRES, "ref('int_listens_with_songs')", "ref('int_listen_with_songs')")],
        f"{GENRES}:7",
        "There is no model 'int_listen_with_songs' for ref(): did you mean int_listens_with_songs?",
    ),
    "a variable without a value": (
        [(GENRES, PEOPLE, "{{ var('nothing') }} as unique_listeners")],
        f"{GENRES}:18",
        "The variable nothing has no value",
    ),
    "an environment variable": (
        [(GENRES, PEOPLE, "{{ env_var('NOTHING') }} as unique_listeners")],
        f"{GENRES}:18",
        "The environment variable NOTHING is not set",
    ),
    "a column that the contract lacks": (
        [(GENRES_YML, "- name: popularity_index\n", "- name: popularity_indx\n")],
        f"{GENRES_YML}:57",
        "popularity_index (FLOAT) is in the SQL only; popularity_indx (FLOAT) is in the .yml only",
    ),
    "a column without a type": (
        [(GENRES_YML, "        data_type: bigint\n", "")],
        f"{GENRES_YML}:21",
        "The contract is not complete: listen_count has no data_type",
    ),
    "no YAML": (
        [(GENRES_YML, "description: The genre's listens", "description: The: genre's listens")],
        f"{GENRES_YML}:31",
        "This is not valid YAML: mapping values are not allowed",
    ),
    "a doc block that is none": (
        [(GENRES_YML, 'doc("listen_date")', 'doc("listen_day")')],
        f"{GENRES_YML}:13",
        "There is no doc block 'listen_day'",
    ),
    "a column that its unit test invents": (
        [(GENRES_YML, "listen_date,user_id,track_id", "listen_date,user,track_id")],
        f"{GENRES_YML}:",
        "has the column user, which int_listens_with_songs does not have",
    ),
    "a macro's own syntax": (
        [(MACROS, "{% macro trim_text(column) -%}", "{% macro trim_text(column -%}")],
        f"{MACROS}:3",
        "The Jinja can't be read: expected token",
    ),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_told_as_what_it_is_at_the_right_file(built: Checkout, edit: Callable, slip: str) -> None:
    edits, place, sentence = SLIPS[slip]
    edit(*edits)

    done = built.run(CHECK)

    assert done.returncode == 2, done.stdout + done.stderr
    assert f"failed  {place}" in done.stdout, done.stdout + done.stderr
    assert sentence in done.stdout
    for noise in ("Traceback", "in macro", "Compilation Error", "something that it is built from"):
        assert noise not in done.stdout + done.stderr
    assert done.stdout.count("failed  ") == 1, done.stdout


def test_a_model_without_a_yml_is_told_which_to_add(built: Checkout, edit: Callable) -> None:
    (built.path / GENRES_YML).unlink()

    done = built.run("make check")

    assert done.returncode == 2, done.stdout + done.stderr
    assert (
        f"failed  {GENRES}\n        No .yml describes genre_kpis_daily, so its contract is missing: add {GENRES_YML}"
        in (done.stdout)
    )
    assert "Errno" not in done.stdout + done.stderr


def test_a_yml_of_dbts_usual_name_is_checked(built: Checkout, edit: Callable) -> None:
    (built.path / GENRES_YML).rename(built.path / KPIS / "_kpis__models.yml")

    done = built.run(CHECK)

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"(\d\d) of \1 tests pass, style clean", done.stdout), done.stdout
    assert "_kpis__models.yml describes genre_kpis_daily: here each model has a .yml of its own name" in done.stdout


def test_packages_that_are_not_installed_are_one_sentence(built: Checkout, edit: Callable) -> None:
    packages = built.path / "dbt_project" / "packages.yml"
    packages.write_text("packages:\n  - package: dbt-labs/dbt_utils\n    version: 1.3.0\n")

    for command in (CHECK, "make manifest"):
        done = built.run(command)
        said = done.stdout + done.stderr
        assert done.returncode == 2
        assert "names dbt packages that are not installed: run `.venv/bin/python -m local dbt deps` once" in said
        assert "Traceback" not in said and "\x1b" not in said and "Encountered" not in said


def test_a_model_that_a_run_builds_otherwise_than_a_full_refresh_is_found_out(built: Checkout, edit: Callable) -> None:
    newest = "where listen_date >= (select max(built.listen_date) from {{ this }} as built)"
    edit((GENRES, "where {{ is_due_day('listen_date') }}", f"{{% if is_incremental() %}}{newest}{{% endif %}}"))

    done = built.run(CHECK)

    assert done.returncode == 2, done.stdout + done.stderr
    assert re.search(
        rf"failed  {GENRES}:\d+\n +\d+ rows of genre_kpis_daily differ when it is built once more", done.stdout
    )
    assert re.search(r"listen_date +track_genre +column +once more +whole", done.stdout)
    assert done.stdout.index("failed") < done.stdout.index("built")
    assert re.search(r"(\d\d) of \1 tests pass", done.stdout), done.stdout
    made = {name for (name,) in query(built.stack, "select table_name from svv_tables where table_schema = 'dev'")[1]}
    assert made.isdisjoint({"genre_kpis_daily__whole", "int_days_due"})
    rows = "select (select count(*) from dev.genre_kpis_daily) - (select count(*) from analytics.genre_kpis_daily)"
    assert query(built.stack, rows)[1][0][0] == 0, "what is looked at is what was built whole"


def test_only_what_an_edit_concerns_is_built(built: Checkout, edit: Callable) -> None:
    edit((EXPOSURES, "maturity: medium", "maturity: low"))
    done = built.run("make check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changed: exposures.yml" in done.stderr and "built" not in done.stdout.replace("built anew", "")

    edit((EXPOSURES, "      - ref('listening_kpis_hourly')\n      - ref('genre_kpis_daily')\n", ""))
    edit((EXPOSURES, "      - ref('listening_kpis_hourly')\n", ""))
    done = built.run("make check")
    assert done.returncode == 2
    line = "add the line `      - ref('listening_kpis_hourly')` to `depends_on` of analysts_queries"
    assert re.search(
        rf"docs    {EXPOSURES}:\d+  no exposure names listening_kpis_hourly: {re.escape(line)}", done.stdout
    )


def test_a_macro_and_a_seed_of_ones_own(built: Checkout, edit: Callable) -> None:
    """The seed and the model on it are new to production; the linter knows every name that dbt knows."""
    (built.path / "dbt_project" / "macros" / "half.sql").write_text(
        "{% macro half(column) %}{{ return('(' ~ trim_text(column) ~ ')') }}{% endmacro %}\n"
    )
    seeds = built.path / "dbt_project" / "seeds"
    seeds.mkdir()
    (seeds / "regions.csv").write_text("user_country,region\nPeru,Andes\nChile,Andes\n")
    assert built.run("make kpi NAME=listeners_by_region").returncode == 0
    file = KPIS / "listeners_by_region.sql"
    safe = '{{ dbt.safe_cast("users.user_country", "varchar(256)") }}'
    home = """'{{ env_var("HOME_REGION", "unknown") }}'"""
    region = f"cast(coalesce({{{{ half('regions.region') }}}}, {safe}, {home}) as varchar(256)) as user_country"
    joined = "left join users on listens.user_id = users.user_id"
    tomorrow = "{{ dbt.dateadd('day', 1, 'listens.listen_date') }}"
    users, given = "from {{ ref('dim_users') }}", "      - input: ref('dim_users')"
    rows = "        rows:\n          - {user_country: Chile, region: Andes}\n"
    edit(
        (file, users, f"{users}\n\n),\n\nregions as (\n\n    select * from {{{{ ref('regions') }}}}"),
        (file, "coalesce(users.user_country, 'unknown') as user_country", region),
        (
            file,
            joined,
            f"{joined}\n    left join regions on users.user_country = regions.user_country\n"
            f"    where listens.listen_date < {tomorrow}",
        ),
        (file.with_suffix(".yml"), given, f"      - input: ref('regions')\n{rows}{given}"),
    )
    done = built.run("make check MODEL=listeners_by_region")
    assert done.returncode in (0, 2)
    assert "TMP" not in done.stdout and "PRS" not in done.stdout, done.stdout
    assert re.search(r"\b([1-9]) of \1 tests pass", done.stdout), done.stdout + done.stderr
    assert query(built.stack, "select count(*) from dev.regions")[1][0][0] == 2


def test_who_reads_a_column_that_is_renamed_is_named(built: Checkout, edit: Callable) -> None:
    text = (built.path / DAILY).read_text()
    (built.path / DAILY).write_text(text.replace("unique_tracks", "unique_songs"))
    yml = (built.path / DAILY_YML).read_text().replace("unique_tracks", "unique_songs")
    (built.path / DAILY_YML).write_text(yml.replace('doc("unique_songs")', 'doc("unique_tracks")'))

    done = built.run("make check MODEL=listening_kpis_daily")

    assert done.returncode == 2, done.stdout + done.stderr
    assert "listening_kpis_daily.unique_tracks is gone" in done.stdout
    assert "KPI page" in done.stdout
    assert re.search(
        r"dags/kpi_pipeline/sql/kpi_page/days.sql:\d+  reads listening_kpis_daily.unique_tracks", done.stdout
    )
    compared = built.run("make compare MODEL=listening_kpis_daily")
    assert compared.returncode == 2
    assert "only here, and so not compared: the column unique_songs" in compared.stdout
    assert "only in production, and so not compared: the column unique_tracks" in compared.stdout


def test_a_kpi_begins_as_the_guide_shows_it(built: Checkout, edit: Callable) -> None:
    name = "listeners_by_country_daily"
    done = built.run(f"make kpi NAME={name}")
    assert done.returncode == 0, done.stderr
    blocks = re.findall(
        r"^```\w+ file=(\S+)\n(.*?)^```$", (built.path / "docs" / "analysts.md").read_text(), re.M | re.S
    )
    assert {path: (built.path / path).read_text() for path, _ in blocks} == dict(blocks)
    assert f"      - ref('{name}')\n" in (built.path / EXPOSURES).read_text()
    for wrong, sentence in {
        name: "There is a model listeners_by_country_daily already",
        "By-Country": "can't be the name of a model",
        "a_name_that_makes_the_names_of_tests_too_long": "at most 32",
        "": "Name the KPI: make kpi NAME=",
    }.items():
        done = built.run(f"make kpi NAME={wrong}")
        assert done.returncode == 2 and sentence in done.stderr


def test_the_audit_names_the_table_that_a_dropped_model_leaves(built: Checkout) -> None:
    query(built.stack, "create table analytics.old_kpi (listen_date date)")
    shown = built.run(".venv/bin/python -m local dbt show --select assert_no_table_stays_behind")
    warned = built.run(".venv/bin/python -m local dbt test --select assert_no_table_stays_behind")
    query(built.stack, "drop table analytics.old_kpi")
    passed = built.run(".venv/bin/python -m local dbt test --select assert_no_table_stays_behind")
    assert "old_kpi" in shown.stdout
    assert (warned.returncode, passed.returncode) == (0, 0), warned.stdout + passed.stdout
    assert "WARN=1" in warned.stdout and "WARN=0" in passed.stdout
    assert "\x1b" not in shown.stdout + warned.stdout + passed.stdout
