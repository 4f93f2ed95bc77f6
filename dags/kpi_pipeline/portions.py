"""Work in portions: what a run leaves is done by a next one, which it asks for.

A run transforms so many bytes of files and rebuilds so many days as the settings say. Where its plans leave something,
it asks for a further run of the same DAG, and that one for another, until nothing is left. Such a chain of runs tells
its figures once, at its end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from kpi_pipeline.sql import render

_PART = re.compile(r"part_([0-9]+)__(.+)", re.DOTALL)


@dataclass(frozen=True)
class Left:
    """What a run's plans leave to the next run.

    Attributes:
        batches: Batches of streams that have landed and were not transformed.
        days: Days whose KPIs were not rebuilt.
    """

    batches: int
    days: int

    def __bool__(self) -> bool:
        """Whether anything is left."""
        return bool(self.batches or self.days)

    def __str__(self) -> str:
        """Say it for people."""
        return f"{self.batches:,} batches of streams and {self.days:,} days are left to the next run"


def left(cursor: Any, marts: str) -> Left:
    """Read what the plans of the last run leave.

    Args:
        cursor: A cursor of redshift_connector.
        marts: The schema that dbt builds.
    """
    cursor.execute(render("left_to_the_next_run", marts=marts))
    batches, days = cursor.fetchone()
    return Left(int(batches), int(days))


def chain(run_id: str) -> list[str]:
    """Return the runs of a chain up to this one, the first one first; a run that nobody asked to go on is its own."""
    part = _PART.fullmatch(run_id)
    if not part:
        return [run_id]
    number, first = int(part[1]), part[2]
    return [first, *(f"part_{n}__{first}" for n in range(2, number + 1))]


def next_run_id(run_id: str) -> str:
    """Return the name of the run that goes on where this one ends; asked for twice, it is the same."""
    runs = chain(run_id)
    return f"part_{len(runs) + 1}__{runs[0]}"
