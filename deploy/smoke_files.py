"""Files that only a real warehouse can be asked about: large, broken, and with odd characters."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

HEADER = "user_id,track_id,listen_time\n"
DAY = date(2024, 6, 20)
ODD_DAY = DAY - timedelta(days=1)
"""The days of the listens of the large file and of the odd one; the sample's days are later."""
# As in dags/kpi_pipeline/sql/copy_files.sql.
MAXERROR = 100_000
_REFUSED_EVERY, _QUOTED_EVERY = 5_000, 3_000
# Blanks around an id do not count, so a line can be long and the file large with few rows.
_WIDTH = 200


@dataclass
class Large:
    """What the large file holds.

    Attributes:
        listens: Listens of each day.
        refused: Lines that COPY can't take.
        size: Bytes.
    """

    listens: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    size: int = 0


def write_large(path: Path, megabytes: float) -> Large:
    """Write a streams file, line by line, with refused lines and quoted line feeds all over it.

    Args:
        path: Where to.
        megabytes: Its size, about; COPY splits files of 128 MB and more.
    """
    large, number, midnight = Large(), 0, datetime.combine(DAY, datetime.min.time())
    with path.open("w", encoding="utf-8", newline="") as output:
        output.write(HEADER)
        while large.size < megabytes * 10**6:
            at = midnight + timedelta(seconds=number % 86_400)
            user, track = f"large-{number // 86_400}", f"track-{number % 977}"
            number += 1
            if number % _REFUSED_EVERY == 0:
                line = f"{user},{track.ljust(_WIDTH)}\n"
                large.refused += 1
            else:
                text = f'"{track}\nquoted"' if number % _QUOTED_EVERY == 0 else track.ljust(_WIDTH)
                line = f"{user},{text},{at}\n"
                large.listens[str(DAY)] += 1
            output.write(line)
            large.size += len(line)
    return large


def broken() -> bytes:
    """Return a file with more lines that COPY can't take than MAXERROR allows."""
    return (HEADER + "x\n" * (MAXERROR + 1)).encode()


ODD_ROWS = {
    "a line feed in quotes": ("odd-1", "two\nlines"),
    "a carriage return in quotes": ("odd-2", "two\rparts"),
    "a bare carriage return": ("odd-3", "bare\rpart"),
    "a quote in quotes": ("odd-4", 'a "quoted" word'),
}
"""What the file of odd characters holds, by what is odd: user_id and track_id, as they should land."""


def odd() -> bytes:
    """Return a file with characters whose treatment AWS's documentation leaves open."""
    lines = []
    for minute, (title, (user, track)) in enumerate(ODD_ROWS.items()):
        text = track if "bare" in title else '"' + track.replace('"', '""') + '"'
        lines.append(f"{user},{text},{ODD_DAY} 10:{minute:02}:00\n")
    return (HEADER + "".join(lines)).encode()
