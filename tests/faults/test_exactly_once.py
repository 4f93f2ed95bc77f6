"""Each version of a file lands once, whatever interrupts the load, and whoever else loads at the same time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from kpi_pipeline.landing.errors import WAREHOUSE_ERRORS, TransientLandingError
from kpi_pipeline.landing.tables import TABLES
from kpi_pipeline.landing.warehouse import Warehouse

from local.environment import REPO
from tests.faults.in_process import Pipeline, connect
from tests.faults.redshift_proxy import At, RedshiftProxy, Statement, text
from tests.faults.s3_proxy import S3Proxy

HEADER = "user_id,track_id,listen_time\n"
SONGS = "id,track_id,artists,track_name,popularity,duration_ms,track_genre\n"
# Every statement of a load, in its order.
STATEMENTS = {
    "lock": r"^lock ",
    "look into the ledger": r"as batch_count",
    "COPY": r"^copy ",
    "what COPY did": r"pg_last_copy_id",
    "rows of the batch": r"as batch_row_count",
    "ledger": r"insert into landing\.loaded_files",
    "refused lines": r"insert into landing\.refused_lines",
    "COMMIT": r"^commit",
}


def rows(count: int, first: int = 0) -> str:
    return "".join(f"u{n},t1,2024-06-25 10:00:00\n" for n in range(first, first + count))


def landed(pipeline: Pipeline) -> tuple[int, int, int]:
    """Rows of streams, files and rows in the ledger."""
    files, ledger = pipeline.query(
        "select count(*), coalesce(sum(landed_count), 0) from landing.loaded_files where table_name = 'streams'"
    )[0]
    return pipeline.one("select count(*) from landing.streams"), int(files), int(ledger)


def test_a_second_load_finds_nothing_new(landing: Pipeline) -> None:
    landing.put("streams1.csv", HEADER + rows(3))
    assert landing.land() == 3
    assert landing.land() is None
    assert landed(landing) == (3, 1, 3)


@pytest.mark.parametrize("at", [At.BEFORE, At.DURING, At.AFTER], ids=lambda at: at.value)
@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_connection_that_drops_at_any_statement(
    landing: Pipeline, faulty: Pipeline, redshift_proxy: RedshiftProxy, statement: str, at: At
) -> None:
    landing.put("streams1.csv", HEADER + rows(3) + "bad\n")
    fault = redshift_proxy.add(text(STATEMENTS[statement]), at)
    with pytest.raises(WAREHOUSE_ERRORS):
        faulty.land()
    assert fault.injected == 1
    committed = statement == "COMMIT" and at is At.AFTER
    if at is not At.DURING:
        assert landed(landing) == ((3, 1, 3) if committed else (0, 0, 0))
    faulty.land()
    assert landed(landing) == (3, 1, 3)
    assert landing.one("select count(*) from landing.refused_lines") == 1


@pytest.mark.parametrize("at", [At.BEFORE, At.DURING, At.AFTER], ids=lambda at: at.value)
@pytest.mark.parametrize("statement", ["COPY", "ledger", "COMMIT"])
def test_a_worker_that_is_killed(
    landing: Pipeline, faulty: Pipeline, redshift_proxy: RedshiftProxy, statement: str, at: At
) -> None:
    landing.put("streams1.csv", HEADER + rows(20_000))
    worker: list[subprocess.Popen[bytes]] = []
    started = threading.Event()

    def kill() -> None:
        started.wait()
        worker[0].send_signal(signal.SIGKILL)
        worker[0].wait()

    redshift_proxy.add(text(STATEMENTS[statement]), at, instead=kill)
    command = [sys.executable, "-m", "tests.faults.land_once", "streams", faulty.prefix, "killed"]
    env = {**faulty.env, "PYTHONPATH": os.pathsep.join([str(REPO), str(REPO / "dags")])}
    worker.append(subprocess.Popen(command, cwd=REPO, env=env, stderr=subprocess.DEVNULL))
    started.set()
    assert worker[0].wait(60) == -signal.SIGKILL
    landing.land()
    assert landed(landing) == (20_000, 1, 20_000)


@pytest.mark.parametrize("statement", ["^copy", r"insert into landing\.loaded_files", "^commit"])
@pytest.mark.parametrize(
    ("table", "header", "row"),
    [("songs", SONGS, "{0},t{0},Ann,One,50,1000,pop\n"), ("users", "user_id,user_country\n", "u{0},Peru\n")],
    ids=["songs", "users"],
)
def test_a_snapshot_stays_as_it_was_until_the_next_one_is_whole(
    landing: Pipeline,
    faulty: Pipeline,
    redshift_proxy: RedshiftProxy,
    table: str,
    header: str,
    row: str,
    statement: str,
) -> None:
    count = f"select count(*) from landing.{table}"
    landing.put(f"{table}.csv", header + row.format(1))
    assert landing.land(table) == 1
    landing.put(f"{table}.csv", header + row.format(1) + row.format(2))
    redshift_proxy.add(text(statement), At.BEFORE)
    with pytest.raises(WAREHOUSE_ERRORS):
        faulty.land(table)
    assert landing.one(count) == 1
    assert faulty.land(table) == 2
    assert landing.one(count) == 2


def test_many_loads_at_once(landing: Pipeline) -> None:
    for number in range(5):
        landing.put(f"streams{number}.csv", HEADER + rows(10, number * 10))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: landing.land(), range(4)))
    assert sorted(filter(None, found)) == [50]
    assert landed(landing) == (50, 5, 50)
    assert landing.one("select count(distinct user_id) from landing.streams") == 50


def test_a_load_waits_for_the_lock_and_then_sees_what_the_other_did(
    landing: Pipeline, faulty: Pipeline, redshift_proxy: RedshiftProxy
) -> None:
    """Two loads have both found the file new; the second has to look again once it has the lock."""
    landing.put("streams1.csv", HEADER + rows(3))
    with closing(connect(landing.env)) as other, ThreadPoolExecutor(1) as pool:
        other.cursor().execute("lock landing.lock_streams")
        asked = threading.Event()

        def notice_the_lock(statement: Statement) -> bool:
            if statement.sql.startswith("lock"):
                asked.set()
            return False

        redshift_proxy.add(notice_the_lock, At.BEFORE)
        waiting = pool.submit(faulty.land)
        assert asked.wait(30)
        cursor = other.cursor()
        cursor.execute("insert into landing.streams (user_id) values ('other')")
        etag = landing.s3.head_object(Bucket="kpi-raw", Key=f"{landing.prefix}streams1.csv")["ETag"].strip('"')
        cursor.execute(
            "insert into landing.loaded_files (table_name, key, etag, size_bytes, line_count, landed_count,"
            " refused_line_count, copy_id, run_id, batch_number) values ('streams', %s, %s, 1, 1, 1, 0, 1, 'other', 1)",
            (f"{landing.prefix}streams1.csv", etag),
        )
        assert not waiting.done()
        other.commit()
        assert waiting.result(60) is None
    assert landed(landing) == (1, 1, 1)


def test_readers_do_not_wait_for_a_load(landing: Pipeline) -> None:
    with closing(connect(landing.env)) as other:
        other.cursor().execute("lock landing.lock_streams")
        assert landing.one("select count(*) from landing.streams") == 0
        landing.put("users.csv", "user_id,user_country\nu1,Peru\n")
        assert landing.land("users") == 1
        other.rollback()


def test_a_file_replaced_under_its_key_lands_as_a_new_version(landing: Pipeline) -> None:
    landing.put("streams1.csv", HEADER + rows(3))
    landing.land()
    landing.put("streams1.csv", HEADER + rows(5))
    assert landing.land() == 5
    assert landed(landing) == (8, 2, 8)
    landing.put("streams1.csv", HEADER + rows(3))
    assert landing.land() is None, "a version of a streams file that landed once is never loaded again"


def test_a_catalogue_that_goes_from_a_to_b_and_back_is_loaded_three_times(landing: Pipeline) -> None:
    versions = [SONGS + f"1,t1,A,{name},50,1000,pop\n" for name in ("first", "second", "first")]
    for body in versions:
        landing.put("songs.csv", body)
        assert landing.land("songs") == 1
        assert landing.land("songs") is None
        assert landing.query("select track_name from landing.songs") == [(body.split(",")[9],)]
    assert landing.one("select count(*) from landing.loaded_files where table_name = 'songs'") == 3


def test_an_object_replaced_between_listing_and_copy_rolls_the_load_back(
    landing: Pipeline, faulty: Pipeline, s3_proxy: S3Proxy
) -> None:
    landing.put("streams1.csv", HEADER + rows(3))
    s3_proxy.answer("PUT", "/kpi-artifacts/manifests", then=lambda: landing.put("streams1.csv", HEADER + rows(4)))
    with pytest.raises(TransientLandingError, match=r"streams1\.csv was replaced while it was loaded"):
        faulty.land()
    assert landed(landing) == (0, 0, 0)
    assert faulty.land() == 4
    assert landed(landing) == (4, 1, 4)


def test_an_object_replaced_between_listing_and_the_header_check(
    landing: Pipeline, faulty: Pipeline, s3_proxy: S3Proxy
) -> None:
    landing.put("streams1.csv", HEADER + rows(3))
    s3_proxy.answer("GET", "streams1.csv", then=lambda: landing.put("streams1.csv", HEADER + rows(4)))
    with pytest.raises(TransientLandingError, match="was replaced or deleted since it was listed"):
        faulty.land()
    assert faulty.land() == 4


@pytest.mark.usefixtures("views_without_etags")
@pytest.mark.parametrize(("method", "path"), [("GET", "streams1.csv"), ("PUT", "manifests"), ("HEAD", "streams1.csv")])
def test_an_object_deleted_between_listing_and_commit(
    landing: Pipeline, faulty: Pipeline, s3_proxy: S3Proxy, method: str, path: str
) -> None:
    landing.put("streams1.csv", HEADER + rows(3))
    landing.put("streams2.csv", HEADER + rows(2))

    def delete() -> None:
        landing.s3.delete_object(Bucket="kpi-raw", Key=f"{landing.prefix}streams1.csv")

    s3_proxy.answer(method, path, then=delete)
    with pytest.raises(Exception) as failure:
        faulty.land()
    assert "streams1.csv" in str(failure.value) or "NoSuchKey" in str(failure.value)
    assert landed(landing) == (0, 0, 0)
    assert faulty.land() == 2


def test_two_batches_of_the_same_microsecond_are_not_taken_for_one(landing: Pipeline) -> None:
    """Forced inside one transaction, whose time is one: a ledger row of that time makes a second load stop."""
    with closing(connect(landing.env)) as connection:
        warehouse = Warehouse(connection, "landing", "test")
        warehouse.lock(TABLES["streams"])
        connection.cursor().execute(
            "insert into landing.loaded_files (table_name, key, etag, size_bytes, line_count, landed_count,"
            " refused_line_count, copy_id, run_id, batch_number)"
            " values ('streams', 'k', 'e', 1, 1, 1, 0, 1, 'other', 1)"
        )
        with pytest.raises(TransientLandingError, match="in the same microsecond"):
            warehouse.lock(TABLES["streams"])
        warehouse.lock(TABLES["users"])
        connection.rollback()
