"""Each kind of malformed input has one outcome: landed, rejected with a reason, a refused line, or a refused file."""

from __future__ import annotations

import gzip
import re
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kpi_pipeline.landing.errors import LandingError

from tests.faults.in_process import Pipeline
from tests.landing.cases import CASES, GOOD, HEADER, Case, Ignored, Landed, RefusedFile


def test_there_are_at_least_sixty_kinds() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 60


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_outcome(pipeline: Pipeline, case: Case) -> None:
    pipeline.put(case.key, case.body)
    expected = case.expected
    if isinstance(expected, RefusedFile):
        with pytest.raises(LandingError) as refusal:
            pipeline.land()
        assert_one_sentence(str(refusal.value), pipeline.prefix + case.key, expected.words)
        assert pipeline.one("select count(*) from landing.streams") == 0
        assert pipeline.one("select count(*) from landing.loaded_files") == 0
        assert pipeline.query("select count(*), min(is_rolled_back::int) from landing.refused_lines")[0][0] == (
            expected.refused
        )
        return
    landed = pipeline.land()
    if isinstance(expected, Ignored):
        assert landed is None
        return
    assert landed == expected.rows == pipeline.one("select count(*) from landing.streams")
    rejects = pipeline.query(
        "select reject_reason, count(*) from analytics.stg_streams where reject_reason is not null group by 1"
    )
    assert dict(rejects) == expected.rejects
    lines = pipeline.query("select line_number, reason, raw_line, key from landing.refused_lines order by 1")
    assert tuple(line[0] for line in lines) == expected.refused
    assert_accounts(pipeline, case, expected)
    content = case.body.encode() if isinstance(case.body, str) else case.body
    content = gzip.decompress(content) if case.key.lower().endswith(".gz") else content
    for number, reason, raw_line, key in lines:
        original = content.split(b"\n")[number - 1]
        assert raw_line == original[:16_000].decode(errors="backslashreplace").replace("\0", "\\x00")
        assert key == pipeline.prefix + case.key
        assert expected.reason.lower() in reason.lower()
    assert pipeline.land() is None


def assert_one_sentence(sentence: str, key: str, words: str) -> None:
    assert words in sentence
    assert f"s3://kpi-raw/{key}" in sentence
    assert "\n" not in sentence and "Traceback" not in sentence
    assert sentence.endswith(".")


def assert_accounts(pipeline: Pipeline, case: Case, expected: Landed) -> None:
    """Lines in the file = rows landed + lines refused."""
    counts = pipeline.query("select line_count, landed_count, refused_line_count, size_bytes from landing.loaded_files")
    size = len(case.body.encode() if isinstance(case.body, str) else case.body)
    refused = len(expected.refused)
    assert [tuple(map(int, row)) for row in counts] == [(expected.rows + refused, expected.rows, refused, size)]


def test_a_listen_within_a_day_of_loading_is_none_of_the_future(pipeline: Pipeline) -> None:
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    times = [now + timedelta(hours=23), now + timedelta(hours=25)]
    pipeline.put("streams.csv", HEADER + "".join(f"u1,t1,{at}\n" for at in times))
    pipeline.land()
    reasons = pipeline.query("select reject_reason from analytics.stg_streams order by listen_time_text")
    assert reasons == [(None,), ("listen_time in the future",)]


def test_ten_refused_lines_of_a_small_file_let_the_rest_in_and_eleven_do_not(pipeline: Pipeline) -> None:
    pipeline.put("streams1.csv", HEADER + GOOD + "bad\n" * 10)
    assert pipeline.land() == 1
    pipeline.put("streams2.csv", HEADER + GOOD + "bad\n" * 11)
    with pytest.raises(LandingError, match=r"streams2\.csv: 11 of 12 lines"):
        pipeline.land()


def test_one_percent_of_a_large_file_let_the_rest_in_and_more_do_not(pipeline: Pipeline) -> None:
    pipeline.put("streams1.csv", HEADER + GOOD * 1980 + "bad\n" * 20)
    assert pipeline.land() == 1980
    pipeline.put("streams2.csv", HEADER + GOOD * 1979 + "bad\n" * 21)
    with pytest.raises(LandingError, match=r"streams2\.csv: 21 of 2000 lines"):
        pipeline.land()
    kept = pipeline.query("select is_rolled_back, count(*) from landing.refused_lines group by 1 order by 1")
    assert kept == [(False, 20), (True, 21)]


def put_five_of_which_one_is_good(pipeline: Pipeline) -> None:
    pipeline.put("streams1.csv", "")
    pipeline.put("streams2.csv", "x\n")
    pipeline.put("streams3.csv", HEADER + GOOD)
    pipeline.put("streams4.csv", HEADER + GOOD + "bad\n" * 20)
    pipeline.put("streams5.csv.gz", gzip.compress((HEADER + GOOD).encode())[:-4])


@pytest.mark.parametrize("limit", ["0", "1", "2"])
def test_refused_files_keep_no_other_out_and_each_is_named(pipeline: Pipeline, limit: str) -> None:
    put_five_of_which_one_is_good(pipeline)
    with pytest.raises(LandingError) as refusal:
        pipeline.land(KPI_MAX_FILES_PER_LOAD=limit)
    sentence = str(refusal.value)
    assert "4 streams files are refused, and the other 1 landed: " in sentence
    for number, words in (
        (1, "is empty"),
        (2, "has the column 'x'"),
        (4, ": 20 of 21 lines"),
        (5, "is a gzip file that breaks off"),
    ):
        assert re.search(rf"s3://kpi-raw/{pipeline.prefix}streams{number}\.csv[.gz]* ?{words}", sentence), sentence
    assert pipeline.one("select count(*) from landing.streams") == 1
    assert pipeline.query("select key, landed_count from landing.loaded_files") == [
        (f"{pipeline.prefix}streams3.csv", 1)
    ]
    with pytest.raises(LandingError, match="4 streams files are refused, and no other file was new"):
        pipeline.land()


def test_refused_files_move_to_the_quarantine_if_a_setting_says_so(pipeline: Pipeline) -> None:
    put_five_of_which_one_is_good(pipeline)
    place = f"{pipeline.prefix}quarantine"
    with pytest.raises(LandingError, match=rf"Moved to s3://kpi-raw/{place}/streams1\.csv"):
        pipeline.land(KPI_QUARANTINE_PREFIX=place)
    objects = pipeline.s3.list_objects_v2(Bucket="kpi-raw", Prefix=pipeline.prefix)["Contents"]
    assert [entry["Key"].removeprefix(pipeline.prefix) for entry in objects] == [
        *(f"quarantine/streams{number}.csv" for number in (1, 2, 4)),
        "quarantine/streams5.csv.gz",
        "streams3.csv",
    ]
    landing = pipeline.landing(KPI_QUARANTINE_PREFIX=place)
    assert (landing.rows, landing.ignored_count) == (None, 0)


def test_objects_that_look_like_data_are_told(pipeline: Pipeline) -> None:
    looks = [
        "streams/b.zip",
        "streams2.tsv",
        "users.parquet",
        "x/songs",
        "Data.JSON",
        "streams/a.csv.bak",
        "a/b.csv.gz",
    ]
    for key in (*looks, "streams.csv", "songs.csv", "readme.md", "streams/", "x/y.csv"):
        pipeline.put(key, "" if key.endswith("/") else HEADER + GOOD)
    landing = pipeline.landing()
    assert landing.rows == 1
    assert sorted(landing.ignored) == sorted(pipeline.prefix + key for key in looks)
    assert landing.ignored_count == len(looks)


def test_one_line_of_100_mb_beside_a_refused_line(pipeline: Pipeline, tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.write((HEADER + GOOD + "bad\n").encode())
        for _ in range(100):
            file.write(b"x" * 1_000_000)
        file.write(f"\n{GOOD}".encode())
    pipeline.s3.upload_file(str(tmp_path / "large"), "kpi-raw", f"{pipeline.prefix}streams.csv")
    assert pipeline.land() == 2
    lines = pipeline.query("select line_number, len(raw_line) from landing.refused_lines order by 1")
    assert lines == [(3, 3), (4, 16_000)]


@pytest.mark.parametrize("order", [("songs.csv", "songs.csv.gz"), ("songs.csv.gz", "Songs.CSV")])
def test_of_two_files_of_a_snapshot_the_newest_one_counts(pipeline: Pipeline, order: tuple[str, str]) -> None:
    # S3 tells times to the second, and it is the hard case that both are put in one.
    time.sleep(1 - time.time() % 1)
    for number, key in enumerate(order):
        body = f"{SONGS}1,t1,A,Name {number},50,1000,pop\n".encode()
        pipeline.put(key, gzip.compress(body) if key.endswith("gz") else body)
        assert pipeline.land("songs") == 1
        assert pipeline.land("songs") is None
        assert pipeline.query("select track_name from landing.songs") == [(f"Name {number}",)]


def test_songs_without_an_id_land(pipeline: Pipeline) -> None:
    pipeline.put("songs.csv", SONGS.removeprefix("id,") + "t1,A;B,N,60.0,200000.0,pop\n")
    assert pipeline.land("songs") == 1
    assert pipeline.query("select song_id, popularity, duration_ms from analytics.stg_songs") == [(None, 60, 200000)]


SONGS = "id,track_id,artists,track_name,popularity,duration_ms,track_genre\n"


@pytest.mark.parametrize(
    ("name", "fields", "popularity", "duration"),
    [
        ("plain", "50,180000", 50, 180000),
        ("thousands separators", '"1,000","180,000"', None, None),
        ("decimals", "50.5,180000.5", None, None),
        ("zeros behind a point", "60.0,200000.00", 60, 200000),
        ("a point alone", "60.,200000.", None, None),
        ("an exponent", "5e1,1e5", None, None),
        ("negative", "-1,-180000", None, None),
        ("out of range", "101,0", None, None),
        ("a huge duration", "100,999999999999999999", 100, 999999999999999999),
        ("more digits than a bigint", "0,9223372036854775808", 0, None),
        ("not a number", "NaN,inf", None, None),
        ("hexadecimal", "0x10,0x10", None, None),
        ("signs and blanks", " +7 , +180000 ", 7, 180000),
        ("empty", ",", None, None),
    ],
)
def test_numbers_of_a_song(pipeline: Pipeline, name: str, fields: str, popularity: int, duration: int) -> None:
    pipeline.put("songs.csv", f"{SONGS}1,t1,A;B,N,{fields},pop\n")
    assert pipeline.land("songs") == 1
    assert pipeline.query("select popularity, duration_ms from analytics.stg_songs") == [(popularity, duration)]


def test_a_track_with_200_artists_lands_whole(pipeline: Pipeline) -> None:
    artists = ";".join(f"Artist {number}" for number in range(200))
    pipeline.put("songs.csv", f"{SONGS}1,t1,{artists},N,50,180000,pop\n")
    pipeline.land("songs")
    assert pipeline.one("select artists from analytics.stg_songs") == artists


def test_a_songs_file_without_a_required_column_names_it(pipeline: Pipeline) -> None:
    pipeline.put("songs.csv", "id,track_id\n1,t1\n")
    with pytest.raises(LandingError, match="lacks the columns 'artists', 'duration_ms', 'popularity', 'track_genre'"):
        pipeline.land("songs")


@pytest.mark.parametrize("table", ["songs", "users"])
def test_a_snapshot_that_has_no_rows_or_shrank_is_refused_unless_a_setting_allows_it(
    pipeline: Pipeline, table: str
) -> None:
    header, row = {
        "songs": (SONGS, "{n},t{n},A,N,50,1000,pop\n"),
        "users": ("user_id,user_country\n", "u{n},Peru\n"),
    }[table]

    def put(count: int) -> None:
        pipeline.put(f"{table}.csv", header + "".join(row.format(n=n) for n in range(count)))

    put(0)
    with pytest.raises(LandingError, match="has no rows: put the whole"):
        pipeline.land(table)
    put(100)
    assert pipeline.land(table) == 100
    put(80)
    assert pipeline.land(table) == 80
    put(63)
    with pytest.raises(LandingError, match="has 63 rows, more than a fifth fewer than the 80"):
        pipeline.land(table)
    assert pipeline.one(f"select count(*) from landing.{table}") == 80
    assert pipeline.land(table, KPI_ALLOW_SMALLER_SNAPSHOTS="true") == 63
    put(0)
    assert pipeline.land(table, KPI_ALLOW_SMALLER_SNAPSHOTS="true") == 0
    assert pipeline.one(f"select count(*) from landing.{table}") == 0


def test_a_refused_streams_file_harms_no_other_table(pipeline: Pipeline) -> None:
    pipeline.put("streams.csv", HEADER + "bad\n" * 20)
    pipeline.put("users.csv", "user_id,user_country\nu1,Peru\n")
    with pytest.raises(LandingError):
        pipeline.land("streams")
    assert pipeline.land("users") == 1


def test_a_million_rows_of_one_user_land(pipeline: Pipeline) -> None:
    """`make soak` takes them through the models (tests/faults/test_one_user.py)."""
    pipeline.put("streams.csv", HEADER + GOOD * 1_000_000)
    assert pipeline.land() == 1_000_000 == pipeline.one("select count(*) from landing.streams where user_id = 'u1'")
    counts = pipeline.query("select line_count, landed_count, refused_line_count from landing.loaded_files")
    assert counts == [(1_000_000, 1_000_000, 0)]
    assert pipeline.land() is None


def test_each_reason_of_the_staging_model_is_met() -> None:
    met = Counter(reason for case in CASES if isinstance(case.expected, Landed) for reason in case.expected.rejects)
    assert len(met) == 7
