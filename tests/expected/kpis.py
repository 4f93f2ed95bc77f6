"""What every number must be, computed in plain Python from the raw CSV files.

The contract of the KPIs is quoted in the docstrings, so that each function can be read against its sentence. No code
and no SQL is shared with the dbt models: a mistake would have to be made twice, in two languages, to stay unseen.
Where the contract leaves a choice, the docstring says 'Contract silent' and what was chosen.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any

from .comparison import TABLES, Tables, compare
from .raw_files import RefusedFile
from .rows import (
    Batch,
    BatchCounts,
    Catalogue,
    Classified,
    Listen,
    Reason,
    Reject,
    Song,
    catalogue,
    classify,
    expected_users,
)

__all__ = [
    "TABLES",
    "Batch",
    "BatchCounts",
    "Catalogue",
    "Classified",
    "Listen",
    "Reason",
    "RefusedFile",
    "Reject",
    "Song",
    "catalogue",
    "classify",
    "compare",
    "expected_kpis",
    "expected_users",
]

UNKNOWN_GENRE = "unknown"
TOP_ARTISTS, TOP_TRACKS = 10, 3


def expected_kpis(listens: Iterable[Listen], songs: Catalogue) -> Tables:
    """The KPI tables, each sorted by its grain.

    'The day of a listen is the UTC date of its listen_time. The hour likewise, as a timestamp truncated to the hour.'
    """
    days: defaultdict[date, list[Listen]] = defaultdict(list)
    hours: defaultdict[datetime, list[Listen]] = defaultdict(list)
    for listen in listens:
        days[listen.listen_time.date()].append(listen)
        hours[listen.listen_time.replace(minute=0, second=0, microsecond=0)].append(listen)
    return {
        "listening_kpis_daily": [(day, *_activity(days[day], songs)) for day in sorted(days)],
        "listening_kpis_hourly": [(hour, *_activity(hours[hour], songs)) for hour in sorted(hours)],
        "genre_kpis_daily": [(day, *row) for day in sorted(days) for row in _genres(days[day], songs)],
        "top_tracks_per_genre_daily": [(day, *row) for day in sorted(days) for row in _top_tracks(days[day], songs)],
        "top_artists_per_day": [(day, *row) for day in sorted(days) for row in _top_artists(days[day], songs)],
        "top_artists_per_hour": [(hour, *row) for hour in sorted(hours) for row in _top_artists(hours[hour], songs)],
    }


def _activity(listens: Sequence[Listen], songs: Catalogue) -> tuple[int, int, int, float, int | None]:
    """'unique_listeners: distinct user_id. track_diversity_index: distinct track_id / listen_count.'"""
    unique_tracks = len({listen.track_id for listen in listens})
    unique_listeners = len({listen.user_id for listen in listens})
    # Python divides two integers exactly and rounds once.
    diversity = unique_tracks / len(listens)
    return len(listens), unique_listeners, unique_tracks, diversity, _total_duration(listens, songs)


def _total_duration(listens: Iterable[Listen], songs: Catalogue) -> int | None:
    """'total_duration_ms: the sum of duration_ms over the listens, null where no listen has one.'"""
    known = [songs.songs[listen.track_id].duration_ms for listen in listens if listen.track_id in songs.songs]
    present = [length for length in known if length is not None]
    return sum(present) if present else None


def _by_genre(listens: Iterable[Listen], songs: Catalogue) -> dict[str, list[Listen]]:
    """'A track that the catalogue does not know, or that has no genre there, [...] has the genre `unknown`.'"""
    genres: defaultdict[str, list[Listen]] = defaultdict(list)
    for listen in listens:
        song = songs.songs.get(listen.track_id)
        genres[(song and song.track_genre) or UNKNOWN_GENRE].append(listen)
    return {genre: genres[genre] for genre in sorted(genres, key=str.encode)}


def _genres(listens: Sequence[Listen], songs: Catalogue) -> Iterator[tuple[Any, ...]]:
    """'listen_share: the genre's listens / all listens of the day. [...] genre_rank: by listens, without gaps; ties go
    to the smaller name by bytes.'
    """
    genres = _by_genre(listens, songs)
    ranked = sorted(genres, key=lambda genre: -len(genres[genre]))
    for genre, heard in genres.items():
        known = [songs.songs[listen.track_id] for listen in heard if listen.track_id in songs.songs]
        yield (
            genre,
            len(heard),
            len(heard) / len(listens),
            len({listen.user_id for listen in heard}),
            _mean([song.duration_ms for song in known]),
            _mean([song.popularity for song in known]),
            *_ranked_tracks(heard, songs)[0],
            ranked.index(genre) + 1,
            _total_duration(heard, songs),
        )


def _mean(values: Iterable[int | None]) -> float | None:
    """'Each listen weighs once [...], null where no listen has a popularity.'

    Contract silent on listens without a duration: the same.
    """
    present = [value for value in values if value is not None]
    return sum(present) / len(present) if present else None


def _top_tracks(listens: Iterable[Listen], songs: Catalogue) -> Iterator[tuple[str, int, str, str | None, int]]:
    """'The three tracks of the genre with most listens that day, ties as for most_popular_track.'"""
    for genre, heard in _by_genre(listens, songs).items():
        for rank, track in enumerate(_ranked_tracks(heard, songs)[:TOP_TRACKS], start=1):
            yield genre, rank, *track


def _ranked_tracks(listens: Iterable[Listen], songs: Catalogue) -> list[tuple[str, str | None, int]]:
    """'The track of the genre with most listens that day; ties go to the higher popularity (null lowest), then to the
    smallest track_id by bytes. `unknown` has one too, with a null name where the catalogue has none.'
    """
    plays = Counter(listen.track_id for listen in listens)

    def order(track_id: str) -> tuple[int, int, bytes]:
        song = songs.songs.get(track_id)
        popularity = -1 if song is None or song.popularity is None else song.popularity
        return -plays[track_id], -popularity, track_id.encode()

    return [
        (track_id, songs.songs[track_id].track_name if track_id in songs.songs else None, plays[track_id])
        for track_id in sorted(plays, key=order)
    ]


def _top_artists(listens: Iterable[Listen], songs: Catalogue) -> Iterator[tuple[int, str, int]]:
    """'Each artist credited on a track [...] gets the listen. The ten with most listens, ranks 1 to 10 without gaps;
    ties go to the smaller name by bytes. Fewer artists, fewer rows.'
    """
    credits = Counter(artist for listen in listens for artist in songs.artists(listen.track_id))
    ranked = sorted(credits, key=lambda name: (-credits[name], name.encode()))
    for rank, name in enumerate(ranked[:TOP_ARTISTS], start=1):
        yield rank, name, credits[name]
