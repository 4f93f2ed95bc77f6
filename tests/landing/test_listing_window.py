"""A run may list the newest days only, and no file is missed for that: it lands a day later at most."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from kpi_pipeline.landing.errors import LandingError

from tests.faults.in_process import Pipeline

HEADER = "user_id,track_id,listen_time\n"
LINE = "u{},t1,2024-06-24 10:00:00\n"
WINDOW = {"KPI_LISTING_WINDOW_DAYS": "3"}


def put(pipeline: Pipeline, key: str, *users: int) -> None:
    pipeline.put(key, HEADER + "".join(LINE.format(user) for user in users))


def landed_keys(pipeline: Pipeline) -> list[str]:
    rows = pipeline.query("select key from landing.loaded_files order by key")
    return [key.removeprefix(pipeline.prefix) for (key,) in rows]


def a_day_passes(pipeline: Pipeline) -> None:
    pipeline.query("update landing.whole_listings set listed_at = dateadd(hour, -24, listed_at)")


@pytest.fixture
def listed(pipeline: Pipeline) -> Pipeline:
    """An old file has landed, with a listing of everything."""
    put(pipeline, "streams/2024-06-24/a.csv", 1)
    assert pipeline.land(**WINDOW) == 1
    return pipeline


def test_a_late_file_under_an_old_key_lands_with_the_next_whole_listing(listed: Pipeline) -> None:
    put(listed, "streams/2024-06-23/late.csv", 2, 3)
    assert listed.land(**WINDOW) is None
    a_day_passes(listed)
    assert listed.land(**WINDOW) == 2
    assert listed.land(**WINDOW) is None
    assert listed.one("select count(*) from landing.streams") == 3


def test_a_file_replaced_under_an_old_key_lands_with_the_next_whole_listing(listed: Pipeline) -> None:
    put(listed, "streams/2024-06-24/a.csv", 1, 2)
    assert listed.land(**WINDOW) is None
    a_day_passes(listed)
    assert listed.land(**WINDOW) == 2
    assert landed_keys(listed) == ["streams/2024-06-24/a.csv"] * 2


def test_keys_of_the_window_and_keys_that_sort_after_dates_land_at_once(listed: Pipeline) -> None:
    today = datetime.now(UTC).date()
    first = today - timedelta(days=3)
    put(listed, f"streams/{today}/b.csv", 2)
    put(listed, f"streams/{first}/b.csv", 3)
    put(listed, "streams/part-1.csv", 4)
    assert listed.land(**WINDOW) == 3


def test_keys_that_sort_before_dates_land_with_the_next_whole_listing(listed: Pipeline) -> None:
    put(listed, "streams.csv", 2)
    put(listed, "streams-of-june.csv", 3)
    assert listed.land(**WINDOW) is None
    a_day_passes(listed)
    assert listed.land(**WINDOW) == 2


def test_without_the_setting_every_run_lists_everything(listed: Pipeline) -> None:
    put(listed, "streams/2024-06-23/late.csv", 2, 3)
    assert listed.land() == 2


def test_a_whole_listing_whose_files_were_refused_is_not_taken_for_done(pipeline: Pipeline) -> None:
    pipeline.put("streams/2024-06-23/bad.csv", "nothing\n")
    put(pipeline, "streams/2024-06-24/a.csv", 1)
    with pytest.raises(LandingError):
        pipeline.land(**WINDOW)
    put(pipeline, "streams/2024-06-23/bad.csv", 2)
    assert pipeline.land(**WINDOW) == 1
    assert landed_keys(pipeline) == ["streams/2024-06-23/bad.csv", "streams/2024-06-24/a.csv"]
