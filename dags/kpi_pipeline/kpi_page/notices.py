"""What a reader has to know before believing the numbers: a sentence each, or none where all is well."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from statistics import median

from kpi_pipeline.kpi_page.data import DAYS, PageData
from kpi_pipeline.kpi_page.formats import day, moment, number, percent, spell

_STALE = timedelta(hours=26)
"""When the pipeline's own freshness check warns too: see ``models/staging/landing.yml``."""

_THIN, _DAYS_TO_JUDGE = 0.5, 3
_MANY_UNKNOWN = 0.05
_MANY_LOST = 0.01


def make_notices(data: PageData) -> list[str]:
    """Say what is stale, thin, missing or unknown.

    Args:
        data: What the page shows.
    """
    return [*data.lacks.sentences(), *_staleness(data), *_coverage(data), *_quality(data)]


def _staleness(data: PageData) -> Iterator[str]:
    last = data.batches.get("last_loaded_at")
    if data.lacks.leaves_out("batches"):
        return
    if last is None:
        yield f"No streams have landed in the last {DAYS} days."
    elif data.now - last > _STALE:
        hours = int((data.now - last) / timedelta(hours=1))
        yield f"Nothing has landed for {spell(hours, 'hour')}: the newest streams came at {moment(last)} UTC."


def _coverage(data: PageData) -> Iterator[str]:
    if data.lacks.leaves_out("days"):
        return
    if data.last_day is None or data.newest_day is None:
        yield "There are no KPIs yet: no day has listens."
        return
    if data.last_day >= data.now.date():
        yield f"{day(data.last_day)} is not over: its numbers will grow."
    elif data.newest_day > data.last_day:
        yield f"{day(data.newest_day)} is not over, and is left out."
    *before, last = [row["listen_count"] for row in data.days]
    if last is not None and len(before) >= _DAYS_TO_JUDGE and last < _THIN * median(before):
        yield (
            f"{day(data.last_day)} looks incomplete: {number(last)} listens, where the median of the days before "
            f"is {number(median(before))}."
        )
    found = {row["listen_date"] for row in data.days}
    first = min(found)
    gaps = [first + timedelta(n) for n in range((data.last_day - first).days) if first + timedelta(n) not in found]
    if gaps:
        named = ", ".join(day(gap) for gap in gaps[:5])
        rest = f" and {spell(len(gaps) - 5, 'more day')}" if len(gaps) > 5 else ""
        yield f"There are no listens on {named}{rest}."


def _quality(data: PageData) -> Iterator[str]:
    unknown = next((row["listen_share"] for row in data.genres if row["track_genre"] == "unknown"), 0)
    if unknown > _MANY_UNKNOWN:
        yield f"{percent(unknown)} of the day's listens are of tracks without a genre in the catalogue."
    batches = data.batches
    lost = sum(batches.get(name) or 0 for name in ("reject_count", "refused_line_count"))
    lines = lost + sum(batches.get(name) or 0 for name in ("listen_count", "duplicate_count"))
    if lines and lost / lines > _MANY_LOST:
        yield (
            f"{percent(lost / lines)} of the lines that landed in the last {DAYS} days were rejected or refused: "
            f"{number(lost)} of {number(lines)}."
        )
