"""Which rows of the files are listens, songs and users, in plain Python; see the module kpis."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from .raw_files import (
    SONG_COLUMNS,
    SONGS_REQUIRED,
    STREAM_COLUMNS,
    USER_COLUMNS,
    USERS_REQUIRED,
    Source,
    integer,
    read_rows,
    real_date,
    text,
)

EARLIEST = datetime(2000, 1, 1)

# The contract's own pattern; used with fullmatch, since Python's `$` would let a final line feed through.
LISTEN_TIME = re.compile(
    r"^([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])(?:[.]([0-9]{1,6}))?"
    r"(?:Z|([+-])(0[0-9]|1[0-4])(?::?([0-5][0-9]))?)?$"
)


class Reason(StrEnum):
    """Why a row is rejected: 'one reason'.

    Contract silent on the wording, and on which of several reasons is the one: here the first in this order.
    """

    USER_ID_MISSING = "user_id is missing"
    TRACK_ID_MISSING = "track_id is missing"
    LISTEN_TIME_MISSING = "listen_time is missing"
    NOT_A_TIME = "listen_time has the wrong form"
    NOT_A_DATE = "listen_time is not a real date"
    TOO_EARLY = "listen_time is before 2000"
    IN_THE_FUTURE = "listen_time is more than a day after loading"


@dataclass(frozen=True)
class Batch:
    """Files that one transaction landed, at a time in UTC (without a zone)."""

    loaded_at: datetime
    files: Sequence[Source]


class Listen(NamedTuple):
    user_id: str
    track_id: str
    listen_time: datetime
    batch: datetime  # the loaded_at of the batch that brought it first


class Reject(NamedTuple):
    user_id: str | None
    track_id: str | None
    listen_time: str | None
    batch: datetime
    reason: Reason


@dataclass
class BatchCounts:
    """The rows of a batch; `refused` are lines that COPY does not take, which are no rows."""

    loaded_at: datetime
    landed: int = 0
    listens: int = 0
    duplicates: int = 0
    rejects: int = 0
    refused: int = 0


@dataclass
class Classified:
    listens: list[Listen] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    batches: list[BatchCounts] = field(default_factory=list)


@dataclass(frozen=True)
class Song:
    id: int | None
    track_id: str
    track_name: str | None
    track_genre: str | None
    popularity: int | None
    duration_ms: int | None
    artists: tuple[str, ...]


@dataclass(frozen=True)
class Catalogue:
    """One song for each track_id, and the tracks for which the contract does not settle which row that is."""

    songs: dict[str, Song]
    undetermined: frozenset[str] = frozenset()
    refused: int = 0

    def artists(self, track_id: str) -> tuple[str, ...]:
        """'An unknown track has no name and no artist.'"""
        song = self.songs.get(track_id)
        return song.artists if song else ()


def _bytes(value: str | None) -> bytes | None:
    """Texts are ordered by their UTF-8 bytes."""
    return None if value is None else value.encode()


def _null_last(value: Any) -> tuple[Any, ...]:
    return (1,) if value is None else (0, value)


def _null_first(value: Any) -> tuple[Any, ...]:
    return (0,) if value is None else (1, value)


def classify(batches: Iterable[Batch], max_bytes: Mapping[str, int] | None = None) -> Classified:
    """'Every landed row is exactly one of: a listen, a duplicate, a reject.'

    'A listen is one distinct (user_id, track_id, listen_time). [...] It belongs to the batch that brought it first, and
    a later batch that brings it again touches nothing.' The batches come in the order in which they were loaded.
    `max_bytes` says how long a value of a column may be in the landing table.
    """
    result = Classified()
    heard: set[tuple[str, str, datetime]] = set()
    for batch in batches:
        counts = BatchCounts(batch.loaded_at)
        result.batches.append(counts)
        for source in batch.files:
            for row in read_rows(source, STREAM_COLUMNS, STREAM_COLUMNS, max_bytes):
                if row is None:
                    counts.refused += 1
                    continue
                counts.landed += 1
                triple = _judge(row, batch.loaded_at)
                if isinstance(triple, Reason):
                    counts.rejects += 1
                    raw = (row[column] or None for column in STREAM_COLUMNS)
                    result.rejects.append(Reject(*raw, batch.loaded_at, triple))
                elif triple in heard:
                    counts.duplicates += 1
                else:
                    counts.listens += 1
                    heard.add(triple)
                    result.listens.append(Listen(*triple, batch.loaded_at))
    return result


def _judge(row: Mapping[str, str], loaded_at: datetime) -> tuple[str, str, datetime] | Reason:
    """'Rejected: a stream row whose user_id, track_id or listen_time is missing or blank, or whose listen_time breaks
    that rule.'

    The rule: the pattern, 'a real date, not before 2000-01-01, and not more than a day after its row was loaded'.
    Contract silent on a triple that an earlier batch brought and that this batch's time puts in the future: a reject.
    """
    user_id, track_id, written = (text(row[column]) for column in STREAM_COLUMNS)
    if user_id is None:
        return Reason.USER_ID_MISSING
    if track_id is None:
        return Reason.TRACK_ID_MISSING
    if written is None:
        return Reason.LISTEN_TIME_MISSING
    found = LISTEN_TIME.fullmatch(written)
    if not found:
        return Reason.NOT_A_TIME
    day, clock, fraction, sign, hours, minutes = found.groups()
    try:
        listen_time = datetime(
            *(int(part) for part in day.split("-")),
            *(int(part) for part in clock.split(":")),
            microsecond=int((fraction or "").ljust(6, "0")),
        )
    except ValueError:
        return Reason.NOT_A_DATE
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    try:
        listen_time += offset if sign == "-" else -offset
    except OverflowError:
        return Reason.TOO_EARLY if sign == "+" else Reason.IN_THE_FUTURE
    if listen_time < EARLIEST:
        return Reason.TOO_EARLY
    if listen_time > loaded_at + timedelta(days=1):
        return Reason.IN_THE_FUTURE
    return user_id, track_id, listen_time


def catalogue(songs_csv: Source, max_bytes: Mapping[str, int] | None = None) -> Catalogue:
    """'A song's row: the row with the lowest id, compared as an integer (rows with an id that is none come last, then
    by genre), of that track_id.'

    Read as: ordered by id, then by genre, whether the ids are equal or both none.
    Contract silent on rows of one id and genre: if they differ in anything that counts the track is `undetermined`, and
    the order goes on by name, popularity, duration and artists, nulls last. A row without a track_id is no song.
    """
    rows: defaultdict[str, list[Song]] = defaultdict(list)
    refused = 0
    for row in read_rows(songs_csv, SONG_COLUMNS, SONGS_REQUIRED, max_bytes):
        if row is None:
            refused += 1
        elif (track_id := text(row["track_id"])) is not None:
            rows[track_id].append(_song(track_id, row))
    songs = {track_id: min(candidates, key=_song_order) for track_id, candidates in rows.items()}
    undetermined = frozenset(
        track_id
        for track_id, song in songs.items()
        if any(other != song and _song_order(other)[:2] == _song_order(song)[:2] for other in rows[track_id])
    )
    return Catalogue(songs, undetermined, refused)


def _song(track_id: str, row: Mapping[str, str]) -> Song:
    """'Names and genres are trimmed of blanks at both ends, empty ones are null. A popularity that is no integer from 0
    to 100 or a duration that is no integer above 0 is null.'

    Artists are 'split on ;, trimmed, empty ones dropped, one name once per track'.
    """
    names = (text(name) for name in row["artists"].split(";"))
    return Song(
        id=integer(row.get("id")),
        track_id=track_id,
        track_name=text(row["track_name"]),
        track_genre=text(row["track_genre"]),
        popularity=integer(row["popularity"], 0, 100),
        duration_ms=integer(row["duration_ms"], 1),
        artists=tuple(dict.fromkeys(name for name in names if name is not None)),
    )


def _song_order(song: Song) -> tuple[Any, ...]:
    """Contract silent on a null genre: it comes after the others, as NULL does in Redshift."""
    settled = _null_last(song.id), _null_last(_bytes(song.track_genre))
    numbers = _null_last(song.popularity), _null_last(song.duration_ms)
    return *settled, _null_last(_bytes(song.track_name)), *numbers, song.artists


def expected_users(users_csv: Source, max_bytes: Mapping[str, int] | None = None) -> list[tuple[Any, ...]]:
    """'Of several rows of a user_id the last in created_at, then the last by name; an age outside 0-120 and a
    created_at that is no date are null.'

    Contract silent on nulls (they lose to any value), on what follows the name (age, then country, the last), on
    trimming (as for songs; an empty text is null), on an age that is no integer (null) and on rows without a user_id
    (left out).
    """
    users: dict[str, tuple[Any, ...]] = {}
    for row in read_rows(users_csv, USER_COLUMNS, USERS_REQUIRED, max_bytes):
        user_id = text(row["user_id"]) if row else None
        if row is None or user_id is None:
            continue
        name, country = text(row.get("user_name")), text(row["user_country"])
        user = (user_id, name, integer(row.get("user_age"), 0, 120), country, real_date(row.get("created_at")))
        users[user_id] = max(users.get(user_id, user), user, key=_user_order)
    return [users[user_id] for user_id in sorted(users, key=str.encode)]


def _user_order(user: tuple[Any, ...]) -> tuple[Any, ...]:
    _, name, age, country, created_at = user
    return _null_first(created_at), _null_first(_bytes(name)), _null_first(age), _null_first(_bytes(country))
