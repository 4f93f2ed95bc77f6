"""The headline numbers of the last day, and how they changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from kpi_pipeline.kpi_page.data import PageData
from kpi_pipeline.kpi_page.formats import number, percent

_TILES = (
    ("listen_count", "Listens", 0, "played tracks"),
    ("unique_listeners", "Listeners", 0, "different people"),
    ("unique_tracks", "Tracks", 0, "different tracks"),
    ("track_diversity_index", "Track diversity", 4, "different tracks for each listen"),
)


@dataclass(frozen=True)
class Headline:
    """A number of the last day.

    Attributes:
        column: The column of ``listening_kpis_daily``.
        name: What it is called.
        meaning: What it counts, in a few words.
        value: The exact number; None where the table has no such column.
        text: The number as it is written.
        change: How it differs from the day that it is compared with, with a sign; empty where there is none.
    """

    column: str
    name: str
    meaning: str
    value: float | None
    text: str
    change: str


@dataclass(frozen=True)
class Headlines:
    """The headlines, and the day that they are compared with; None where there is no earlier one to compare with."""

    tiles: tuple[Headline, ...]
    compared_with: date | None = None
    is_a_week_before: bool = False


def headlines(data: PageData) -> Headlines:
    """Compare the last day with the same weekday a week before, or else with the day before.

    Args:
        data: What the page shows.
    """
    last = data.on(data.last_day)
    if last is None or data.last_day is None:
        return Headlines(())
    candidates = (data.last_day - timedelta(days=7), data.last_day - timedelta(days=1))
    compared_with = next((day for day in candidates if data.on(day)), None)
    before = data.on(compared_with)
    tiles = tuple(
        Headline(column, name, meaning, last[column], number(last[column], decimals), _change(last, before, column))
        for column, name, decimals, meaning in _TILES
    )
    return Headlines(tiles, compared_with, is_a_week_before=compared_with == candidates[0])


def _change(last: Mapping[str, Any], before: Mapping[str, Any] | None, column: str) -> str:
    if before is None or last[column] is None or not before[column]:
        return ""
    change = last[column] / before[column] - 1
    text = percent(abs(change))
    if text == percent(0):
        return "unchanged"
    return f"{'▲' if change > 0 else '▼'}\u202f{text}"
