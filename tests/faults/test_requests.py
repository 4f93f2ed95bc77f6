"""What a run was asked for is done in the end, whatever fails, and a batch can be taken any number of times."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from local.stack import Stack
from tests.faults.airflow_tasks import Tasks
from tests.faults.in_process import Pipeline
from tests.faults.redshift_proxy import At, RedshiftProxy, Statement, text
from tests.faults.world import days_due, drawn, kpis
from tests.pipeline.warehouse import KPIS

SONGS = "id,track_id,artists,track_name,popularity,duration_ms,track_genre\n1,t1,Ann;Bo,One,50,1000,pop\n"
HEADER = "user_id,track_id,listen_time\n"
GONE = date(2024, 7, 9)
LEDGER_RULE = "assert_listens_belong_to_a_batch_of_the_ledger"
KPI_MODELS = tuple(sorted(KPIS))
# The order in which one dbt process with one thread builds them.
MODELS = (
    *"int_batches_due int_streams_due dim_users fct_listens dim_songs int_track_artists duplicate_streams".split(),
    *("rejected_streams", "stream_batches", "int_days_due", *KPI_MODELS),
)


def streams(*rows: str) -> str:
    return HEADER + "".join(f"{row}\n" for row in rows)


@pytest.fixture
def built(fresh_stack: Stack) -> Pipeline:
    """A batch that is right, and one of a wrong file on a day of its own; both are built."""
    pipeline = Pipeline.of(fresh_stack)
    pipeline.prepare()
    pipeline.put("songs.csv", SONGS)
    pipeline.put("users.csv", "user_id,user_country\nu1,Peru\n")
    pipeline.put("streams/1.csv", streams("u1,t1,2024-07-01 10:00:00", "u1,t1,2024-07-02 10:00:00"))
    pipeline.land_all()
    assert pipeline.models().success
    pipeline.put("streams/wrong.csv", streams(f"u1,t1,{GONE} 10:00:00", "u1,t1,2024-07-02 11:00:00"))
    pipeline.land_all()
    assert pipeline.models().success
    return pipeline


def take_out_the_wrong_batch(pipeline: Pipeline) -> None:
    """As the runbook says, and the file is gone from the bucket."""
    wrong = pipeline.one("select loaded_at from landing.loaded_files where key = 'streams/wrong.csv'")
    for table in ("streams", "loaded_files"):
        pipeline.query(f"delete from landing.{table} where loaded_at = %s", wrong)
    pipeline.s3.delete_object(Bucket="kpi-raw", Key="streams/wrong.csv")


def days_of(pipeline: Pipeline) -> dict[str, set[Any]]:
    column = {"listening_kpis_hourly": "cast(listen_hour as date)"}
    tables = ("fct_listens", *KPI_MODELS)
    return {
        name: {row[0] for row in pipeline.query(f"select {column.get(name, 'listen_date')} from analytics.{name}")}
        for name in tables
    }


def versions(pipeline: Pipeline) -> dict[date, int]:
    return dict(pipeline.query("select listen_date, version from analytics.day_versions"))


def test_a_full_refresh_outlives_a_run_that_fails_while_it_lands(built: Pipeline) -> None:
    take_out_the_wrong_batch(built)
    tasks = Tasks(built)
    tasks.prepare(run_id="asked", full_refresh=True)
    built.put("songs.csv", SONGS.replace("artists", "singers"))
    with pytest.raises(AirflowFailException, match="singers"):
        tasks.land("songs")

    built.put("songs.csv", SONGS)
    tasks.prepare(run_id="next")
    built.land_all()
    assert built.models(run_id="next").success
    kept = {date(2024, 7, 1), date(2024, 7, 2)}
    assert days_of(built) == dict.fromkeys(("fct_listens", *KPI_MODELS), kept)
    assert built.query("select run_id, carried_out_by from landing.requests") == [("asked", "next")]


def test_a_rebuild_outlives_a_run_that_fails_while_it_lands(built: Pipeline) -> None:
    before = versions(built)
    asked = {"rebuild_from": "2024-07-02", "rebuild_to": "2024-07-02"}
    Tasks(built).prepare(run_id="asked", **asked)
    Tasks(built).prepare(run_id="asked", **asked)  # a retry of the task asks once
    assert built.models().success
    raised = {day: version - before[day] for day, version in versions(built).items()}
    assert raised == {date(2024, 7, 1): 0, date(2024, 7, 2): 1, GONE: 0}
    assert built.one("select count(*) from landing.requests") == 1


@pytest.mark.slow
def test_a_full_refresh_that_is_interrupted_at_each_model_ends_like_an_undisturbed_one(
    built: Pipeline, faulty: Pipeline, redshift_proxy: RedshiftProxy
) -> None:
    take_out_the_wrong_batch(built)
    built.ask(full_refresh=True)
    for number, model in drawn([*enumerate(MODELS)]):
        redshift_proxy.calm()
        fault = redshift_proxy.add(text("^commit", f".{model}"), (At.BEFORE, At.AFTER)[number % 2])
        assert not faulty.models().success
        assert fault.injected == 1, model
    redshift_proxy.calm()
    assert built.models().success
    kept = {date(2024, 7, 1), date(2024, 7, 2)}
    assert days_of(built) == dict.fromkeys(("fct_listens", *KPI_MODELS), kept)
    interrupted = kpis(built)
    built.ask(full_refresh=True)
    assert built.models().success
    assert kpis(built) == interrupted


def test_a_batch_that_was_taken_out_fails_the_run_until_a_full_refresh(built: Pipeline) -> None:
    take_out_the_wrong_batch(built)
    for scope in ("run", "everything"):
        assert not built.dbt("test", "--select", LEDGER_RULE, test_scope=scope).success, scope
    built.ask(full_refresh=True)
    assert built.models().success
    assert built.dbt("test", "--select", LEDGER_RULE).success


def test_a_listen_of_no_batch_fails_the_run_and_the_audit(built: Pipeline) -> None:
    built.query("update analytics.fct_listens set loaded_at = '2020-01-01' where listen_date = '2024-07-01'")
    for scope in ("run", "everything"):
        assert not built.dbt("test", "--select", LEDGER_RULE, test_scope=scope).success, scope


def test_a_batch_is_taken_again_also_where_nothing_is_left_of_it(built: Pipeline) -> None:
    built.put("streams/2.csv", streams("u1,t1,2024-07-03 10:00:00", "u1,t1,yesterday", "u1,t1,2024-07-01 10:00:00"))
    built.land("streams")
    assert built.models("--select", "+stream_batches").success
    batch = built.one("select max(loaded_at) from landing.streams")
    counts = "select listen_count, duplicate_count, reject_count, main_reject_reason from analytics.stream_batches"
    counts += f" where loaded_at = '{batch}'"
    assert built.query(counts) == [(1, 1, 1, "malformed listen_time")]

    corrected = f"update landing.streams set listen_time = %s where loaded_at = '{batch}' and listen_time = %s"
    built.query(corrected, "2024-07-03 11:00:00", "yesterday")
    built.query(corrected, "2024-07-04 10:00:00", "2024-07-01 10:00:00")
    assert built.models().success
    assert built.query(counts) == [(3, 0, 0, None)]
    for table in ("duplicate_streams", "rejected_streams"):
        assert built.one(f"select count(*) from analytics.{table} where loaded_at = '{batch}'") == 0


def test_a_listen_that_moves_to_another_day_leaves_its_old_one(built: Pipeline) -> None:
    built.put("streams/2.csv", streams("u1,t1,2024-07-03 10:00:00"))
    built.land("streams")
    assert built.models("--select", "+stream_batches").success
    built.query("update landing.streams set listen_time = '2024-07-04 10:00:00' where listen_time like '2024-07-03%%'")
    assert built.models().success
    assert {date(2024, 7, 4)} == days_of(built)["listening_kpis_daily"] - {date(2024, 7, 1), date(2024, 7, 2), GONE}
    assert days_due(built) == []


def test_the_batch_that_was_committed_first_owns_a_listen(built: Pipeline) -> None:
    """Its time may be the later one; a full refresh gives the listen to the same batch."""
    again = "u1,t1,2024-07-05 10:00:00"
    first = built.one("select sysdate")
    for at, number in ((first, 3), (first - timedelta(minutes=1), 4)):
        built.query("insert into landing.streams values (%s, %s, %s, %s)", *again.split(","), at)
        built.query(
            "insert into landing.loaded_files values ('streams', %s, 'e', 1, 1, 1, 0, %s, 1, 'r', %s)",
            f"streams/{number}.csv",
            at,
            number,
        )
        assert built.models().success
    owner = "select loaded_at from analytics.fct_listens where listen_date = '2024-07-05'"
    assert built.query(owner) == [(first,)]
    built.ask(full_refresh=True)
    assert built.models().success
    assert built.query(owner) == [(first,)]


def test_the_newest_version_of_a_file_is_that_of_the_latest_load(built: Pipeline) -> None:
    """A namespace that was restored from a snapshot may count its queries from a lower number."""
    built.put("songs.csv", SONGS.replace("One", "Two"))
    assert built.land("songs") == 1
    built.query("update landing.loaded_files set copy_id = 1000 - batch_number where table_name = 'songs'")
    assert built.land("songs") is None


def test_a_file_of_times_in_another_form_fails_the_run(built: Pipeline) -> None:
    built.put("streams/2.csv", streams(*(f"u{number},t1,{1719300000 + number}" for number in range(300))))
    built.land("streams")
    rule = "stream_batches_rejects_are_few"
    for _ in range(2):
        found = built.build("--select", "+stream_batches")
        assert rule in {item.node.name for item in found.result.results if item.status == "fail"}
    assert built.one("select main_reject_reason from analytics.stream_batches where reject_count = 300")
    shown = built.dbt("show", "--select", rule, "--limit", "5").result.results[0].agate_table
    found = shown.rows[0]
    assert (found["main_reject_reason"], int(found["reject_count"])) == ("malformed listen_time", 300)


@pytest.mark.slow
def test_views_that_people_made_stay(built: Pipeline) -> None:
    relations = built.query("select table_name from svv_tables where table_schema = 'analytics'")
    models = sorted(name for (name,) in relations if name != "view_definitions")
    assert {"dim_users", "int_listens_with_songs", "int_streams_due", "stg_songs", "fct_listens"} <= set(models)
    built.query("create schema ana")
    for name in models:
        built.query(f"create view ana.on_{name} as select * from analytics.{name}")
    built.put("songs.csv", SONGS + "2,t2,Cy,Two,60,1000,rock\n")
    built.put("users.csv", "user_id,user_country\nu1,Chad\nu2,Peru\n")
    built.put("streams/2.csv", streams("u2,t2,2024-07-03 10:00:00"))
    for asked in ({}, {"rebuild_from": "2024-07-01"}, {"full_refresh": True}):
        built.ask(**asked)
        built.land_all()
        assert built.models().success
        for name in models:
            built.query(f"select count(*) from ana.on_{name}")
    assert built.query("select user_country from ana.on_dim_users order by user_id") == [("Chad",), ("Peru",)]


@pytest.mark.slow
@pytest.mark.parametrize("place", ["the next statement", "^commit"])
def test_an_error_after_the_write_fails_the_model_and_leaves_its_work_due(
    built: Pipeline, faulty: Pipeline, redshift_proxy: RedshiftProxy, place: str
) -> None:
    """dbt-redshift's own retry would go on in a new transaction, without the rows, and record them as built."""
    songs = SONGS
    for number, model in enumerate(drawn(MODELS), start=10):
        day = date(2024, 7, number)
        songs += f"{number},t{number},Cy,Song {number},60,1000,rock\n"
        built.put(
            f"streams/{number}.csv",
            streams(f"u2,t1,{day} 10:00:00", f"u1,t1,{GONE} 10:00:00", f"u{number},,{day} 10:00:00"),
        )
        built.put("songs.csv", songs)
        built.put("users.csv", f"user_id,user_country\nu1,Peru\nu{number},Chad\n")
        built.land_all()
        fault = redshift_proxy.add(
            after_the_write_of(model, place), At.ERROR, "could not open relation with OID 100123"
        )
        result = faulty.models()
        redshift_proxy.calm()
        assert fault.injected == 1 and not result.success, model
        # As the task's retry, and the tasks that follow it.
        assert built.models("--select", f"{model}+").success
        assert days_due(built) == [], model
        assert all(day in days for days in days_of(built).values()), model
    assert built.one("select count(*) from analytics.dim_songs") == len(songs.splitlines()) - 1


def after_the_write_of(model: str, place: str) -> Callable[[Statement], bool]:
    """Match the first statement of a model that follows its INSERT or MERGE, or the COMMIT that ends them."""
    if place == "^commit":
        return text(place, f".{model}")
    writes = text(rf'(insert|merge) into "dev"\."analytics"\."{model}"', f".{model}")
    written: list[Statement] = []

    def follows(statement: Statement) -> bool:
        if written:
            return statement.node.endswith(f".{model}")
        if writes(statement):
            written.append(statement)
        return False

    return follows
