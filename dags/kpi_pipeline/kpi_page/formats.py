"""Numbers, days and names as the page writes them."""

from __future__ import annotations

import re
from datetime import date, datetime

NOTHING = "–"
"""What stands where there is no value."""

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_FIRST_STRONG, _POP = "\u2068", "\u2069"


def number(value: float | None, decimals: int = 0) -> str:
    """Return 12,345 or, with decimals, 0.1234."""
    return NOTHING if value is None else f"{value:,.{decimals}f}"


def percent(value: float | None) -> str:
    """Return a share from 0 to 1 as 12.3 %."""
    return NOTHING if value is None else f"{value * 100:,.1f}\u202f%"


def day(value: date) -> str:
    """Return Thu 27 June 2024."""
    return f"{value:%a} {value.day} {value:%B %Y}"


def moment(value: datetime) -> str:
    """Return a time to the minute."""
    return f"{value:%Y-%m-%d %H:%M}"


def duration(milliseconds: float | None) -> str:
    """Return minutes and seconds, 3:25."""
    if milliseconds is None:
        return NOTHING
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    return f"{minutes:,}:{seconds:02}"


def spell(count: int, noun: str, plural: str = "") -> str:
    """Return 1 hour, 2 hours."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def visible(text: str) -> str:
    """Return a name with its control characters made visible: neither HTML nor XML has them."""
    return _CONTROLS.sub(lambda found: chr(0x2400 + ord(found[0])) if found[0] < " " else "\ufffd", text)


def isolated(text: str) -> str:
    """Return a name that can't turn around what stands beside it, whichever way it is written itself."""
    return f"{_FIRST_STRONG}{visible(text)}{_POP}"


def listening_time(milliseconds: float | None) -> str:
    """Return hours, 1,234 h, or below ten 1.2 h."""
    if milliseconds is None:
        return NOTHING
    hours = float(milliseconds) / 3_600_000
    return f"{number(hours, 0 if hours >= 10 else 1)}\u202fh"


def weekday(value: date, plural: bool = False) -> str:
    """Return Thursday, or Thursdays."""
    return f"{value:%A}{'s' if plural else ''}"


def moved_in_words(rank: int, rank_before: int | None) -> str:
    """Say how an artist moved against the day before, in words."""
    if rank_before is None:
        return "not among the ten of the day before"
    if rank == rank_before:
        return "in the same place as the day before"
    return f"{'up' if rank < rank_before else 'down'} {spell(abs(rank_before - rank), 'place')} since the day before"


def moved(rank: int, rank_before: int | None) -> str:
    """Say how an artist moved against the day before: by signs that need no colour."""
    if rank_before is None:
        return "new"
    if rank == rank_before:
        return "="
    return f"▲\u202f{rank_before - rank}" if rank < rank_before else f"▼\u202f{rank - rank_before}"
