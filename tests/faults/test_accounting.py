"""A load whose numbers differ by one row is rolled back, whether or not Redshift counts a file's header as a line."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
from kpi_pipeline.landing import land, warehouse
from kpi_pipeline.landing.accounts import LoadedFile
from kpi_pipeline.landing.errors import LandingError, TransientLandingError
from kpi_pipeline.landing.warehouse import Warehouse

from tests.faults.in_process import Pipeline, connect
from tests.faults.redshift_proxy import RedshiftProxy

HEADER = "user_id,track_id,listen_time\n"
SONGS = "id,track_id,artists,track_name,popularity,duration_ms,track_genre\n"
ROW = "u1,t1,2024-06-25 10:00:00\n"
COUNTED, NOT_COUNTED = "sum(lines_scanned) + 1", "sum(lines_scanned)"
ONE_FILE, THREE_FILES = {"streams1.csv": 3}, {"streams1.csv": 3, "streams2.csv": 5, "streams3.csv": 1}


def put(landing: Pipeline, files: dict[str, int]) -> None:
    for key, count in files.items():
        landing.put(key, HEADER + ROW * count + "bad\n")


def assert_rolled_back(landing: Pipeline, sentence: str) -> None:
    assert "that does not add up, so it was rolled back" in sentence
    assert "\n" not in sentence and sentence.count(". ") == 1
    for table in ("streams", "loaded_files", "refused_lines"):
        assert landing.one(f"select count(*) from landing.{table}") == 0, table


@pytest.mark.parametrize("files", [ONE_FILE, THREE_FILES], ids=["one file", "three files"])
@pytest.mark.parametrize("lines", [COUNTED, NOT_COUNTED], ids=["header counted", "header not counted"])
def test_lines_are_counted_without_the_header(
    landing: Pipeline, faulty: Pipeline, redshift_proxy: RedshiftProxy, lines: str, files: dict[str, int]
) -> None:
    put(landing, files)
    redshift_proxy.rewrite(NOT_COUNTED, lines)
    assert faulty.land() == sum(files.values())
    found = landing.query(
        "select key, line_count, landed_count, refused_line_count from landing.loaded_files order by 1"
    )
    assert found == [(landing.prefix + key, count + 1, count, 1) for key, count in files.items()]


@pytest.mark.parametrize("files", [ONE_FILE, THREE_FILES], ids=["one file", "three files"])
@pytest.mark.parametrize("lines", [COUNTED, NOT_COUNTED], ids=["header counted", "header not counted"])
@pytest.mark.parametrize("difference", [1, -1], ids=["lost", "counted twice"])
def test_one_row_of_each_file(
    landing: Pipeline,
    faulty: Pipeline,
    redshift_proxy: RedshiftProxy,
    lines: str,
    files: dict[str, int],
    difference: int,
) -> None:
    """One row a file is as many as there are headers: it must not pass for them."""
    put(landing, files)
    redshift_proxy.rewrite(NOT_COUNTED, lines)
    redshift_proxy.rewrite("pg_last_copy_count()", f"pg_last_copy_count() - {difference * len(files)}")
    with pytest.raises(LandingError) as refusal:
        faulty.land()
    loaded = sum(files.values()) - difference * len(files)
    assert_rolled_back(landing, str(refusal.value))
    assert f"read {sum(files.values()) + len(files)} lines, refused {len(files)} and loaded {loaded} rows" in str(
        refusal.value
    )
    redshift_proxy.calm()
    assert faulty.land() == sum(files.values())


@pytest.mark.parametrize("lines", [COUNTED, NOT_COUNTED], ids=["header counted", "header not counted"])
def test_a_refused_line_that_is_not_reported(
    landing: Pipeline, faulty: Pipeline, redshift_proxy: RedshiftProxy, lines: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(landing, ONE_FILE)
    redshift_proxy.rewrite(NOT_COUNTED, lines)
    redshift_proxy.rewrite("from sys_load_error_detail\n    where", "from sys_load_error_detail\n    where false and")
    monkeypatch.setattr(warehouse, "VIEWS_LAG_SECONDS", 1.0)
    with pytest.raises(LandingError) as refusal:
        faulty.land()
    assert_rolled_back(landing, str(refusal.value))


@pytest.mark.parametrize(
    ("table", "body", "lost"),
    [
        ("streams", HEADER + ROW + ROW.replace("u1", "u2"), "user_id = 'u1'"),
        ("songs", SONGS + "1,t1,Ann,One,50,1000,pop\n2,t2,Ann,Two,50,1000,pop\n", "track_id = 't1'"),
        ("users", "user_id,user_country\nu1,Peru\nu2,Chile\n", "user_id = 'u1'"),
    ],
    ids=["streams", "songs", "users"],
)
def test_a_row_that_copy_reports_and_the_table_lacks(landing: Pipeline, table: str, body: str, lost: str) -> None:
    landing.put(f"{table}.csv", body)
    with closing(connect(landing.env)) as connection:

        class Loses(Warehouse):
            """Loses a row after COPY."""

            def copy(self, *arguments: Any) -> list[LoadedFile]:
                loaded = super().copy(*arguments)
                connection.cursor().execute(f"delete from landing.{table} where {lost}")
                return loaded

        with pytest.raises(LandingError) as refusal:
            land(table, landing.settings(), landing.s3, Loses(connection, "landing", "test"))
    assert f"COPY reported 2 rows of 1 files and landing.{table} holds 1 of them" in str(refusal.value)
    assert_rolled_back(landing, str(refusal.value))
    assert landing.one(f"select count(*) from landing.{table}") == 0
    assert landing.land(table) == 2


def test_a_copy_that_gives_up_names_its_file_and_lets_the_others_in(
    landing: Pipeline, faulty: Pipeline, redshift_proxy: RedshiftProxy
) -> None:
    put(landing, {"streams1.csv": 3, "streams2.csv": 5})
    landing.put("streams3.csv", HEADER + "bad\n" * 20)
    redshift_proxy.rewrite("maxerror 100000", "maxerror 15")
    with pytest.raises(LandingError, match=r"streams3\.csv: 15 lines can't be loaded"):
        faulty.land()
    assert landing.query("select count(*), sum(landed_count) from landing.loaded_files") == [(2, 8)]
    assert landing.query(
        "select count(*), count(distinct raw_line) from landing.refused_lines where is_rolled_back"
    ) == [(15, 1)]


def test_a_copy_that_gives_up_and_is_not_shown_is_tried_again_later(
    landing: Pipeline, faulty: Pipeline, redshift_proxy: RedshiftProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouse, "VIEWS_LAG_SECONDS", 1.0)
    landing.put("streams3.csv", HEADER + "bad\n" * 20)
    redshift_proxy.rewrite("maxerror 100000", "maxerror 15")
    redshift_proxy.rewrite("from sys_load_error_detail\nwhere", "from sys_load_error_detail\nwhere false and")
    with pytest.raises(TransientLandingError, match="its system views do not show them"):
        faulty.land()
    assert landing.one("select count(*) from landing.refused_lines") == 0
