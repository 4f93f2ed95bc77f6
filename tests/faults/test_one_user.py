"""A million listens of one user through every model."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from local.stack import Stack
from tests.faults.in_process import Pipeline
from tests.faults.world import days_due

pytestmark = pytest.mark.slow

ROWS, TRACKS, DAYS = 1_000_000, 101, 7


def test_a_million_listens_of_one_user_are_each_counted_once(stack: Stack) -> None:
    stack.reset()
    pipeline = Pipeline.of(stack)
    pipeline.prepare()
    times = [str(datetime(2024, 6, 24) + timedelta(seconds=second)) for second in range(DAYS * 86_400)]
    rows = "".join(f"u1,t{number % TRACKS},{times[number % len(times)]}\n" for number in range(ROWS))
    songs = "".join(f"{number},t{number},Ann;Bob,Song {number},{number % 100},1000,pop\n" for number in range(TRACKS))
    pipeline.put("streams.csv", "user_id,track_id,listen_time\n" + rows)
    pipeline.put("songs.csv", "id,track_id,artists,track_name,popularity,duration_ms,track_genre\n" + songs)
    pipeline.put("users.csv", "user_id,user_country\nu1,Peru\n")
    pipeline.land_all()
    assert pipeline.models().success
    counts = "select landed_count, listen_count, duplicate_count, reject_count from analytics.stream_batches"
    assert pipeline.query(counts) == [(ROWS, ROWS, 0, 0)]
    for name in ("listening_kpis_daily", "listening_kpis_hourly", "genre_kpis_daily"):
        assert pipeline.one(f"select sum(listen_count) from analytics.{name}") == ROWS, name
    assert days_due(pipeline) == []
