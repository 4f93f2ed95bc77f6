"""A KPI model that days cannot be rebuilt of is refused in one sentence, and no table keeps a row of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.environment import DBT_PROJECT
from local.stack import Stack
from tests.faults.in_process import Pipeline, environment
from tests.pipeline.warehouse import KPIS

pytestmark = pytest.mark.slow

SONGS = "id,track_id,artists,track_name,popularity,duration_ms,track_genre\n1,t1,Ann,One,50,1000,pop\n"
BODY = """{{{{ config({config}) }}}}
with

listens as (

    select * from {{{{ ref('fct_listens') }}}}
    where {{{{ is_due_day('listen_date') }}}}

),

measure as (

    select
        {columns},
        count(*) as listen_count,
        {{{{ build_time() }}}} as built_at
    from listens
    group by {by}

)

select * from measure
"""
DATE, USER = ("listen_date", "date"), ("user_id", "varchar(256)")
WEEK = "cast(date_trunc('week', listen_date) as date)"
# The model's configuration, what it selects and groups by, its columns, and what is said of it.
REFUSED = {
    "by_user": ("unique_key='user_id'", "listen_date, user_id", "1, 2", [DATE, USER], "has the unique_key ['user_id']"),
    "without_key": ("sort='listen_date'", "listen_date", "1", [DATE], "has the unique_key []"),
    "without_day": ("unique_key='user_id'", "user_id", "1", [USER], "needs the columns listen_date and built_at"),
    "by_week": ("unique_key='listen_date'", f"{WEEK} as listen_date", "1", [DATE], "computes listen_date"),
    "by_month": (
        "unique_key=['listen_date']",
        "cast(date_trunc('month', listen_date) as date) listen_date",
        "1",
        [DATE],
        "computes listen_date",
    ),
    "a_table": ("materialized='table', unique_key='listen_date'", "listen_date", "1", [DATE], "is table (merge)"),
    "appended": (
        "incremental_strategy='append', unique_key='listen_date'",
        "listen_date",
        "1",
        [DATE],
        "is incremental (append)",
    ),
}
STRAY = """{{ config(unique_key='listen_date') }}
with

listens as (

    select dateadd(day, 7, listen_date)::date as next_week from {{ ref('fct_listens') }}
    where {{ is_due_day('listen_date') }}

),

measure (listen_date, listen_count) as (

    select next_week, count(*) from listens group by 1

)

select listen_date, listen_count, {{ build_time() }} as built_at from measure
"""


class Project:
    """A copy of the dbt project with models of its own, and a warehouse."""

    def __init__(self, pipeline: Pipeline, path: Path) -> None:
        self.pipeline, self.path = pipeline, path
        shutil.copytree(DBT_PROJECT, path, ignore=shutil.ignore_patterns("target", "logs"))

    def add(self, name: str, sql: str, columns: list[tuple[str, str]]) -> None:
        folder = self.path / "models" / "marts" / "kpis"
        folder.joinpath(f"{name}.sql").write_text(sql)
        described = [*columns, ("listen_count", "bigint"), ("built_at", "timestamp")]
        lines = "".join(f"      - {{name: {column}, data_type: {kind}}}\n" for column, kind in described)
        folder.joinpath(f"{name}.yml").write_text(f"models:\n  - name: {name}\n    columns:\n{lines}")

    def remove(self, name: str) -> None:
        for file in self.path.glob(f"models/marts/kpis/{name}.*"):
            file.unlink()

    def run(self) -> tuple[Any, dict[str, str]]:
        """Run the models; what dbt says of each that failed."""
        from dbt.cli.main import dbtRunner

        folders = ["--project-dir", str(self.path), "--profiles-dir", str(self.path)]
        own = {"DBT_TARGET_PATH": str(self.path / "target"), "DBT_LOG_PATH": str(self.path / "logs")}
        with environment({**self.pipeline.env, **own}):
            command = ["--quiet", "--log-level", "none", "run", "--vars", "{test_scope: run}", *folders]
            outcome = dbtRunner().invoke(command)
        results = outcome.result.results if outcome.result else []
        return outcome, {item.node.name: str(item.message) for item in results if item.status == "error"}


@pytest.fixture(scope="module")
def project(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    stack.up()
    stack.reset()
    pipeline = Pipeline.of(stack)
    pipeline.prepare()
    pipeline.put("songs.csv", SONGS)
    pipeline.put("users.csv", "user_id,user_country\nu1,Peru\n")
    days = "".join(f"u1,t1,2024-06-{day} 10:00:00\n" for day in (24, 25))
    pipeline.put("streams/1.csv", f"user_id,track_id,listen_time\n{days}")
    pipeline.land_all()
    yield Project(pipeline, tmp_path_factory.mktemp("rules") / "dbt_project")


def test_models_without_a_day_of_their_own_are_refused_by_name(project: Project) -> None:
    for name, (config, columns, by, described, _) in REFUSED.items():
        project.add(name, BODY.format(config=config, columns=columns, by=by), described)
    project.add("stray", STRAY, [DATE])
    config = "unique_key=['listen_date'], alias='listens_by_day'"
    project.add("renamed", BODY.format(config=config, columns="listen_date", by="1"), [DATE])
    for _ in range(2):
        _, failed = project.run()
        assert set(failed) == {*REFUSED, "stray"}
        for name, (*_, said) in REFUSED.items():
            assert f"{name} {said}" in failed[name]
        assert "stray built rows of 2024-07-01, a day that is not due" in failed["stray"]
    made = "select table_name from svv_tables where table_schema = 'analytics'"
    assert {name for (name,) in project.pipeline.query(made)}.isdisjoint({*REFUSED, "stray"})
    built = "select model_name, count(*) from analytics.day_builds group by 1"
    assert dict(project.pipeline.query(built)) == dict.fromkeys(("renamed", *KPIS), 2), (
        "a model with an alias is built once, and recorded"
    )


def test_a_null_is_refused_where_the_contract_says_not_null(project: Project) -> None:
    """Also by a table of an earlier version, which lacks the constraint: the rows to merge are in one that has it."""
    sql, null = (
        BODY.format(config="unique_key='listen_date'", columns=f"listen_date, {count} as user_count", by="listen_date")
        for count in ("count(*)", "nullif(count(*), count(*))")
    )
    described = [DATE, ("user_count", "bigint")]
    project.add("people", sql, described)
    _, failed = project.run()
    assert "people" not in failed
    days = "select listen_date, user_count from analytics.people order by 1"
    before = project.pipeline.query(days)
    assert len(before) == 2

    project.add("people", null, described)
    contract = project.path / "models" / "marts" / "kpis" / "people.yml"
    nullable = "{name: user_count, data_type: bigint"
    assert nullable in contract.read_text()
    contract.write_text(contract.read_text().replace(nullable, f"{nullable}, constraints: [{{type: not_null}}]"))
    project.pipeline.ask(rebuild_from="2024-06-24", rebuild_to="2024-06-25")
    _, failed = project.run()
    assert "Cannot insert a NULL value into column user_count" in failed["people"]
    assert project.pipeline.query(days) == before
    project.pipeline.query("drop table analytics.people")
    _, failed = project.run()
    assert "Cannot insert a NULL value into column user_count" in failed["people"], "a new table has it itself"
    project.remove("people")


def test_a_microbatch_kpi_is_refused_before_anything_runs(project: Project) -> None:
    config = "incremental_strategy='microbatch', event_time='listen_date', batch_size='day', begin='2024-06-01'"
    project.add("micro", BODY.format(config=config, columns="listen_date", by="1"), [DATE])
    outcome, failed = project.run()
    project.remove("micro")
    assert not outcome.success
    assert "micro is microbatch" in str(outcome.exception) + str(failed) + str(
        outcome.result and outcome.result.results
    )
