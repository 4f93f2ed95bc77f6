"""Random walks over what people and failures do: after each quiet run, every table is what the landing tables say.

A walk lands, replaces, takes out and corrects files, erases people, asks for rebuilds and full refreshes, and
interrupts runs before or after any model's COMMIT, in any order. What must come of it is computed in Python from the
landing tables alone. A run over tables that cannot be right has to fail.
"""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from contextlib import closing
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from kpi_pipeline import turns

from deploy.erase import erase
from deploy.warehouse import Connection
from local.environment import DBT_PROJECT
from local.stack import Stack
from tests.expected.kpis import Batch, catalogue, classify, compare, expected_kpis
from tests.faults.in_process import Dbt, Pipeline, connect
from tests.faults.redshift_proxy import At, RedshiftProxy, text
from tests.faults.world import batches_due, days_due, kpis
from tests.pipeline.warehouse import WIDTHS

WALKS, STEPS = int(os.environ.get("WALKS", "25")), int(os.environ.get("WALK_STEPS", "8"))
USERS = ("u1", "u2", "u3", "u4")
LINES = st.builds(
    "{},{},2024-06-0{} {:02}:30:00".format,
    st.sampled_from([*USERS, "", " u1 "]),
    st.sampled_from(["t1", "t2", "t3", "t4"]),
    st.integers(1, 4),
    st.integers(0, 3),
) | st.just("u1,t1,yesterday")
BODIES = st.lists(LINES, min_size=1, max_size=12).map(
    lambda lines: "\n".join(["user_id,track_id,listen_time", *lines, ""])
)
MODELS = sorted(path.stem for path in (DBT_PROJECT / "models").rglob("*.sql") if not path.stem.startswith("stg_"))
SONGS = "id,track_id,artists,track_name,popularity,duration_ms,track_genre\n"
CATALOGUE = [f"{n},t{n},A{n % 3};B{n % 2},Song {n},{n * 20},{1000 + n},{('pop', 'rock')[n % 2]}" for n in range(1, 5)]


class Walk(RuleBasedStateMachine):
    """One warehouse, from empty."""

    stack: ClassVar[Stack]
    proxy: ClassVar[RedshiftProxy]

    def __init__(self) -> None:
        super().__init__()
        self.stack.reset()
        self.proxy.calm()
        # Files of nothing but rejects are drawn too, and a run that takes them is right to fail.
        limits = {"KPI_MAX_REJECT_SHARE": "1"}
        self.pipeline = Pipeline.of(self.stack, **limits)
        self.faulty = Pipeline.of(self.stack, **limits, REDSHIFT_PORT=str(self.proxy.port))
        self.pipeline.prepare()
        self.pipeline.put("users.csv", "user_id,user_country\n" + "".join(f"{user},Peru\n" for user in USERS))
        self.songs, self.files = 1, 0
        self.is_built = False
        # A batch was taken out of landing, and nobody has asked for the full refresh that has to follow.
        self.lacks_a_refresh = False

    # -- what people do ---------------------------------------------------------------------------------------------

    @initialize(body=BODIES)
    def begin(self, body: str) -> None:
        self.put_songs()
        self.land(body)

    @rule(body=BODIES)
    def land(self, body: str) -> None:
        self.files += 1
        self.pipeline.put(f"streams/{self.files}.csv", body)
        self.pipeline.land_all()

    @rule(body=BODIES, data=st.data())
    def replace(self, body: str, data: Any) -> None:
        self.pipeline.put(f"streams/{data.draw(st.integers(1, self.files))}.csv", body)
        self.pipeline.land_all()

    @precondition(lambda self: self.songs < len(CATALOGUE))
    @rule()
    def learn_of_a_song(self) -> None:
        self.songs += 1
        self.put_songs()
        self.pipeline.land("songs")

    @rule(data=st.data())
    def take_out(self, data: Any) -> None:
        """As the runbook's 'Reload a file' says, up to its full refresh, which somebody may forget to ask for."""
        batches = self.pipeline.query("select distinct loaded_at from landing.streams order by 1")
        if not batches:
            return
        (batch,) = data.draw(st.sampled_from(batches))
        taken = self.is_built and self.pipeline.one(
            "select count(*) from analytics.transformed_batches where model_name = 'fct_listens' and loaded_at = %s",
            batch,
        )
        for table, condition in (
            ("streams", "true"), ("refused_lines", "table_name = 'streams'"), ("loaded_files", "table_name = 'streams'")
        ):  # fmt: skip
            self.pipeline.query(f"delete from landing.{table} where loaded_at = %s and {condition}", batch)
        self.lacks_a_refresh = self.lacks_a_refresh or bool(taken)

    @rule(data=st.data())
    def correct(self, data: Any) -> None:
        """Correct a reject in landing; a batch that has passed the tests is taken again by a full refresh only."""
        rejects = self.pipeline.query("select distinct loaded_at from landing.streams where listen_time = 'yesterday'")
        if not rejects:
            return
        (batch,) = data.draw(st.sampled_from(sorted(rejects)))
        self.pipeline.query(
            "update landing.streams set listen_time = '2024-06-02 12:00:00' where loaded_at = %s and"
            " listen_time = 'yesterday'",
            batch,
        )
        if (batch,) not in (batches_due(self.pipeline) if self.is_built else rejects):
            self.ask_for_a_full_refresh()

    @precondition(lambda self: self.is_built)
    @rule(user=st.sampled_from(USERS))
    def erase_a_person(self, user: str) -> None:
        with closing(connect(self.pipeline.env)) as connection:
            erase(Connection(connection), user)
        for table in self.tables_with_users():
            assert self.pipeline.one(f"select count(*) from {table} where trim(user_id) = %s", user) == 0, table

    @rule(first=st.integers(1, 4), days=st.integers(0, 2))
    def ask_for_a_rebuild(self, first: int, days: int) -> None:
        self.pipeline.ask(rebuild_from=f"2024-06-0{first}", rebuild_to=f"2024-06-0{first + days}")

    @rule()
    def ask_for_a_full_refresh(self) -> None:
        self.pipeline.ask(full_refresh=True)
        self.lacks_a_refresh = False

    @rule()
    def run_two_at_once(self) -> None:
        """The second one waits; that it does is all that keeps the two apart."""
        with closing(connect(self.pipeline.env)) as one, closing(connect(self.pipeline.env)) as other:
            assert turns.take(one, "landing", "one", timedelta(hours=1)) is None
            assert turns.take(other, "landing", "other", timedelta(hours=1)).owner == "one"
            turns.end(other, "landing", "other")
            assert turns.take(other, "landing", "other", timedelta(hours=1)).owner == "one"
            turns.end(one, "landing", "one")
            assert turns.take(other, "landing", "other", timedelta(hours=1)) is None
            turns.end(other, "landing", "other")

    # -- runs -------------------------------------------------------------------------------------------------------

    @rule(model=st.sampled_from(MODELS), at=st.sampled_from([At.BEFORE, At.AFTER]))
    def run_interrupted(self, model: str, at: At) -> None:
        self.proxy.calm()
        fault = self.proxy.add(text("^commit", f".{model}"), at)
        result = self.faulty.models()
        self.proxy.calm()
        # A view that is unchanged has no COMMIT.
        assert result.success is not bool(fault.injected)
        self.is_built = self.is_built or bool(self.tables_with_users() & {"analytics.fct_listens"})

    @rule()
    def run(self) -> None:
        self.pipeline.land_all()
        result = self.pipeline.build()
        self.is_built = True
        if self.lacks_a_refresh:
            assert not result.success, "listens of a batch that was taken out are still there"
            self.ask_for_a_full_refresh()
            result = self.pipeline.build()
        failed = [item.node.name for item in result.result.results if item.status in ("fail", "error")]
        assert result.success, failed
        self.check()

    def teardown(self) -> None:
        self.proxy.calm()
        self.run()

    # -- what must be there -----------------------------------------------------------------------------------------

    def check(self) -> None:
        """Compare every table with what Python makes of the landing tables."""
        query = self.pipeline.query
        rows: dict[Any, list[Any]] = {}
        streams = "from landing.loaded_files where table_name = 'streams'"
        for (batch,) in query(f"select loaded_at {streams} group by 1 order by min(batch_number)"):
            rows[batch] = query(
                "select user_id, track_id, listen_time from landing.streams where loaded_at = %s", batch
            )
        classified = classify([Batch(batch, [csv_of(found)]) for batch, found in rows.items()], WIDTHS)
        listens = query("select user_id, track_id, listen_time, loaded_at from analytics.fct_listens")
        assert Counter(map(tuple, listens)) == Counter(map(tuple, classified.listens))
        assert (
            compare(expected_kpis(classified.listens, catalogue(self.songs_csv(), WIDTHS)), kpis(self.pipeline)) == []
        )
        for table, count in (("duplicate_streams", "duplicates"), ("rejected_streams", "rejects")):
            found = query(f"select loaded_at, count(*) from analytics.{table} group by 1 order by 1")
            expected = [
                (batch.loaded_at, getattr(batch, count)) for batch in classified.batches if getattr(batch, count)
            ]
            assert [(batch, int(number)) for batch, number in found] == sorted(expected), table
        counts = "loaded_at, landed_count, listen_count, duplicate_count, reject_count"
        assert [tuple(row) for row in query(f"select {counts} from analytics.stream_batches order by 1")] == sorted(
            (batch.loaded_at, batch.landed, batch.listens, batch.duplicates, batch.rejects)
            for batch in classified.batches
        )
        tracks = {row[0] for row in query("select track_id from analytics.dim_songs")}
        assert tracks == {f"t{number}" for number in range(1, self.songs + 1)}
        users = query("select trim(user_id) from landing.users")
        assert sorted(query("select user_id from analytics.dim_users")) == sorted(users)
        assert days_due(self.pipeline) == [] == batches_due(self.pipeline)
        assert query("select * from landing.requests where carried_out_at is null") == []

    def tables_with_users(self) -> set[str]:
        found = self.pipeline.query("select table_schema, table_name from svv_columns where column_name = 'user_id'")
        return {f"{schema}.{table}" for schema, table in found if schema in ("landing", "analytics")}

    def put_songs(self) -> None:
        self.pipeline.put("songs.csv", self.songs_csv())

    def songs_csv(self) -> bytes:
        return (SONGS + "".join(f"{song}\n" for song in CATALOGUE[: self.songs])).encode()


def csv_of(rows: list[Any]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([("user_id", "track_id", "listen_time"), *rows])
    return out.getvalue().encode()


@pytest.fixture
def walk(stack: Stack, redshift_proxy: RedshiftProxy, monkeypatch: pytest.MonkeyPatch) -> type[Walk]:
    # dbt reads the limit when it parses, so the walks parse for themselves.
    monkeypatch.setattr(Dbt, "_shared", None)
    return type("Walk", (Walk,), {"stack": stack, "proxy": redshift_proxy})


def test_a_short_walk(walk: type[Walk]) -> None:
    go(walk, walks=1, steps=5)


@pytest.mark.slow
def test_every_table_is_what_landing_says_after_whatever_happened(walk: type[Walk]) -> None:
    go(walk, walks=WALKS, steps=STEPS)


def go(walk: type[Walk], walks: int, steps: int) -> None:
    run_state_machine_as_test(
        walk,
        settings=settings(
            max_examples=walks,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            derandomize="SEED" not in os.environ,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
