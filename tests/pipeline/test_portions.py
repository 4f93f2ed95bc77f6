"""More work than one run takes: each run takes a portion, nothing is wrong in between, and the end is the same."""

from __future__ import annotations

from typing import Any

import pytest
from kpi_pipeline import portions

from local.stack import Stack
from tests.expected.kpis import compare
from tests.faults.in_process import Pipeline
from tests.faults.inbox import Inbox
from tests.faults.world import World, assert_sound, kpis

LIMITS = {"KPI_MAX_BYTES_PER_LOAD": "1500", "KPI_MAX_DAYS_PER_RUN": "2"}


@pytest.fixture
def limited(fresh_stack: Stack) -> Pipeline:
    pipeline = Pipeline.of(fresh_stack, **LIMITS)
    pipeline.prepare()
    return pipeline


def arrive(pipeline: Pipeline, world: World, batches: int) -> None:
    """Put the files of so many days and land them, each day a load of its own."""
    for _ in range(batches):
        for key, body in world.next_batch().items():
            pipeline.put(key, body)
        pipeline.land_all()


def left(pipeline: Pipeline) -> portions.Left:
    batches = pipeline.one("select count(distinct loaded_at) from analytics.int_batches_due where not is_taken")
    days = pipeline.one("select count(distinct listen_date) from analytics.int_days_due where not is_taken")
    return portions.Left(int(batches), int(days))


def run_until_nothing_is_left(pipeline: Pipeline) -> list[portions.Left]:
    """Build as often as there is work; the tests of each run hold."""
    seen = []
    while not seen or seen[-1]:
        assert len(seen) < 30
        assert_succeeds(pipeline.build())
        seen.append(left(pipeline))
    return seen


def assert_succeeds(result: Any) -> None:
    failed = [item.node.name for item in result.result.results if item.status in ("fail", "error")]
    assert result.success, failed


def days_built(pipeline: Pipeline) -> list[str]:
    rows = pipeline.query("select distinct listen_date from analytics.listening_kpis_daily order by 1")
    return [str(day) for (day,) in rows]


def test_portions_end_where_one_run_ends(limited: Pipeline) -> None:
    world = World(seed=11)
    arrive(limited, world, batches=3)
    seen = run_until_nothing_is_left(limited)
    assert seen[0].batches > 0
    assert [some.batches for some in seen] == sorted((some.batches for some in seen), reverse=True)
    assert len(seen) > 2
    assert_sound(limited, world)


@pytest.mark.slow
def test_readers_see_each_day_as_it_was_until_it_is_rebuilt(limited: Pipeline) -> None:
    world = World(seed=12)
    arrive(limited, world, batches=3)
    run_until_nothing_is_left(limited)
    # Late rows of days that were built, and more of them than one run takes.
    arrive(limited, world, batches=2)
    assert_succeeds(limited.build())
    assert left(limited)
    # The audit passes over what is left.
    assert_succeeds(limited.dbt("test", "--exclude", "test_type:unit", test_scope="everything"))
    run_until_nothing_is_left(limited)
    assert_sound(limited, world)

    before = kpis(limited)
    limited.ask(full_refresh=True)
    assert_succeeds(limited.build())
    assert left(limited).batches > 0
    assert kpis(limited) == before
    assert_succeeds(limited.dbt("test", "--exclude", "test_type:unit", test_scope="everything"))
    run_until_nothing_is_left(limited)
    assert compare(before, kpis(limited)) == []
    assert_sound(limited, world)


def test_the_newest_days_come_first_if_asked_for(fresh_stack: Stack) -> None:
    pipeline = Pipeline.of(fresh_stack, KPI_MAX_DAYS_PER_RUN="1", KPI_MAX_FILES_PER_LOAD="1", KPI_NEWEST_FIRST="true")
    pipeline.prepare()
    pipeline.put("songs.csv", "track_id,artists,track_name,popularity,duration_ms,track_genre\nt1,A,S,1,1,pop\n")
    pipeline.put("users.csv", "user_id,user_country\nu1,Peru\n")
    for day in (1, 2, 3):
        pipeline.put(f"streams/{day}.csv", f"user_id,track_id,listen_time\nu1,t1,2024-06-0{day} 10:00:00\n")
    pipeline.land_all()
    keys = pipeline.query("select key from landing.loaded_files where table_name = 'streams' order by batch_number")
    assert keys == [("streams/3.csv",), ("streams/2.csv",), ("streams/1.csv",)]
    built = []
    for _ in range(3):
        assert_succeeds(pipeline.build())
        built.append(days_built(pipeline))
    assert built == [
        ["2024-06-03"],
        ["2024-06-02", "2024-06-03"],
        ["2024-06-01", "2024-06-02", "2024-06-03"],
    ]
    assert not left(pipeline)


@pytest.mark.parametrize(
    ("run_id", "runs", "following"),
    [
        ("manual__1", ["manual__1"], "part_2__manual__1"),
        ("part_2__manual__1", ["manual__1", "part_2__manual__1"], "part_3__manual__1"),
        ("part_3__a", ["a", "part_2__a", "part_3__a"], "part_4__a"),
    ],
)
def test_a_chain_is_known_by_the_names_of_its_runs(run_id: str, runs: list[str], following: str) -> None:
    assert portions.chain(run_id) == runs
    assert portions.next_run_id(run_id) == following


@pytest.fixture
def inbox(fresh_stack: Stack) -> Inbox:
    return Inbox(fresh_stack.client_env())


@pytest.mark.slow
def test_a_run_of_the_dag_asks_for_the_next_one_and_tells_the_figures_once(
    fresh_stack: Stack, inbox: Inbox, tmp_path: Any
) -> None:
    world = World(seed=13)
    for _ in range(3):
        for key, body in world.next_batch().items():
            (tmp_path / key).parent.mkdir(exist_ok=True)
            (tmp_path / key).write_bytes(body)
    fresh_stack.put_raw(tmp_path)
    inbox.read()
    settings = {"KPI_ALERT_TOPIC_ARN": inbox.topic, "KPI_MAX_DAYS_PER_RUN": "2", "KPI_MAX_REJECT_SHARE": "1"}
    assert Stack(fresh_stack.state, settings=settings).run().state == "success"
    pipeline = Pipeline.of(fresh_stack)
    assert_sound(pipeline, world)
    runs = pipeline.query("select run_id, listens, days_rebuilt from landing.pipeline_runs order by started_at")
    assert [days for _, _, days in runs] == [2, 1]
    assert runs[1][0] == f"part_2__{runs[0][0]}"
    ((subject, text),) = inbox.read()
    assert subject.startswith("streaming_kpis succeeded")
    assert "days rebuilt: 3" in text and "runs: 2" in text
    assert f"listens: {len(world.classified(pipeline).listens)}" in text
