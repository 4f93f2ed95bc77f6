"""What differs between the expected tables and those of a database, in words."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

Row = tuple[Any, ...]
Tables = dict[str, list[Row]]

ACTIVITY = ("listen_count", "unique_listeners", "unique_tracks", "track_diversity_index", "total_duration_ms")
# Each table: the columns of its grain, then the others, both in the order of the contract.
TABLES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "listening_kpis_daily": (("listen_date",), ACTIVITY),
    "listening_kpis_hourly": (("listen_hour",), ACTIVITY),
    "genre_kpis_daily": (
        ("listen_date", "track_genre"),
        (
            "listen_count",
            "listen_share",
            "unique_listeners",
            "average_duration_ms",
            "popularity_index",
            "most_popular_track_id",
            "most_popular_track_name",
            "most_popular_track_listen_count",
            "genre_rank",
            "total_duration_ms",
        ),
    ),
    "top_tracks_per_genre_daily": (
        ("listen_date", "track_genre", "track_rank"),
        ("track_id", "track_name", "listen_count"),
    ),
    "top_artists_per_day": (("listen_date", "artist_rank"), ("artist_name", "listen_count")),
    "top_artists_per_hour": (("listen_hour", "artist_rank"), ("artist_name", "listen_count")),
    "dim_users": (("user_id",), ("user_name", "user_age", "user_country", "created_at")),
}


def compare(
    expected: Mapping[str, Iterable[Sequence[Any]]],
    actual: Mapping[str, Iterable[Sequence[Any]]],
    relative_tolerance: float = 1e-12,
) -> list[str]:
    """Each missing, extra, repeated or changed row of each table in a line; nothing when the tables are equal.

    Rows are matched by their grain, in any order. Only doubles have a tolerance: two engines may add them up in
    different orders. All else is equal or it is not.
    """
    differences = [f"{table}: extra table" for table in actual if table not in expected]
    for table, rows in expected.items():
        if table in actual:
            differences += _compare_rows(table, rows, actual[table], relative_tolerance)
        else:
            differences.append(f"{table}: missing table")
    return differences


def _compare_rows(
    table: str, expected: Iterable[Sequence[Any]], actual: Iterable[Sequence[Any]], relative_tolerance: float
) -> list[str]:
    grain, others = TABLES[table]
    columns = grain + others
    differences: list[str] = []
    wanted = _by_grain(expected, len(grain))
    found = _by_grain(actual, len(grain))
    for key in [*wanted, *(key for key in found if key not in wanted)]:
        name = f"{table} [{', '.join(f'{column}={_show(value)}' for column, value in zip(grain, key, strict=False))}]"
        theirs, ours = found[key], wanted[key]
        if not theirs:
            differences.append(f"{name}: missing row")
        elif not ours:
            differences.append(f"{name}: extra row")
        elif len(ours) > 1 or len(theirs) > 1:
            differences.append(f"{name}: {len(ours)} rows expected, {len(theirs)} rows found")
        elif not len(ours[0]) == len(theirs[0]) == len(columns):
            differences.append(
                f"{name}: {len(columns)} columns wanted, {len(ours[0])} expected, {len(theirs[0])} found"
            )
        else:
            changed = [
                f"{column} {_show(want)} expected, {_show(got)} found"
                for column, want, got in zip(columns, ours[0], theirs[0], strict=True)
                if not _equal(want, got, relative_tolerance)
            ]
            if changed:
                differences.append(f"{name}: {'; '.join(changed)}")
    return differences


def _by_grain(rows: Iterable[Sequence[Any]], width: int) -> defaultdict[Row, list[Row]]:
    keyed: defaultdict[Row, list[Row]] = defaultdict(list)
    for row in rows:
        keyed[tuple(row[:width])].append(tuple(row))
    return keyed


def _equal(expected: Any, actual: Any, relative_tolerance: float) -> bool:
    if isinstance(expected, float) and isinstance(actual, int | float | Decimal):
        return math.isclose(expected, actual, rel_tol=relative_tolerance, abs_tol=0)
    return bool(expected == actual)


def _show(value: Any) -> str:
    """Dates as people read them, texts in quotes, so that a blank at an end can be seen."""
    return repr(value) if value is None or isinstance(value, str | int | float) else str(value)
