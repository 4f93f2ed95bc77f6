"""Whatever the split of the files, their order, and when the catalogue changes: one rebuild of every day gives the same
KPIs as one full refresh, and as an independent computation, row by row.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from local.stack import Stack
from tests.expected.kpis import Batch, catalogue, classify, compare, expected_kpis
from tests.faults.in_process import Pipeline
from tests.faults.world import kpis
from tests.pipeline.warehouse import WIDTHS

HEADER = "user_id,track_id,listen_time"
SONGS = "id,track_id,artists,track_name,popularity,duration_ms,track_genre"

USERS = st.sampled_from(["u1", "u2", " u3", "ü4", ""])
TRACKS = st.sampled_from(["t1", "t2", "t3 ", "t4", "unknown"])
TIMES = st.builds(
    lambda day, hour, form: form.format(day=day, hour=hour),
    st.integers(1, 4),
    st.integers(0, 23),
    st.sampled_from(["2024-06-0{day} {hour:02}:30:00", "2024-06-0{day}T{hour:02}:30:00.0", "2024-06-3{day} 10:00:00"]),
)
LINES = st.builds(lambda *fields: ",".join(fields), USERS, TRACKS, TIMES)
SONG = st.builds(
    lambda row, track, artists, popularity, genre: f"{row},{track},{artists},N {track},{popularity},1000,{genre}",
    st.integers(1, 3),
    st.sampled_from(["t1", "t2", "t3", "t4"]),
    st.sampled_from(["A;B", "B; C", "", "D;;A"]),
    st.sampled_from(["0", "50", "100", "x", ""]),
    st.sampled_from(["pop", "rock", " pop ", ""]),
)
FILES = st.lists(st.lists(LINES, min_size=4, max_size=12), min_size=1, max_size=2)
CATALOGUE = st.lists(SONG, min_size=1, max_size=6, unique_by=lambda song: tuple(song.split(",")[:2]))
LATE = "t5"
# A run: some files, each with some lines, and perhaps another catalogue. Each draw has a track that the catalogue gets
# to know only after it was heard.
RUNS = st.builds(
    lambda first, between, last: [
        ([[f"u1,{LATE},2024-06-02 10:30:00", *first[0]], *first[1:]], None),
        *between,
        (last[0], [*last[1], f"9,{LATE},E;A,Late,70,1000,jazz"]),
    ],
    FILES,
    st.lists(st.tuples(FILES, st.none() | CATALOGUE), max_size=1),
    st.tuples(FILES, CATALOGUE),
)
EXAMPLES = int(os.environ.get("REPLAY_EXAMPLES", "2"))


@pytest.fixture(scope="module")
def replay(stack: Stack) -> Stack:
    return stack


@seed(int(os.environ.get("SEED", "3")))
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # an example takes ten seconds or more: too long to shrink one
    suppress_health_check=list(HealthCheck),
)
@given(runs=RUNS, repeats=st.lists(st.integers(0, 50), max_size=4))
def test_any_split_order_and_repeat_gives_what_one_full_refresh_gives(
    replay: Stack, runs: list[tuple[list[list[str]], list[str] | None]], repeats: list[int]
) -> None:
    replay.reset()
    pipeline = Pipeline.of(replay)
    pipeline.prepare()
    sent: list[str] = []
    files: dict[str, bytes] = {}
    songs = ["1,t1,A,N t1,50,1000,pop"]
    for number, (bodies, new_songs) in enumerate(runs):
        songs = new_songs or songs
        pipeline.put("songs.csv", "\n".join([SONGS, *songs, ""]))
        for place, body in enumerate(bodies):
            # Lines that were sent before come again, in another file.
            lines = body + [sent[index % len(sent)] for index in repeats if sent]
            sent += body
            key = f"streams/{number}-{place}.csv"
            files[key] = "\n".join([HEADER, *lines, ""]).encode()
            pipeline.put(key, files[key])
        pipeline.land("songs", KPI_ALLOW_SMALLER_SNAPSHOTS="true")
        pipeline.land("streams")
        assert pipeline.models("--exclude", "dim_users", "stg_users").success

    pipeline.ask(rebuild_from="0001-01-01")
    assert pipeline.models("--exclude", "dim_users", "stg_users").success
    rebuilt = kpis(pipeline)
    pipeline.ask(full_refresh=True)
    assert pipeline.models("--exclude", "dim_users", "stg_users").success
    refreshed = kpis(pipeline)

    ledger = pipeline.query(
        "select key, loaded_at from landing.loaded_files where table_name = 'streams' order by batch_number, key"
    )
    batches = [Batch(at, [files[key]]) for key, at in ledger]
    expected = expected_kpis(
        classify(batches, WIDTHS).listens, catalogue("\n".join([SONGS, *songs, ""]).encode(), WIDTHS)
    )
    assert compare(expected, refreshed) == []
    assert "jazz" in {row[1] for row in refreshed["genre_kpis_daily"]}, "the late song counts"
    assert {name: sorted(rows, key=repr) for name, rows in rebuilt.items()} == {
        name: sorted(rows, key=repr) for name, rows in refreshed.items()
    }
