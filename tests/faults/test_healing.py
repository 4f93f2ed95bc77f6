"""A run that breaks anywhere leaves its work due, and the runs after it bring everything to what it must be."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from datetime import date, timedelta
from multiprocessing.process import BaseProcess
from typing import Any

import pytest

from local.environment import DBT_PROJECT
from local.stack import Stack
from tests.faults.airflow_tasks import Tasks
from tests.faults.in_process import Pipeline
from tests.faults.redshift_proxy import At, RedshiftProxy, text
from tests.faults.s3_proxy import S3Proxy
from tests.faults.world import World, assert_sound, batches_due, days_due, drawn, kpis

SERIALIZABLE = "1023: Serializable isolation violation on table - 100123"


@pytest.fixture(scope="module")
def world(stack: Stack) -> World:
    stack.reset()
    pipeline = Pipeline.of(stack)
    pipeline.prepare()
    world = World(seed=3)
    put_batch(pipeline, world)
    assert run(pipeline)
    assert_sound(pipeline, world)
    return world


@pytest.fixture(scope="module")
def pipeline(stack: Stack, world: World) -> Pipeline:
    return Pipeline.of(stack)


def put_batch(pipeline: Pipeline, world: World) -> None:
    for key, body in world.next_batch().items():
        pipeline.put(key, body)


def run(pipeline: Pipeline, **variables: object) -> Any:
    """Land and build; whether all of it succeeded."""
    pipeline.land_all()
    return pipeline.build(**variables).success


# Nodes, a statement of each, and where it breaks: one run for each list, over a new batch, no quiet run in between.
# Each model above the staging views is there; those of one list do not depend on one another.
BREAKS = [
    [("int_batches_due", "^commit", At.AFTER, ""), ("dim_users", "insert into .*dim_users", At.DURING, "")],
    [("int_streams_due", "^commit", At.BEFORE, "")],
    [
        ("fct_listens", "insert into .*fct_listens", At.DURING, ""),
        ("rejected_streams", "^commit", At.ERROR, SERIALIZABLE),
    ],
    [("fct_listens", "^commit", At.AFTER, "")],
    [("duplicate_streams", "^commit", At.BEFORE, ""), ("dim_songs", "merge into", At.ERROR, SERIALIZABLE)],
    [
        ("stream_batches", "insert into .*stream_batches", At.BEFORE, ""),
        ("int_track_artists", "^commit", At.DURING, ""),
    ],
    [("int_days_due", "^commit", At.AFTER, "")],
    [
        ("genre_kpis_daily", "insert into .*day_builds", At.BEFORE, ""),
        ("top_artists_per_day", "^commit", At.ERROR, SERIALIZABLE),
        ("listening_kpis_daily", "merge into", At.DURING, ""),
        ("listening_kpis_hourly", "^commit", At.AFTER, ""),
    ],
]


def test_runs_that_break_one_after_the_other_heal_in_the_end(
    pipeline: Pipeline, faulty: Pipeline, redshift_proxy: RedshiftProxy, world: World
) -> None:
    for together in BREAKS:
        put_batch(pipeline, world)
        redshift_proxy.calm()
        faults = {
            node: redshift_proxy.add(text(statement, f".{node}"), at, message)
            for node, statement, at, message in together
        }
        faulty.land_all()
        failed = {item.node.name for item in faulty.models().result.results if item.status == "error"}
        assert failed == set(faults)
        assert [fault.injected for fault in faults.values()] == [1] * len(faults)
    redshift_proxy.calm()
    assert days_due(pipeline)
    assert run(pipeline)
    assert_sound(pipeline, world)


def test_a_full_refresh_that_breaks_halfway_heals(
    pipeline: Pipeline, faulty: Pipeline, redshift_proxy: RedshiftProxy, world: World
) -> None:
    redshift_proxy.add(text("^commit", "duplicate_streams"), At.BEFORE)
    pipeline.ask(full_refresh=True)
    assert not faulty.models().success
    assert batches_due(pipeline)
    assert run(pipeline)
    assert_sound(pipeline, world)


def test_one_row_that_is_missing_holds_the_kpis_back_until_it_is_there(pipeline: Pipeline, world: World) -> None:
    put_batch(pipeline, world)
    pipeline.land_all()
    before = kpis(pipeline)
    newest = "select max(loaded_at) from landing.streams"
    # A row without nulls, which the condition below would not find.
    whole = "user_id like 'u%%' and track_id like 't%%' and listen_time like '20%%'"
    taken = pipeline.query(f"select * from landing.streams where loaded_at = ({newest}) and {whole} limit 1")
    columns = "user_id = %s and track_id = %s and listen_time = %s and loaded_at = %s"
    count = pipeline.one(f"select count(*) from landing.streams where {columns}", *taken[0])
    assert count
    pipeline.query(f"delete from landing.streams where {columns}", *taken[0])
    for again in ("the run", "the next run, which has nothing new to take in"):
        result = pipeline.build()
        failed = {item.node.name for item in result.result.results if item.status in ("fail", "error")}
        assert "every_landed_row_is_a_listen_a_duplicate_or_a_reject" in failed, again
        assert kpis(pipeline) == before, "the KPIs stay as they were"
    for _ in range(int(count)):
        pipeline.query("insert into landing.streams values (%s, %s, %s, %s)", *taken[0])
    assert pipeline.build().success
    assert_sound(pipeline, world)


@pytest.mark.parametrize(
    ("table", "rule"),
    [
        ("landing.streams", "assert_batches_match_the_ledger"),
        ("analytics.fct_listens", "assert_batches_match_the_ledger"),
        ("analytics.fct_listens", "assert_daily_kpis_count_every_listen"),
        ("analytics.duplicate_streams", "assert_batches_match_the_ledger"),
        ("analytics.rejected_streams", "assert_batches_match_the_ledger"),
    ],
)
def test_a_row_that_vanishes_afterwards_is_found(pipeline: Pipeline, world: World, table: str, rule: str) -> None:
    assert pipeline.dbt("test", "--select", rule, test_scope="everything").success
    put_back = take_away_a_row(pipeline, table)
    found = pipeline.dbt("test", "--select", rule, test_scope="everything")
    put_back()
    assert not found.success
    assert pipeline.dbt("test", "--select", rule, test_scope="everything").success


def take_away_a_row(pipeline: Pipeline, table: str, condition: str = "true", *values: object) -> Callable[[], None]:
    """Delete one row that is there once; returns what puts it back."""
    named = "select column_name from svv_columns where table_schema || '.' || table_name = %s"
    columns = [row[0] for row in pipeline.query(named, table)]
    listed = ", ".join(columns)
    lost = pipeline.query(
        f"select {listed} from {table} where {condition} group by {listed} having count(*) = 1 limit 1", *values
    )[0]
    known = {column: value for column, value in zip(columns, lost, strict=True) if value is not None}
    where = " and ".join(f"{column} = %s" for column in known)
    pipeline.query(f"delete from {table} where {where}", *known.values())
    marks = ", ".join(["%s"] * len(columns))
    return lambda: pipeline.query(f"insert into {table} ({listed}) values ({marks})", *lost) and None


@pytest.fixture(scope="module")
def counted(pipeline: Pipeline, world: World) -> Any:
    """A new batch that is taken in and counted, and its time; the runs after it heal what the tests take away."""
    put_batch(pipeline, world)
    pipeline.land_all()
    assert pipeline.models("--select", "+stream_batches").success
    return pipeline.one("select max(loaded_at) from landing.streams")


@pytest.mark.parametrize("table", ["landing.streams", "fct_listens", "duplicate_streams", "rejected_streams"])
def test_one_row_that_is_missing_in_any_table_fails_the_run(pipeline: Pipeline, counted: Any, table: str) -> None:
    table = table if "." in table else f"analytics.{table}"
    put_back = take_away_a_row(pipeline, table, "loaded_at = %s", counted)
    found = pipeline.build("--select", "stream_batches")
    failed = {item.node.name for item in found.result.results if item.status == "fail"}
    rule = "every_landed_row_is_a_listen_a_duplicate_or_a_reject"
    assert failed == {"assert_batches_match_the_ledger" if table == "landing.streams" else rule}
    put_back()
    assert counted in {row[0] for row in batches_due(pipeline)}


def test_an_older_batch_that_commits_late_is_taken_in_and_unknown_tracks_are_not_due_for_ever(
    pipeline: Pipeline, world: World
) -> None:
    """The older one began before the others and got the lock after them; what is seen of it is what it committed."""
    body = b"user_id,track_id,listen_time\nu1,t1,2024-05-01 10:00:00\n"
    world.files["streams/late.csv"] = body
    oldest = pipeline.one("select min(loaded_at) from landing.streams") - timedelta(seconds=1)
    pipeline.query("insert into landing.streams values ('u1', 't1', '2024-05-01 10:00:00', %s)", oldest)
    etag = pipeline.put("streams/late.csv", body)
    pipeline.query(
        "insert into landing.loaded_files select 'streams', 'streams/late.csv', %s, 1, 1, 1, 0, %s, 1, 'late',"
        " max(batch_number) + 1 from landing.loaded_files where table_name = 'streams'",
        etag,
        oldest,
    )
    body = b"user_id,track_id,listen_time\nu1,nobody knows,2024-04-01 10:00:00\n"
    world.files["streams/unknown.csv"] = body
    pipeline.put("streams/unknown.csv", body)
    assert run(pipeline)
    assert_sound(pipeline, world)
    assert date(2024, 5, 1) in {row[0] for row in kpis(pipeline)["listening_kpis_daily"]}
    genres = [row[:2] for row in kpis(pipeline)["genre_kpis_daily"] if row[0] == date(2024, 4, 1)]
    assert genres == [(date(2024, 4, 1), "unknown")]
    built = pipeline.query("select * from analytics.listening_kpis_daily order by 1")
    assert pipeline.models().success
    assert pipeline.query("select * from analytics.listening_kpis_daily order by 1") == built


def killed(call: Callable[..., object], *arguments: str) -> tuple[BaseProcess, Callable[[], None]]:
    """Make a process that calls something, and what kills it."""
    process = multiprocessing.get_context("fork").Process(target=call, args=arguments)
    return process, process.kill


@pytest.mark.slow
def test_a_worker_that_is_killed_in_each_model(
    pipeline: Pipeline, faulty: Pipeline, redshift_proxy: RedshiftProxy, world: World
) -> None:
    """A run for each, over new files, which dies before or after the model's COMMIT; no quiet run lies between."""
    views = {name for (name,) in pipeline.query("select table_name from svv_tables where table_type = 'VIEW'")}
    # A view that stands as it is defined is left alone, so there is no COMMIT of it.
    models = sorted({file.stem for file in (DBT_PROJECT / "models").rglob("*.sql")} - views)
    assert len(models) > 12
    for number, model in drawn([*enumerate(models)]):
        put_batch(pipeline, world)
        pipeline.land_all()
        process, kill = killed(faulty.models)
        redshift_proxy.calm()
        fault = redshift_proxy.add(text("^commit", f".{model}"), (At.BEFORE, At.AFTER)[number % 2], instead=kill)
        wait_for_the_kill(process)
        assert fault.injected == 1, model
    redshift_proxy.calm()
    assert run(pipeline)
    assert_sound(pipeline, world)


def wait_for_the_kill(process: BaseProcess) -> None:
    process.start()
    process.join(600)
    assert process.exitcode == -signal.SIGKILL


def runs(pipeline: Pipeline) -> list[tuple[Any, ...]]:
    return pipeline.query("select run_id, listens from landing.pipeline_runs order by started_at")


def published(pipeline: Pipeline) -> set[str]:
    listed = pipeline.s3.list_objects_v2(Bucket="kpi-artifacts").get("Contents", [])
    return {entry["Key"] for entry in listed if not entry["Key"].startswith("manifests/")}


def test_a_worker_that_is_killed_while_it_publishes(
    pipeline: Pipeline, faulty: Pipeline, redshift_proxy: RedshiftProxy, s3_proxy: S3Proxy, world: World
) -> None:
    """The KPIs are there already. Its next try, or the next run, publishes the pages whole and counts each run once."""
    put_batch(pipeline, world)
    pipeline.land_all()
    assert pipeline.models(run_id="killed").success
    built = kpis(pipeline)
    tasks = Tasks(faulty, patience=60)

    process, kill = killed(tasks.docs, "killed")
    s3_proxy.answer("PUT", "docs/manifest.json", then=kill)
    wait_for_the_kill(process)
    assert "docs/index.html" in published(pipeline) and "docs/catalog.json" not in published(pipeline)
    for call, arguments, statement, at, counted_runs in (
        (tasks.kpi_page, [], r"from analytics\.rejected_streams", At.DURING, 0),
        (tasks.figures, ["killed"], r"insert into landing\.pipeline_runs", At.DURING, 0),
        (tasks.figures, ["killed"], "^commit", At.AFTER, 1),
    ):
        process, kill = killed(call, *arguments)
        fault = redshift_proxy.add(text(statement), at, instead=kill)
        wait_for_the_kill(process)
        assert fault.injected == 1
        assert len(runs(pipeline)) == counted_runs
    assert "kpis/index.html" not in published(pipeline)
    assert kpis(pipeline) == built

    again = tasks.figures("killed")
    put_batch(pipeline, world)
    pipeline.land_all()
    assert pipeline.models(run_id="next").success
    tasks.docs("next")
    tasks.kpi_page()
    figures = tasks.figures("next")
    assert runs(pipeline) == [("killed", again["listens"]), ("next", figures["listens"])]
    files = {"docs/index.html", "docs/manifest.json", "docs/catalog.json", "kpis/index.html"}
    assert published(pipeline) == files
    assert_sound(pipeline, world)
