"""The landing tables, the files that fill them, and the columns that a file must or may have.

Source: the contract of the raw files, in the docs of the dbt source ``landing``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SONG_COLUMNS = (
    "id track_id artists album_name track_name popularity duration_ms explicit danceability energy key loudness mode "
    "speechiness acousticness instrumentalness liveness valence tempo time_signature track_genre"
)


@dataclass(frozen=True)
class Table:
    """A landing table.

    Attributes:
        name: The table, also the stem of its lock table.
        keys: What a key, below the raw prefix, looks like.
        listing: What each of these keys begins with: S3 lists by it.
        columns: Every column that a file may have.
        required: The columns that a file must have.
        is_snapshot: Whether a file replaces the table's rows (songs, users) or adds to them (streams).
    """

    name: str
    keys: re.Pattern[str]
    listing: str
    columns: frozenset[str]
    required: frozenset[str]
    is_snapshot: bool


TABLES = {
    table.name: table
    for table in (
        Table(
            name="songs",
            keys=re.compile(r"songs\.csv"),
            listing="songs.csv",
            columns=frozenset(_SONG_COLUMNS.split()),
            required=frozenset(["id", "track_id", "artists", "track_name", "popularity", "duration_ms", "track_genre"]),
            is_snapshot=True,
        ),
        Table(
            name="users",
            keys=re.compile(r"users\.csv"),
            listing="users.csv",
            columns=frozenset(["user_id", "user_name", "user_age", "user_country", "created_at"]),
            required=frozenset(["user_id", "user_country"]),
            is_snapshot=True,
        ),
        Table(
            name="streams",
            keys=re.compile(r"streams[^/]*\.csv|streams/.*\.csv", re.DOTALL),
            listing="streams",
            columns=frozenset(["user_id", "track_id", "listen_time"]),
            required=frozenset(["user_id", "track_id", "listen_time"]),
            is_snapshot=False,
        ),
    )
}
