"""The landing tables, the files that fill them, and the columns that a file must or may have.

Source: the contract of the raw files, in the docs of the dbt source ``landing``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product

_SONG_COLUMNS = (
    "id track_id artists album_name track_name popularity duration_ms explicit danceability energy key loudness mode "
    "speechiness acousticness instrumentalness liveness valence tempo time_signature track_genre"
)
_ANY_CASE = re.IGNORECASE | re.DOTALL
_LOOKS_LIKE_DATA = re.compile(
    r".*\.(gz|zip|bz2|parquet|json|txt|tsv)|(songs|users|streams).*|.*/(songs|users|streams)[^/]*", _ANY_CASE
)


@dataclass(frozen=True)
class Table:
    """A landing table.

    Attributes:
        name: The table, also the stem of its lock table.
        keys: What a key, below the raw prefix, looks like.
        listings: What these keys begin with: S3 lists by it. One of them is the beginning of each.
        columns: Every column that a file may have.
        required: The columns that a file must have.
        is_snapshot: Whether a file replaces the table's rows (songs, users) or adds to them (streams).
    """

    name: str
    keys: re.Pattern[str]
    listings: tuple[str, ...]
    columns: frozenset[str]
    required: frozenset[str]
    is_snapshot: bool


def looks_like_data(name: str) -> bool:
    """Whether an object that no table takes may be one that somebody expects in the KPIs.

    Args:
        name: Its key, below the raw prefix.
    """
    return not name.endswith("/") and bool(_LOOKS_LIKE_DATA.fullmatch(name))


def _in_any_case(word: str) -> tuple[str, ...]:
    return tuple(sorted("".join(letters) for letters in product(*((letter, letter.upper()) for letter in word))))


TABLES = {
    table.name: table
    for table in (
        Table(
            name="songs",
            keys=re.compile(r"songs\.csv(\.gz)?", _ANY_CASE),
            listings=_in_any_case("so"),
            columns=frozenset(_SONG_COLUMNS.split()),
            required=frozenset(["track_id", "artists", "track_name", "popularity", "duration_ms", "track_genre"]),
            is_snapshot=True,
        ),
        Table(
            name="users",
            keys=re.compile(r"users\.csv(\.gz)?", _ANY_CASE),
            listings=_in_any_case("us"),
            columns=frozenset(["user_id", "user_name", "user_age", "user_country", "created_at"]),
            required=frozenset(["user_id", "user_country"]),
            is_snapshot=True,
        ),
        Table(
            name="streams",
            keys=re.compile(r"(streams[^/]*|streams/.*)\.csv(\.gz)?", _ANY_CASE),
            # Everything: this is where objects are found that no table takes.
            listings=("",),
            columns=frozenset(["user_id", "track_id", "listen_time"]),
            required=frozenset(["user_id", "track_id", "listen_time"]),
            is_snapshot=False,
        ),
    )
}
