"""What a run reads follows the rows that arrive, not the history that they are added to."""

import re
import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.faults.in_process import Dbt, Pipeline
from tests.pipeline.warehouse import KPIS

FIRST_DAY, DAYS, LISTENS_A_DAY = date(2024, 1, 1), 60, 1500
SONGS = "id,track_id,artists,track_name,popularity,duration_ms,track_genre\n1,t1,Ann,One,50,1000,pop\n"
USERS = "user_id,user_country\nu1,Peru\n"
MODELS_THAT_MERGE = dict.fromkeys(KPIS, "listen_date")


def streams(first: int, days: int) -> str:
    lines = [
        f"u{number % 211},t1,{FIRST_DAY + timedelta(day)} {number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}\n"
        for number in range(LISTENS_A_DAY)
        for day in range(first, first + days)  # the days mixed, as a file may bring them
    ]
    return "user_id,track_id,listen_time\n" + "".join(lines)


@dataclass(frozen=True)
class Run:
    """What a run read and wrote of each table, in rows, and where dbt has put the SQL that it ran."""

    read: dict[str, int]
    written: dict[str, int]
    sql: Path


@pytest.fixture(scope="module")
def run(stack):
    """A run of one day, after one of many days in one batch."""
    stack.up()
    stack.reset()
    pipeline = Pipeline.of(stack)
    pipeline.prepare()
    pipeline.put("songs.csv", SONGS)
    pipeline.put("users.csv", USERS)
    pipeline.put("streams/1.csv", streams(0, DAYS))
    pipeline.land_all()
    assert pipeline.models().success
    pipeline.query("insert into landing.pipeline_runs values ('first', sysdate, sysdate, 0, 0, 0, 0, 0, 0, 0, 0)")
    pipeline.put("streams/2.csv", streams(DAYS, 1))
    pipeline.land_all()
    before = counts(pipeline)
    assert pipeline.build().success
    after = counts(pipeline)
    read, written = ({name: after[name][kind] - before[name][kind] for name in before} for kind in (0, 1))
    return Run(read, written, Dbt.shared(Path()).target / "run")


def counts(pipeline: Pipeline) -> dict[str, tuple[int, int]]:
    """The rows that were read and written of each table since it was made."""
    time.sleep(1.1)  # a session hands its counts over once a second
    rows = pipeline.query(
        "select relname, cast(seq_tup_read + coalesce(idx_tup_fetch, 0) as bigint),"
        " cast(n_tup_ins + n_tup_upd + n_tup_del as bigint) from pg_stat_user_tables where schemaname = 'analytics'"
    )
    return {name: (read, written) for name, read, written in rows}


def test_a_day_more_reads_less_than_the_history_once(run):
    """Models, hooks and tests together, each of which reads the day: one that read the history would read more."""
    assert LISTENS_A_DAY < run.read["fct_listens"] < DAYS * LISTENS_A_DAY
    assert run.written["fct_listens"] == LISTENS_A_DAY


@pytest.mark.parametrize(("model", "column"), MODELS_THAT_MERGE.items())
def test_a_merge_prunes_its_target_by_literals(run, model, column):
    (path,) = run.sql.glob(f"**/{model}.sql")
    target, condition = re.search(r"merge into (\S+)\s.*?\bon (.*?)when matched", path.read_text(), re.S).groups()
    literal = r"(?:date|timestamp) '\d{4}-[^']*'"
    place = re.escape(f"{target}.{column}")
    assert re.search(rf"{place} between {literal} and {literal}\s+and {place} in \({literal}", condition)


def test_what_the_catalogue_is_made_into_rests_while_it_is_the_same(run):
    assert (run.written["dim_songs"], run.written["int_track_artists"]) == (0, 0)
