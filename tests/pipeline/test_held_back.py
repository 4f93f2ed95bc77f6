"""A test that fails holds the KPIs back: in its own run, and in every later one until somebody has mended it."""

import pytest

from tests.faults.in_process import Pipeline
from tests.pipeline.warehouse import KPIS, kpi_tables

SONGS = "id,track_id,artists,track_name,popularity,duration_ms,track_genre\n1,t1,Ann,One,50,1000,pop\n"
USERS = "user_id,user_country\nu1,Peru\n"


def streams(*rows: str) -> str:
    return "user_id,track_id,listen_time\n" + "".join(f"{row}\n" for row in rows)


@pytest.fixture
def pipeline(fresh_stack):
    pipeline = Pipeline.of(fresh_stack)
    pipeline.prepare()
    pipeline.put("songs.csv", SONGS)
    pipeline.put("users.csv", USERS)
    pipeline.put("streams/1.csv", streams("u1,t1,2024-06-24 10:00:00", "u1,t1,2024-06-25 10:00:00"))
    pipeline.land_all()
    assert pipeline.build().success
    pipeline.query("insert into landing.pipeline_runs values ('first', sysdate, sysdate, 0, 0, 0, 0, 0, 0, 0, 0)")
    return pipeline


def failed(result) -> set[str]:
    return {outcome.node.name for outcome in result.result.results if outcome.status in ("fail", "error")}


def test_a_lost_row_holds_the_kpis_back_until_it_is_accounted_for(pipeline, fresh_stack):
    before = kpi_tables(fresh_stack)
    # A second version of a file: what the first one had already is no new listen.
    again = ("u1,t1,2024-06-24 10:00:00", "u1,t1,2024-06-25 10:00:00")
    pipeline.put("streams/1.csv", streams(*again, "u2,t1,2024-06-25 11:00:00", "u3,t1,2024-06-25 12:00:00"))
    pipeline.land("streams")
    # One row fewer than the ledger says: as if a row had got lost on the way.
    pipeline.query("delete from landing.streams where user_id = 'u3'")
    for _ in range(2):
        assert "every_landed_row_is_a_listen_a_duplicate_or_a_reject" in failed(pipeline.build())
        assert kpi_tables(fresh_stack) == before
    pipeline.query(
        "insert into landing.streams (user_id, track_id, listen_time, loaded_at)"
        " select 'u3', 't1', '2024-06-25 12:00:00', max(loaded_at) from landing.streams"
    )
    assert pipeline.build().success
    after = dict((row[0], row[1:]) for row in kpi_tables(fresh_stack)["listening_kpis_daily"])
    assert [listens for listens, *_ in after.values()] == [1, 3]
    batches = "select landed_count, listen_count, duplicate_count from analytics.stream_batches order by loaded_at"
    assert pipeline.query(batches) == [(2, 2, 0), (4, 2, 2)]
    ledger = "select key, landed_count from landing.loaded_files where table_name = 'streams' order by loaded_at"
    assert pipeline.query(ledger) == [("streams/1.csv", 2), ("streams/1.csv", 4)]


def test_a_kpi_that_fails_its_test_fails_the_next_run_too(pipeline):
    pipeline.query("update analytics.day_builds set built_at = sysdate")
    pipeline.query("update analytics.genre_kpis_daily set listen_share = 0.5 where listen_date = '2024-06-24'")
    for _ in range(2):
        failures = failed(pipeline.build())
        assert any(name.startswith("genre_kpis_daily_shares_of_a_day") for name in failures)
    pipeline.ask(rebuild_from="2024-06-24", rebuild_to="2024-06-24")
    assert pipeline.build().success


def test_a_built_day_whose_rows_got_lost_is_found_in_each_kpi(pipeline):
    for kpi in KPIS:
        day = "listen_date = '2024-06-24'"
        pipeline.query(f"create table analytics.kept as select * from analytics.{kpi} where {day}")
        pipeline.query(f"delete from analytics.{kpi} where {day}")
        lost = failed(pipeline.dbt("test", "--select", "test_type:singular", test_scope="everything"))
        assert any(name.startswith("assert_") for name in lost), kpi
        pipeline.query(f"insert into analytics.{kpi} select * from analytics.kept")
        pipeline.query("drop table analytics.kept")
    assert pipeline.dbt("test", "--select", "test_type:singular", test_scope="everything").success


def test_a_new_kpi_that_fills_itself_with_history_passes_beside_the_others(pipeline):
    """It is built for every day, they are built for one: what compares them has to look at the same days of both."""
    for kpi in ("genre_kpis_daily", "listening_kpis_hourly", "top_artists_per_hour"):
        pipeline.query(f"drop table analytics.{kpi}")
        pipeline.query("delete from analytics.day_builds where model_name = %s", kpi)
    pipeline.put("streams/2.csv", streams("u2,t1,2024-06-26 11:00:00"))
    pipeline.land("streams")
    assert failed(pipeline.build()) == set()
    days = "select count(distinct listen_date) from analytics.listening_kpis_hourly"
    assert pipeline.one(days) == 3


def test_a_run_does_not_look_at_what_an_earlier_successful_run_has_tested(pipeline):
    """Its cost follows the rows that arrive; the weekly audit looks at everything."""
    pipeline.query("update analytics.genre_kpis_daily set listen_share = 0.5 where listen_date = '2024-06-24'")
    assert pipeline.build().success
    failures = failed(pipeline.build(test_scope="everything"))
    assert any(name.startswith("genre_kpis_daily_shares_of_a_day") for name in failures)


def test_refreshing_a_model_alone_that_would_lose_history_is_refused(pipeline, fresh_stack):
    pipeline.put("streams/2.csv", streams("u2,t1,2024-06-26 11:00:00"))
    pipeline.land("streams")
    assert pipeline.build().success
    before = kpi_tables(fresh_stack)
    refused = pipeline.models("--full-refresh", "--select", "fct_listens")
    assert not refused.success
    message = refused.result.results[-1].message
    assert "fct_listens would lose 1 batches" in message and "'+fct_listens'" in message
    assert pipeline.models("--full-refresh", "--select", "+fct_listens").success
    assert kpi_tables(fresh_stack) == before
    assert pipeline.one("select count(*) from analytics.fct_listens") == 3
