"""A warehouse that an earlier version has filled gets the new columns and models, and the values by a rebuild."""

from __future__ import annotations

from typing import Any

import pytest

from local.stack import Stack
from tests.expected.kpis import compare
from tests.faults.in_process import Pipeline
from tests.faults.world import days_due, kpis

pytestmark = pytest.mark.slow

SONGS = (
    "id,track_id,artists,track_name,popularity,duration_ms,track_genre\n"
    "1,t1,Ann;Bo,One,50,1000,pop\n2,t2,Cy,Two,,999999999999999999,rock\n"
)
# Lengths that a file can have, and whose sum is above what a bigint holds.
LONG = "".join(f"u{number},t2,2024-06-24 11:00:00\n" for number in range(10))
OLD = f"user_id,track_id,listen_time\nu1,t1,2024-06-24 10:00:00\n{LONG}"
NEW = "user_id,track_id,listen_time\nu2,t1,2024-06-25 10:00:00\nu2,gone,2024-06-25 10:10:00\n"
ADDED_COLUMNS = {
    "listening_kpis_daily": ("total_duration_ms",),
    "listening_kpis_hourly": ("total_duration_ms",),
    "genre_kpis_daily": ("genre_rank", "total_duration_ms"),
}
ADDED_MODELS = ("top_tracks_per_genre_daily", "top_artists_per_hour")


def failures(done: Any) -> list[str]:
    return [result.message for result in done.result.results if result.status not in ("success", "pass", "warn")]


def test_columns_and_models_are_added_where_the_tables_are(fresh_stack: Stack) -> None:
    pipeline = Pipeline.of(fresh_stack)
    pipeline.prepare()
    pipeline.put("songs.csv", SONGS)
    pipeline.put("users.csv", "user_id,user_country\nu1,Peru\n")
    pipeline.put("streams/1.csv", OLD)
    pipeline.land_all()
    assert pipeline.models().success
    right = kpis(pipeline)
    assert right["listening_kpis_daily"][0][-1] == 10 * 999_999_999_999_999_999 + 1000
    for table, columns in ADDED_COLUMNS.items():
        for column in columns:
            pipeline.query(f"alter table analytics.{table} drop column {column}")
    for model in ADDED_MODELS:
        pipeline.query(f"drop table analytics.{model}")
        pipeline.query("delete from analytics.day_builds where model_name = %s", model)

    pipeline.query("insert into landing.pipeline_runs values ('earlier', sysdate, sysdate, 0, 0, 0, 0, 0, 0, 0, 0)")
    pipeline.put("streams/2.csv", NEW)
    pipeline.land_all()
    done = pipeline.build(test_scope="run")
    assert done.success, failures(done)
    for model in ADDED_MODELS:
        days = pipeline.query(f"select distinct listen_date from analytics.{model}")
        assert len(days) == 2, "a new model fills itself with the history"
    for table, columns in ADDED_COLUMNS.items():
        (column, *_) = columns
        rows = f"select {column} is null from analytics.{table} where listen_date = date '2024-06-24'"
        assert {is_null for (is_null,) in pipeline.query(rows)} == {True}

    rule = "genre_kpis_daily_ranks_have_no_gap_and_follow_the_listens"
    assert not pipeline.dbt("test", "--select", rule, test_scope="everything").success, "as CHANGELOG.md says"

    pipeline.ask(rebuild_from="2024-06-24", rebuild_to="2024-06-24")
    done = pipeline.build()
    assert done.success, failures(done)
    rebuilt = {name: [row for row in rows if "2024-06-24" in str(row[0])] for name, rows in kpis(pipeline).items()}
    assert compare(right, rebuilt, 0) == []
    assert days_due(pipeline) == []
    assert pipeline.dbt("test", "--select", rule, test_scope="everything").success
    done = pipeline.dbt("test", "--select", "test_type:unit")
    assert done.success, failures(done)
