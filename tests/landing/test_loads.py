"""Loads of bounded size, and what Redshift's views may say of a COPY: late, otherwise, or without line numbers."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator

import pytest
from kpi_pipeline.landing import warehouse as landing_warehouse
from kpi_pipeline.landing.errors import LandingError, TransientLandingError, explain

from local.stack import Stack
from tests.faults.in_process import Pipeline

HEADER = "user_id,track_id,listen_time\n"
GOOD = "u1,t1,2024-06-25 10:00:00\n"
SONGS = "id,track_id,artists,track_name,popularity,duration_ms,track_genre\n"


@pytest.fixture
def quirks(stack: Stack) -> Iterator[Callable[..., None]]:
    """Let the emulator do what AWS leaves open; see its README."""
    file = stack.state / "redshift" / "load_log" / "quirks.json"
    yield lambda **wanted: file.write_text(json.dumps(wanted))
    file.unlink(missing_ok=True)


def ledger(pipeline: Pipeline) -> list[tuple[int, ...]]:
    rows = pipeline.query(
        "select line_count, landed_count, refused_line_count from landing.loaded_files order by batch_number, key"
    )
    return [tuple(map(int, row)) for row in rows]


def batches(pipeline: Pipeline) -> list[list[str]]:
    """The keys of each load, in the order of the loads."""
    found: dict[int, list[str]] = {}
    for number, key in pipeline.query("select batch_number, key from landing.loaded_files order by 1, 2"):
        found.setdefault(number, []).append(key.removeprefix(pipeline.prefix))
    return list(found.values())


# -- bounded loads ------------------------------------------------------------------------------------------------


def put_files(pipeline: Pipeline, *row_counts: int) -> None:
    for number, count in enumerate(row_counts):
        pipeline.put(f"streams{number}.csv", HEADER + GOOD * count)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, [["0", "1", "2", "3", "4"]]),
        ({"KPI_MAX_FILES_PER_LOAD": "2"}, [["0", "1"], ["2", "3"], ["4"]]),
        ({"KPI_MAX_FILES_PER_LOAD": "1"}, [["0"], ["1"], ["2"], ["3"], ["4"]]),
        ({"KPI_MAX_BYTES_PER_LOAD": "120"}, [["0", "1"], ["2"], ["3", "4"]]),
        ({"KPI_MAX_BYTES_PER_LOAD": "1"}, [["0"], ["1"], ["2"], ["3"], ["4"]]),
        ({"KPI_MAX_BYTES_PER_LOAD": "0", "KPI_MAX_FILES_PER_LOAD": "0"}, [["0", "1", "2", "3", "4"]]),
        ({"KPI_MAX_BYTES_PER_LOAD": "1000", "KPI_MAX_FILES_PER_LOAD": "4"}, [["0", "1"], ["2"], ["3", "4"]]),
    ],
)
def test_new_files_land_by_key_in_loads_of_at_most_so_much(
    pipeline: Pipeline, limits: dict[str, str], expected: list[list[str]]
) -> None:
    put_files(pipeline, 1, 1, 40, 1, 1)
    assert pipeline.land(**limits) == 44
    assert batches(pipeline) == [[f"streams{name}.csv" for name in load] for load in expected]
    assert pipeline.one("select count(distinct loaded_at) from landing.streams") == len(expected)
    assert pipeline.land(**limits) is None


def test_what_landed_stays_when_a_later_load_fails(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put_files(pipeline, 1, 2, 3)
    check, calls = landing_warehouse.Warehouse.check_row_count, []

    def fail_at_the_second(*arguments: object) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise TransientLandingError("The warehouse went away.")
        check(*arguments)

    monkeypatch.setattr(landing_warehouse.Warehouse, "check_row_count", fail_at_the_second)
    with pytest.raises(TransientLandingError):
        pipeline.land(KPI_MAX_FILES_PER_LOAD="1")
    assert batches(pipeline) == [["streams0.csv"]]
    assert "load 1 of 3 is committed" in caplog.text
    assert pipeline.land(KPI_MAX_FILES_PER_LOAD="1") == 5
    assert batches(pipeline) == [["streams0.csv"], ["streams1.csv"], ["streams2.csv"]]


# -- Redshift's views ---------------------------------------------------------------------------------------------


def test_a_file_read_in_parts_has_refused_lines_without_numbers(
    pipeline: Pipeline, quirks: Callable[..., None]
) -> None:
    quirks(split_bytes=100)
    pipeline.put("streams1.csv", HEADER + GOOD * 300 + "bad\nworse\nbad,bad,bad,bad\n")
    pipeline.put("streams2.csv", HEADER + GOOD + "bad\n")
    assert pipeline.land() == 301
    assert ledger(pipeline) == [(303, 300, 3), (2, 1, 1)]
    refused = pipeline.query("select line_number, reason, raw_line from landing.refused_lines order by 1, 2")
    assert [line[0] for line in refused] == [-1, -1, -1, 3]
    assert all(reason for _, reason, _ in refused)
    assert [line[2] or "" for line in refused] == ["", "", "", "bad"]


def test_too_many_lines_without_numbers_refuse_the_file(pipeline: Pipeline, quirks: Callable[..., None]) -> None:
    quirks(split_bytes=100)
    pipeline.put("streams1.csv", HEADER + GOOD * 300 + "bad\n" * 20)
    with pytest.raises(LandingError, match=r"20 of 320 lines can't be loaded.*the first is of an unknown line"):
        pipeline.land()
    assert pipeline.one("select count(*) from landing.refused_lines where is_rolled_back") == 20


def test_views_that_are_late_are_read_again(pipeline: Pipeline, quirks: Callable[..., None]) -> None:
    quirks(lag_seconds=2)
    pipeline.put("streams1.csv", HEADER + GOOD * 3 + "bad\n")
    pipeline.put("streams2.csv", HEADER + GOOD)
    assert pipeline.land() == 4
    assert ledger(pipeline) == [(4, 3, 1), (1, 1, 0)]


def test_views_that_stay_away_are_tried_again_later(
    pipeline: Pipeline, quirks: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing_warehouse, "VIEWS_LAG_SECONDS", 1.0)
    quirks(lag_seconds=600)
    pipeline.put("streams1.csv", HEADER + GOOD)
    with pytest.raises(TransientLandingError, match="system views do not show COPY"):
        pipeline.land()
    assert pipeline.one("select count(*) from landing.streams") == 0


def test_lines_that_are_counted_in_another_way_do_not_stop_a_load(
    pipeline: Pipeline, quirks: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    """AWS does not say whether a quoted line feed or a blank line counts: then each file has a COPY of its own."""
    quirks(counts_physical_lines=True)
    pipeline.put("streams1.csv", HEADER + '"u\n1",t1,2024-06-25 10:00:00\n' + GOOD + "\n\n")
    pipeline.put("streams2.csv", HEADER + GOOD * 2 + "bad\n")
    pipeline.put("streams3.csv.gz", gzip.compress((HEADER + GOOD + "\n").encode()))
    assert pipeline.land() == 5
    assert "Each file is now loaded by itself" in caplog.text
    assert ledger(pipeline) == [(2, 2, 0), (3, 2, 1), (1, 1, 0)]
    pipeline.put("songs.csv", SONGS + '1,t1,A,"two\nlines",50,1000,pop\n')
    assert pipeline.land("songs") == 1


# -- versions -----------------------------------------------------------------------------------------------------


def put_encrypted(pipeline: Pipeline, key: str, body: str) -> None:
    put = pipeline.s3.put_object
    put(Bucket="kpi-raw", Key=pipeline.prefix + key, Body=body.encode(), ServerSideEncryption="aws:kms")


@pytest.mark.parametrize("table", ["streams", "songs"])
def test_the_same_bytes_under_another_etag_land_once(pipeline: Pipeline, table: str) -> None:
    first, second = {
        "streams": (HEADER + GOOD, HEADER + GOOD * 2),
        "songs": (SONGS + "1,t1,A,N,50,1000,pop\n", SONGS + "1,t1,A,N,51,1000,pop\n2,t2,A,N,50,1000,pop\n"),
    }[table]
    key = f"{table}.csv"
    put_encrypted(pipeline, key, first)
    etag = pipeline.s3.head_object(Bucket="kpi-raw", Key=pipeline.prefix + key)["ETag"]
    assert pipeline.land(table) == 1
    put_encrypted(pipeline, key, first)
    assert pipeline.s3.head_object(Bucket="kpi-raw", Key=pipeline.prefix + key)["ETag"] != etag
    assert pipeline.land(table) is None
    put_encrypted(pipeline, key, second)
    assert pipeline.land(table) == 2
    assert pipeline.land(table) is None


def test_the_etag_that_copy_read_is_compared_and_s3_is_not_asked_again(
    landing_s3: Callable[[], list[str]], pipeline: Pipeline, quirks: Callable[..., None]
) -> None:
    put_files(pipeline, 1)
    assert pipeline.land() == 1
    assert "HeadObject" not in landing_s3()
    quirks(no_etags=True)
    pipeline.put("streams1.csv", HEADER + GOOD)
    assert pipeline.land() == 1
    assert "HeadObject" in landing_s3()


@pytest.fixture
def landing_s3(pipeline: Pipeline) -> Callable[[], list[str]]:
    """Return the operations that the pipeline has asked of S3 so far."""
    asked: list[str] = []
    pipeline.s3.meta.events.register("before-call.s3.*", lambda model, **_: asked.append(model.name))
    return lambda: asked


# -- errors -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        ('database "kpi" does not exist', "check the database of the Airflow connection"),
        ('user "etl" does not exist', "check the user of the Airflow connection"),
        ('role "analyst" does not exist', "bootstrap.sql"),
        ("function strtol(integer) does not exist", "correct the SQL that calls it"),
        ('column "batch_number" of relation "loaded_files" does not exist', "correct the SQL that names it"),
        ("column user.schema does not exist", "correct the SQL that names it"),
        ('schema "landing" does not exist', "check KPI_LANDING_SCHEMA and KPI_SCHEMA"),
        ('relation "landing.user column" does not exist', "run the task prepare"),
        ("Cannot COPY into nonexistent table streams", "run the task prepare"),
        ('cursor "c" does not exist', "make what the message names"),
    ],
)
def test_the_remedy_fits_what_does_not_exist(message: str, remedy: str) -> None:
    import redshift_connector

    explained = explain(redshift_connector.ProgrammingError({"M": message}))
    assert isinstance(explained, LandingError)
    assert remedy in str(explained)


@pytest.mark.parametrize(
    "fields",
    [
        {"M": "1018", "D": "Relation does not exist."},
        {"M": "ERROR: 1018 DETAIL: Relation does not exist."},
        {"M": "1023", "D": "Serializable isolation violation on table - 1, permission denied"},
    ],
)
def test_an_error_of_concurrency_passes_by_its_number(fields: dict[str, str]) -> None:
    import redshift_connector

    assert isinstance(explain(redshift_connector.ProgrammingError(fields)), TransientLandingError)
