"""Nothing that comes from outside becomes code: file names, file contents, DAG params, a run's id."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.stack import Stack
from tests.faults.in_process import Pipeline
from tests.faults.redshift_proxy import RedshiftProxy

SQL = "'); create table landing.pwned (a int); --"
SHELL = "$(touch {marker})`touch {marker}`;touch {marker}&|"
JINJA = "{{ 7 * 7 }}{% set x = 1 %}{# #}"
HEADER = "user_id,track_id,listen_time\n"
SONGS = "id,track_id,artists,track_name,popularity,duration_ms,track_genre\n"


@pytest.fixture(scope="module")
def proxy(stack: Stack) -> Iterator[RedshiftProxy]:
    with RedshiftProxy(int(stack.client_env()["REDSHIFT_PORT"])) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def marker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shell") / "pwned"


@pytest.fixture(scope="module")
def attacked(stack: Stack, proxy: RedshiftProxy, marker: Path) -> Pipeline:
    """After a run over files whose names and contents try it all, under a run id that does, too."""
    stack.reset()
    pipeline = Pipeline.of(stack, REDSHIFT_PORT=str(proxy.port))
    pipeline.prepare()
    shell = SHELL.format(marker=marker)
    row = f'"u{SQL}","t{JINJA}",2024-06-25 10:00:00\n"u{shell}",t1,2024-06-25 11:00:00\n'
    pipeline.put(f"streams/{SQL}.csv", HEADER + row)
    pipeline.put(f"streams/{JINJA}.csv", HEADER + f'"{SQL}","{SQL}","{SQL}"\n{SQL}\n')
    pipeline.put(f"streams/{shell.replace('/', '_')}.csv", HEADER + f"{JINJA},{JINJA},{JINJA}\n")
    pipeline.put(
        "songs.csv",
        SONGS + f'1,"t{JINJA}","{SQL};{JINJA}","{JINJA}",50,1000,"{SQL}"\n2,t1,"{shell}","{SQL}",50,1000,"{JINJA}"\n',
    )
    pipeline.put("users.csv", f'user_id,user_country\n"u{SQL}","{JINJA}"\n')
    run_id = f"manual__{SQL}{JINJA}$(touch pwned)"  # Airflow takes at most 250 characters
    pipeline.land_all(run_id=run_id)
    built = pipeline.build(run_id=run_id)
    assert built.success, built.exception
    return pipeline


def test_no_code_ran(attacked: Pipeline, marker: Path) -> None:
    assert attacked.one("select count(*) from svv_tables where table_name = 'pwned'") == 0
    assert not marker.exists()


def test_texts_arrive_as_they_were_written(attacked: Pipeline) -> None:
    names = {row[0] for row in attacked.query("select most_popular_track_name from analytics.genre_kpis_daily")}
    assert names == {JINJA, SQL}
    artists = {row[0] for row in attacked.query("select artist_name from analytics.top_artists_per_day")}
    # An artist ends at a semicolon.
    assert JINJA in artists and SQL.split(";")[0] in artists
    assert f"u{SQL}" in {row[0] for row in attacked.query("select user_id from analytics.fct_listens")}


def test_no_file_name_and_no_content_stands_in_a_statement(attacked: Pipeline, proxy: RedshiftProxy) -> None:
    statements = [statement.sql for statement in proxy.seen]
    assert len(statements) > 100
    assert not [sql for sql in statements if "pwned" in sql and "svv_tables" not in sql and "run_id" not in sql]


def test_a_runs_id_is_recorded_and_nothing_else(attacked: Pipeline) -> None:
    recorded = {row[0] for row in attacked.query("select distinct run_id from analytics.day_builds")}
    assert len(recorded) == 1
    assert "{{ 7 * 7 }}" in recorded.pop()


@pytest.mark.parametrize(
    "value", ["2024-06-25' or 1=1 --", "{{ 7 * 7 }}", "$(id)", "2024-06-25\n", "2024-6-5", "yesterday", "2024-06-25; x"]
)
def test_a_range_that_is_none_is_refused(value: str) -> None:
    from kpi_pipeline.requests import mistake

    asked = {"rebuild_from": value}
    assert mistake(asked, asked).startswith(f"rebuild_from is {value!r}, which is no day")


def test_airflow_refuses_params_that_are_no_dates(attacked: Pipeline, stack: Stack) -> None:
    result = stack.run({"rebuild_from": "2024-06-25'; drop table landing.streams; --"})
    assert result.state == "failed"
    assert "rebuild_from" in result.log.read_text()
    assert attacked.one("select count(*) from landing.streams") > 0


def test_the_copy_role_and_the_schema_cannot_carry_sql() -> None:
    from kpi_pipeline.settings import SettingsError, load

    for name in ("KPI_COPY_IAM_ROLE", "KPI_LANDING_SCHEMA", "KPI_SCHEMA"):
        with pytest.raises(SettingsError, match=name):
            load({name: "x'; drop table landing.streams; --"})
