"""Erasing a person: nothing of them is left, and everything still adds up."""

import subprocess
import sys

import pytest

from deploy import erase, warehouse
from deploy.errors import DeployError

PERSON = "the-person's \\id"
HEADER = "user_id,track_id,listen_time\n"
SONGS = "id,track_id,artists,track_name,popularity,duration_ms,track_genre\n0,t1,Ann;Bo,One,50,1000,pop\n"
# Two files of one batch, with a duplicate within it, a reject and a refused line; then a batch that repeats a listen.
FIRST = {
    "songs.csv": SONGS,
    "users.csv": "user_id,user_name,user_age,user_country,created_at\n"
    + f"{PERSON},Zoe,30,Peru,2024-01-01\nu2,Bo,31,Peru,2024-01-01\n",
    "streams1.csv": HEADER
    + f"{PERSON},t1,2024-06-24 10:00:00\nu2,t1,2024-06-25 10:00:00\n"
    + f"{PERSON},t1,2024-06-25 10:00:00\n{PERSON},t1,2024-06-25 10:00:00\n",
    "streams2.csv": HEADER
    + f" {PERSON} ,t1,2024-06-25 11:00:00\n{PERSON},t1,yesterday\n{PERSON},t1,2024-06-25 12:00:00,more\nu2,t1\n",
}
SECOND = {"streams3.csv": HEADER + f"{PERSON},t1,2024-06-24 10:00:00\nu2,t1,2024-06-26 10:00:00\n"}


class Told(warehouse.Connection):
    """The warehouse, and dbt beside it."""

    def __init__(self, connection, dbt):
        super().__init__(connection)
        self.dbt = dbt


@pytest.fixture(scope="module")
def tell(stack, land):
    """A warehouse that holds the person."""
    stack.up()
    stack.reset()

    def dbt(*arguments):
        command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "--quiet", *arguments]
        done = subprocess.run(command, env=stack.dbt_env(), capture_output=True, text=True, cwd="dbt_project")
        assert done.returncode == 0, done.stdout + done.stderr

    land(FIRST)
    land(SECOND)
    dbt("run")
    yield Told(stack.connect(), dbt)
    stack.reset()


@pytest.fixture(scope="module")
def erased(tell):
    """Erased, and the next run done."""
    before = tell.query("select listen_date, listen_count from analytics.listening_kpis_daily order by 1")
    told = erase.erase(tell, f" {PERSON} ")
    tell.dbt("run")
    return before, told


def texts(tell):
    """Every text column of both schemas."""
    return tell.query(
        "select table_schema, table_name, column_name from information_schema.columns "
        "where table_schema in ('landing', 'analytics') and data_type like 'character%'"
    )


def test_it_tells_what_was_there(erased):
    assert erased[1] == erase.Erased(
        rows={
            "landing.streams": 6,
            "landing.users": 1,
            "landing.refused_lines": 1,
            "analytics.fct_listens": 3,
            "analytics.duplicate_streams": 2,
            "analytics.rejected_streams": 1,
            "analytics.dim_users": 1,
            "analytics.int_streams_due": 6,
        },
        days=2,
    )


def test_nothing_of_the_person_is_left_in_any_table(tell, erased):
    columns = texts(tell)
    assert ("landing", "streams", "user_id") in columns and ("analytics", "fct_listens", "user_id") in columns
    for schema, table, column in columns:
        where = f'strpos("{column}", {warehouse.literal(PERSON)}) > 0'
        assert tell.query(f"select count(*) from {schema}.{table} where {where}") == [(0,)], (
            f"{schema}.{table}.{column}"
        )


def test_others_are_all_still_there(tell, erased):
    assert tell.query("select user_id, count(*) from analytics.fct_listens group by 1") == [("u2", 2)]
    assert tell.query("select user_id from analytics.dim_users") == [("u2",)]
    assert tell.query("select raw_line from landing.refused_lines where raw_line <> '(erased)'") == [("u2,t1",)]


def test_the_days_were_rebuilt(tell, erased):
    days = "select to_char(listen_date, 'DD'), listen_count, unique_listeners from analytics.listening_kpis_daily"
    assert [(str(day), count) for day, count in erased[0]] == [("2024-06-24", 1), ("2024-06-25", 3), ("2024-06-26", 1)]
    assert sorted(tell.query(days)) == [("25", 1, 1), ("26", 1, 1)], "a day without a listen has no row"


def test_the_ledger_and_the_batches_add_up(tell, erased):
    ledger = tell.query(
        "select key, line_count, landed_count, refused_line_count from landing.loaded_files "
        "where table_name <> 'songs' order by key"
    )
    assert ledger == [
        ("streams1.csv", 0, 0, 0),
        ("streams2.csv", 3, 1, 2),
        ("streams3.csv", 1, 1, 0),
        ("users.csv", 1, 1, 0),
    ]
    counts = "landed_count, listen_count, duplicate_count, reject_count"
    batches = tell.query(f"select {counts} from analytics.stream_batches order by loaded_at")
    assert batches == [(1, 1, 0, 0), (1, 1, 0, 0)]
    tell.dbt("test", "--select", "test_type:singular")


def test_a_full_refresh_says_the_same(tell, erased):
    counts = "listen_count, unique_listeners, unique_tracks"
    kpis = f"select listen_date, {counts} from analytics.listening_kpis_daily order by 1"
    batches = "select loaded_at, file_count, landed_count, listen_count from analytics.stream_batches order by 1"
    before = tell.query(kpis), tell.query(batches)
    tell.dbt("run", "--full-refresh")
    assert (tell.query(kpis), tell.query(batches)) == before


def test_a_second_time_finds_nothing(tell, erased):
    again = erase.erase(tell, PERSON)
    assert again.lines() == ["there was nothing of this person"] and again.days == 0


def test_a_blank_id_is_refused(tell):
    with pytest.raises(DeployError, match="The user_id is blank"):
        erase.erase(tell, "  ")


def test_a_model_that_nobody_has_thought_of_is_erased_too(tell):
    """By its column user_id, or by the meta of a column with another name; a table that dbt no longer knows as well."""
    tell.query("create table analytics.streaks (user_id varchar(256), days integer)")
    tell.query('create table analytics."fan_clubs" (artist varchar(256), founder varchar(256))')
    tell.query("insert into analytics.streaks values ('u9', 3), ('u8', 4)")
    tell.query("insert into analytics.fan_clubs values ('Ann', ' u9 '), ('Bo', 'u8')")
    column = {"name": "founder", "config": {"meta": {"is_user_id": True}}}
    manifest = {"nodes": {"model.streaming_kpis.fan_clubs": {"columns": {"founder": column}}}, "sources": {}}
    rows = erase.erase(tell, "u9", manifest=manifest).rows
    assert (rows["analytics.streaks"], rows["analytics.fan_clubs"]) == (1, 1)
    assert tell.query("select user_id from analytics.streaks") == [("u8",)]
    assert tell.query("select founder from analytics.fan_clubs") == [("u8",)]


def test_it_refuses_while_a_run_is_at_work(tell):
    tell.query("insert into landing.turns values ('streaming_kpis scheduled__x', sysdate, dateadd(hour, 1, sysdate))")
    with pytest.raises(DeployError, match=r"streaming_kpis scheduled__x has been at work .* Nothing was erased"):
        erase.erase(tell, "u2")
    tell.query("delete from landing.turns")
    assert tell.query("select count(*) from analytics.dim_users where user_id = 'u2'") == [(1,)]


def test_a_warehouse_that_shows_nothing_is_refused(tell):
    with pytest.raises(DeployError, match=r"does not see nowhere\.streams"):
        erase.erase(tell, "u2", landing="nowhere")
