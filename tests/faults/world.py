"""A small world that grows by a batch of files at a time, and what the contract makes of all that was put into it."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from tests.expected.kpis import Batch, Classified, catalogue, classify, expected_kpis
from tests.faults.in_process import Pipeline
from tests.pipeline.warehouse import KPIS, WIDTHS

FIRST_DAY = datetime(2024, 6, 24)
GENRES = ("pop", "rock", "jazz", "")
BAD_LINES = ("only,two", "u1,t1,2024-06-24 10:00:00,more", "u1")
REJECTS = (",t1,2024-06-24 10:00:00", "u1,,2024-06-24 10:00:00", "u1,t1,2024-02-30 10:00:00", "u1,t1,yesterday")
HEADER = "user_id,track_id,listen_time"
Item = TypeVar("Item")


@dataclass
class World:
    """Files by a seed. The catalogue only grows, so that the KPIs of a day do not depend on when it was built.

    Attributes:
        files: Each streams file that was put, by its key.
        songs: The newest songs.csv.
    """

    seed: int
    listens_a_batch: int = 40
    files: dict[str, bytes] = field(default_factory=dict)
    songs: bytes = b""
    users: bytes = b""

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._lines: list[str] = []
        self._tracks = 6
        self._batch = 0

    def next_batch(self) -> dict[str, bytes]:
        """Make a further batch: a new day, late rows, repeats, rejects, a line COPY refuses, at times new songs."""
        draw = self._random
        self._batch += 1
        day = FIRST_DAY + timedelta(days=self._batch - 1)
        lines = [self._line(day) for _ in range(self.listens_a_batch)]
        lines += [self._line(FIRST_DAY + timedelta(days=draw.randrange(self._batch))) for _ in range(5)]
        lines += draw.choices(self._lines or lines, k=4) + draw.choices(lines, k=2) + draw.choices(REJECTS, k=2)
        self._lines += lines
        lines.append(draw.choice(BAD_LINES))
        draw.shuffle(lines)
        half = draw.randrange(1, len(lines))
        new = {
            f"streams/{self._batch:04}-{number}.csv": "\n".join([HEADER, *part, ""]).encode()
            for number, part in enumerate((lines[:half], lines[half:]))
        }
        self.files |= new
        if self._batch == 1 or draw.random() < 0.4:
            self._tracks += draw.randrange(1, 3)
            self.songs = self._catalogue()
            new["songs.csv"] = self.songs
        if not self.users:
            self.users = b"user_id,user_country\n" + b"".join(b"u%d,Peru\n" % n for n in range(8))
            new["users.csv"] = self.users
        return new

    def _line(self, day: datetime) -> str:
        draw = self._random
        at = day + timedelta(seconds=draw.randrange(86_400))
        return f"u{draw.randrange(8)},t{draw.randrange(12)},{at}"

    def _catalogue(self) -> bytes:
        header = "id,track_id,artists,track_name,popularity,duration_ms,track_genre"
        rows = [
            f"{n},t{n},A{n % 4};A{n % 3},Song {n},{n * 7 % 101},{1000 + n},{GENRES[n % len(GENRES)]}"
            for n in range(self._tracks)
        ]
        return "\n".join([header, *rows, ""]).encode()

    # -- what must come of it ---------------------------------------------------------------------------------------

    def classified(self, pipeline: Pipeline) -> Classified:
        """Judge every file, in the batches in which the ledger says that they landed; each has to be there once."""
        ledger = pipeline.query(
            "select key, loaded_at from landing.loaded_files where table_name = 'streams' order by batch_number, key"
        )
        assert sorted(key for key, _ in ledger) == sorted(pipeline.prefix + key for key in self.files)
        batches: dict[datetime, list[bytes]] = {}
        for key, loaded_at in ledger:
            batches.setdefault(loaded_at, []).append(self.files[key.removeprefix(pipeline.prefix)])
        return classify([Batch(at, files) for at, files in batches.items()], WIDTHS)

    def expected(self, pipeline: Pipeline) -> dict[str, list[tuple[Any, ...]]]:
        return expected_kpis(self.classified(pipeline).listens, catalogue(self.songs, WIDTHS))


def kpis(pipeline: Pipeline) -> dict[str, list[tuple[Any, ...]]]:
    """The contract's columns of the KPI tables."""
    from tests.expected.kpis import TABLES

    return {
        name: pipeline.query(f"select {', '.join(TABLES[name][0] + TABLES[name][1])} from analytics.{name}")
        for name in KPIS
    }


def assert_sound(pipeline: Pipeline, world: World) -> None:
    """Every line is accounted for, every KPI is what the contract says, and nothing is due any more."""
    from tests.expected.kpis import compare

    classified = world.classified(pipeline)
    assert compare(expected_kpis(classified.listens, catalogue(world.songs, WIDTHS)), kpis(pipeline)) == []
    lines = sum(len(body.split(b"\n")) - 2 for body in world.files.values())
    counts = pipeline.query(
        "select sum(landed_count), sum(listen_count), sum(duplicate_count), sum(reject_count), sum(refused_line_count)"
        " from analytics.stream_batches"
    )[0]
    landed, listens, duplicates, rejects, refused = map(int, counts)
    assert landed == listens + duplicates + rejects == lines - refused
    assert listens == len(classified.listens) == int(pipeline.one("select count(*) from analytics.fct_listens"))
    assert (duplicates, rejects) == tuple(
        sum(getattr(batch, name) for batch in classified.batches) for name in ("duplicates", "rejects")
    )
    kept = pipeline.one("select count(*) from landing.refused_lines where not is_rolled_back")
    assert int(kept) == refused == sum(batch.refused for batch in classified.batches)
    assert int(pipeline.one("select count(*) from landing.streams")) == landed
    assert days_due(pipeline) == [] == batches_due(pipeline)


def days_due(pipeline: Pipeline) -> list[tuple[Any, ...]]:
    """Days whose version some KPI model has not built."""
    return pipeline.query(
        "select m.model_name, v.listen_date from analytics.day_versions v"
        " cross join (select distinct model_name from analytics.day_builds) m"
        " left join (select model_name, listen_date, max(version) as version from analytics.day_builds group by 1, 2) b"
        " on b.model_name = m.model_name and b.listen_date = v.listen_date"
        " where b.version is null or b.version < v.version order by 1, 2"
    )


def batches_due(pipeline: Pipeline) -> list[tuple[Any, ...]]:
    """Batches that no run has brought past every test."""
    return pipeline.query(
        "select distinct loaded_at from landing.loaded_files where table_name = 'streams' and loaded_at not in"
        " (select loaded_at from analytics.passed_batches)"
    )


def drawn(items: Sequence[Item]) -> list[Item]:
    """Return all of them, in order; where MODELS_DRAWN is set, as in CI, so many of them, drawn by the number DRAW."""
    count = int(os.environ.get("MODELS_DRAWN", len(items)))
    chosen = random.Random(os.environ.get("DRAW", "0")).sample(range(len(items)), min(count, len(items)))
    return [items[place] for place in sorted(chosen)]
