"""The raw CSV files as COPY takes them, and the values that stand in them."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

Source = Path | bytes

STREAM_COLUMNS = ("user_id", "track_id", "listen_time")
USER_COLUMNS = ("user_id", "user_name", "user_age", "user_country", "created_at")
SONGS_REQUIRED = ("track_id", "artists", "track_name", "popularity", "duration_ms", "track_genre")
# fmt: off
SONG_COLUMNS = (
    "id", *SONGS_REQUIRED, "album_name", "explicit", "danceability", "energy", "key", "loudness", "mode", "speechiness",
    "acousticness", "instrumentalness", "liveness", "valence", "tempo", "time_signature",
)
# fmt: on
USERS_REQUIRED = ("user_id", "user_country")

LONGEST_VARCHAR = 65_535  # bytes: no Redshift column takes more, whatever the landing table declares

DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
INTEGER = re.compile(r"([+-]?[0-9]+)([.]0+)?")


class RefusedFile(ValueError):
    """A file of which nothing may be loaded."""


def read_rows(
    source: Source, known: Sequence[str], required: Sequence[str], max_bytes: Mapping[str, int] | None
) -> Iterator[dict[str, str] | None]:
    """The rows of a file by column name, None for a line that COPY refuses.

    'Columns may come in any order. A file without a required column, or with a column that the landing table does not
    know, is refused by name before anything of it is loaded.'
    Contract silent on a column named twice (the file is refused: COPY can't be given such a list), on broken quoting
    (a refused line). A blank line is no line.
    """
    name = source.name if isinstance(source, Path) else "(bytes)"
    raw = source.read_bytes() if isinstance(source, Path) else source
    # Bytes that are no UTF-8 become lone surrogates, which can't be encoded again: so the rows around stay readable.
    reader = csv.reader(io.StringIO(raw.decode("utf-8", "surrogateescape"), newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise RefusedFile(f"{name}: unreadable header: {error}") from error
    missing = [column for column in required if column not in header]
    unknown = [column for column in header if column not in known]
    twice = [column for column, times in Counter(header).items() if times > 1]
    if missing or unknown or twice:
        raise RefusedFile(f"{name}: missing {missing}, unknown {unknown}, twice {twice}")
    limits = [(max_bytes or {}).get(column, LONGEST_VARCHAR) for column in header]
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield None
            continue
        if not fields:  # a blank line
            continue
        if len(fields) == len(header) and all(map(_loadable, fields, limits)):
            yield dict(zip(header, fields, strict=True))
        else:
            yield None


def _loadable(value: str, limit: int) -> bool:
    """COPY takes valid UTF-8 that is not longer than the column, in bytes."""
    try:
        return len(value.encode()) <= limit
    except UnicodeEncodeError:
        return False


def text(value: str | None) -> str | None:
    """'Trimmed of blanks at both ends, empty ones are null': a blank is U+0020 and nothing else."""
    return (value or "").strip(" ") or None


def integer(value: str | None, lowest: int | None = None, highest: int | None = None) -> int | None:
    """An integer within bounds that are part of it, or null."""
    digits = text(value)
    found = INTEGER.fullmatch(digits or "")
    if not found:
        return None
    number = int(found[1])
    if (lowest is not None and number < lowest) or (highest is not None and number > highest):
        return None
    return number


def real_date(value: str | None) -> date | None:
    """A real date written YYYY-MM-DD, or null."""
    written = text(value)
    if written is None or not DATE.fullmatch(written):
        return None
    try:
        return date(int(written[:4]), int(written[5:7]), int(written[8:]))
    except ValueError:
        return None
