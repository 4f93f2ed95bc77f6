"""The headline numbers of the last day, how they changed, and what a reader takes from them in a few sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from kpi_pipeline.kpi_page.data import PageData
from kpi_pipeline.kpi_page.formats import day, isolated, listening_time, number, percent, spell, weekday

_PLAYS = 100
"""How many plays the variety of tracks is told for: 17.8 in a hundred, rather than 0.178."""


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
    """The headlines, and what they are compared with.

    Attributes:
        tiles: The numbers.
        compared_with: The earlier day; None where there is none to compare with.
        is_a_week_before: Whether that day is the same weekday.
        is_as_first_counted: Whether both days are compared as they were first counted, without their later listens.
        growth: By which share the earlier day grew since; None where that is not known.
    """

    tiles: tuple[Headline, ...]
    compared_with: date | None = None
    is_a_week_before: bool = False
    is_as_first_counted: bool = False
    growth: float | None = None


def headlines(data: PageData) -> Headlines:
    """Compare the last day with the same weekday a week before, or else with the day before.

    The last day still lacks its late listens, so the two are compared as each of them was first counted. That is left
    where the earlier day was first built together with the last one: it had its late listens by then.

    Args:
        data: What the page shows.
    """
    last = data.on(data.last_day)
    if last is None or data.last_day is None:
        return Headlines(())
    candidates = (data.last_day - timedelta(days=7), data.last_day - timedelta(days=1))
    compared_with = next((day for day in candidates if data.on(day)), None)
    before = data.on(compared_with)
    first, first_before = data.first_count(data.last_day), data.first_count(compared_with)
    is_like = first is not None and first_before is not None and first_before["built_at"] < first["built_at"]
    newer, older = (first, first_before) if is_like else (last, before)
    return Headlines(
        tuple(_tiles(last, newer or last, older)),
        compared_with,
        is_a_week_before=compared_with == candidates[0],
        is_as_first_counted=is_like,
        growth=_share(before, first_before, "listen_count") if is_like and before and first_before else None,
    )


def _tiles(last: Mapping[str, Any], newer: Mapping[str, Any], older: Mapping[str, Any] | None) -> Iterator[Headline]:
    variety = last["track_diversity_index"]
    texts = {
        "listen_count": ("Listens", "played tracks", number(last["listen_count"])),
        "unique_listeners": ("Listeners", "different people", number(last["unique_listeners"])),
        "total_duration_ms": (
            "Listening time",
            "hours, each track in its whole length",
            listening_time(last["total_duration_ms"]),
        ),
        "unique_tracks": ("Tracks", "different tracks", number(last["unique_tracks"])),
        "track_diversity_index": (
            "Variety",
            f"different tracks per {_PLAYS} plays",
            number(None if variety is None else variety * _PLAYS, 1),
        ),
    }
    for column, (name, meaning, text) in texts.items():
        if last[column] is not None:
            yield Headline(column, name, meaning, last[column], text, _change(newer, older, column))


def sentences(data: PageData, shown: Headlines) -> list[str]:
    """Say what happened on the last day, in sentences made from its numbers.

    Args:
        data: What the page shows.
        shown: The headlines.
    """
    last = data.on(data.last_day)
    if last is None:
        return []
    said = []
    if last["unique_listeners"] is not None and last["listen_count"] is not None:
        people = spell(last["unique_listeners"], "person", "people")
        listened = f"{people} played {spell(last['listen_count'], 'track')}"
        changes = {tile.column: tile.change for tile in shown.tiles}
        if shown.compared_with is not None and changes["listen_count"]:
            before = f"the {weekday(shown.compared_with)} before" if shown.is_a_week_before else "the day before"
            listened += f", {_in_words(changes['listen_count'])} {before}"
        said.append(f"{listened}.")
    leaders = []
    if data.genres:
        first = data.genres[0]
        leaders.append(f"the genre {isolated(first['track_genre'])} ({percent(first['listen_share'])} of the listens)")
    if data.artists:
        leaders.append(f"the artist {isolated(data.artists[0]['artist_name'])}")
    if data.top_tracks and data.top_tracks[0]["track_name"] is not None:
        leaders.append(f"the track {isolated(data.top_tracks[0]['track_name'])}")
    if leaders:
        said.append(f"Played most: {', '.join(leaders)}.")
    return said


def comparison(data: PageData, shown: Headlines) -> list[str]:
    """Say what the changes are against, and how far the newest days can be trusted.

    Args:
        data: What the page shows.
        shown: The headlines.
    """
    if shown.compared_with is None or data.last_day is None:
        return ["Neither the day before nor the same weekday a week before has listens to compare with."]
    before = day(shown.compared_with)
    which = "the same weekday a week before" if shown.is_a_week_before else "the day before"
    how = ", both days as they were first counted" if shown.is_as_first_counted else ""
    said = [f"Changes are against {before}, {which}{how}."]
    if shown.is_as_first_counted and shown.growth is not None:
        grown = "has not grown" if percent(shown.growth) == percent(0) else f"grew by {percent(shown.growth)}"
        said.append(
            f"{day(data.last_day)} is provisional: listens arrive late. {before} {grown} since it was first counted."
        )
    elif not shown.is_as_first_counted:
        said.append(
            f"{day(data.last_day)} is provisional: listens arrive late, and {before} may have had its late ones, so a "
            f"small fall means nothing."
        )
    return said


def _share(newer: Mapping[str, Any], older: Mapping[str, Any], column: str) -> float | None:
    return float(newer[column] / older[column] - 1) if newer[column] is not None and older[column] else None


def _change(newer: Mapping[str, Any], older: Mapping[str, Any] | None, column: str) -> str:
    change = _share(newer, older, column) if older is not None else None
    if change is None:
        return ""
    text = percent(abs(change))
    if text == percent(0):
        return "unchanged"
    return f"{'▲' if change > 0 else '▼'}\u202f{text}"


def _in_words(change: str) -> str:
    if change == "unchanged":
        return "as many as on"
    return f"{change[2:]} {'more' if change[0] == '▲' else 'fewer'} than on"
