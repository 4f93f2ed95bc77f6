"""Every block of the runbook does what the runbook says of it."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
import sqlparse
from kpi_pipeline.sql import render

from local.stack import Stack
from tests.faults.airflow_tasks import Tasks
from tests.faults.in_process import Pipeline, environment
from tests.faults.world import World, assert_sound

RUNBOOK = Path(__file__).resolve().parents[2] / "docs" / "runbook.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXAMPLE_TIME = "2024-06-26 02:00:00"


def blocks(heading: str = "") -> list[tuple[str, str]]:
    """The blocks below a heading, by language."""
    text = RUNBOOK.read_text()
    if heading:
        text = re.split(r"^##", text.split(f"# {heading}\n", 1)[1], flags=re.MULTILINE)[0]
    return BLOCK.findall(text)


@pytest.fixture(scope="module")
def world(stack: Stack) -> tuple[Pipeline, World]:
    stack.reset()
    pipeline, world = Pipeline.of(stack), World(seed=11)
    pipeline.prepare()
    for number in range(2):
        for key, body in world.next_batch().items():
            pipeline.put(key, body)
        pipeline.land_all(run_id=f"run-{number}")
    pipeline.query(
        "insert into landing.pipeline_runs values ('run-1', '2024-06-26', '2024-06-26', 1, 1, 1, 1, 1, 1, 1, 1.0)"
    )
    assert pipeline.models(run_id="run-1").success
    return pipeline, world


def execute(pipeline: Pipeline, sql: str, at: Any = EXAMPLE_TIME) -> list[tuple[Any, ...]]:
    """Execute a block, one statement after the other in one session."""
    rows: list[tuple[Any, ...]] = []
    for statement in sqlparse.split(sql.replace(EXAMPLE_TIME, str(at)).replace("%", "%%")):
        rows = pipeline.query(statement)
    return rows


TROUBLE = ("<>", "not in (", "having", "not_built", "landing.turns", "is null")
QUERIES = [text for language, text in blocks() if language == "sql" and text.startswith("select")]


def test_every_block_is_of_a_kind_that_is_executed_here() -> None:
    assert {language for language, _ in blocks()} == {"sql", "json"}
    changing = [text for language, text in blocks() if language == "sql" and text not in QUERIES]
    assert sorted(text.split()[0] for text in changing) == ["begin;", "delete", "drop"]
    assert len(QUERIES) >= 8


@pytest.mark.parametrize("sql", QUERIES, ids=range(len(QUERIES)))
def test_queries(world: tuple[Pipeline, World], sql: str) -> None:
    """In a sound world, those that look for what is wrong find nothing, and the others find something."""
    rows = execute(world[0], sql)
    looks_for_trouble = any(words in sql for words in TROUBLE)
    assert bool(rows) is not looks_for_trouble, sql


def test_days_are_due_until_every_model_of_the_project_has_built_them(world: tuple[Pipeline, World]) -> None:
    """Also a model that never built any day, as one whose first build failed; and none that the project has no more."""
    pipeline, _ = world
    (due,) = (sql for sql in QUERIES if "int_days_not_built" in sql)
    assert execute(pipeline, due) == []
    days = [day for (day,) in pipeline.query("select distinct listen_date from analytics.day_versions order by 1")]
    kept = pipeline.query("select * from analytics.day_builds where model_name = 'top_artists_per_hour'")
    pipeline.query("delete from analytics.day_builds where model_name = 'top_artists_per_hour'")
    pipeline.query("insert into analytics.day_builds values ('gone', '2024-06-24', 1, sysdate, 'long ago')")
    try:
        assert execute(pipeline, due) == [(day, "top_artists_per_hour") for day in days]
    finally:
        pipeline.query("delete from analytics.day_builds where model_name = 'gone'")
        for row in kept:
            pipeline.query("insert into analytics.day_builds values (%s, %s, %s, %s, %s)", *row)


def test_queries_find_what_is_wrong(world: tuple[Pipeline, World]) -> None:
    pipeline, _ = world
    batch = "(select min(loaded_at) from landing.streams)"
    lost = pipeline.query(f"select * from landing.streams where loaded_at = {batch} limit 1")[0]
    same = "loaded_at = %s and user_id = %s and track_id = %s and listen_time = %s"
    values = (lost[3], *lost[:3])
    count = int(pipeline.one(f"select count(*) from landing.streams where {same}", *values))
    pipeline.query(f"delete from landing.streams where {same}", *values)
    pipeline.query("update analytics.stream_batches set landed_count = landed_count + 1")
    pipeline.query("update analytics.day_versions set version = version + 1")
    pipeline.query("delete from analytics.passed_batches")
    pipeline.ask(rebuild_from="2024-06-24")
    pipeline.query("insert into landing.turns values ('dead', '2024-06-26', '2999-01-01')")
    ending = next(text for language, text in blocks() if language == "sql" and text.startswith("delete"))
    try:
        for sql in QUERIES:
            if any(words in sql for words in TROUBLE):
                assert execute(pipeline, sql), sql
        execute(pipeline, ending)
        assert pipeline.query("select * from landing.turns") == []
    finally:
        for _ in range(count):
            pipeline.query("insert into landing.streams values (%s, %s, %s, %s)", *lost)


def test_conf_blocks_are_params_of_the_dag(world: tuple[Pipeline, World]) -> None:
    with environment(Tasks(world[0]).environment()):
        import streaming_kpis
    confs = [json.loads(text) for language, text in blocks() if language == "json"]
    assert len(confs) >= 4
    for conf in confs:
        params = copy.deepcopy(streaming_kpis.dag.params)
        params.update(conf)
        params.validate()
    with pytest.raises(Exception, match="rebuild_from"):
        params.update({"rebuild_from": "the first of June"})


def triggered(pipeline: Pipeline, heading: str) -> None:
    """Ask for the heading's first conf and run the models, as the DAG does."""
    pipeline.ask(**next(json.loads(text) for language, text in blocks(heading) if language == "json"))
    assert pipeline.models().success


def test_rebuild_a_range(world: tuple[Pipeline, World]) -> None:
    pipeline, the_world = world
    genres = "select track_genre, built_at from analytics.genre_kpis_daily where listen_date = '2024-06-24'"
    pipeline.query("update analytics.genre_kpis_daily set track_genre = 'wrong' where track_genre = 'pop'")
    triggered(pipeline, "Rebuild a range of days")
    assert "wrong" not in {row[0] for row in pipeline.query(genres)}
    assert_sound(pipeline, the_world)


def test_reload_a_batch(world: tuple[Pipeline, World]) -> None:
    pipeline, the_world = world
    wrong = pipeline.one("select max(loaded_at) from landing.streams")
    changing = next(text for language, text in blocks("Reload a file") if language == "sql")
    execute(pipeline, changing, wrong)
    assert pipeline.one("select count(*) from landing.streams where loaded_at = %s", wrong) == 0
    pipeline.land("streams")
    triggered(pipeline, "Reload a file")
    assert_sound(pipeline, the_world)


def test_replay_from_s3_into_an_empty_warehouse(world: tuple[Pipeline, World]) -> None:
    pipeline, the_world = world
    dropping = next(text for language, text in blocks("Replay from S3 into an empty warehouse") if language == "sql")
    execute(pipeline, dropping)
    for statement in sqlparse.split(render("create_landing", schema="landing")):
        pipeline.query(statement)
    pipeline.land_all()
    triggered(pipeline, "Replay from S3 into an empty warehouse")
    assert_sound(pipeline, the_world)
