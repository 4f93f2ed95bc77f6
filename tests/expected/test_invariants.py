"""What holds for any rows, whatever the batches in which they arrive."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .builders import LOADED_AT, STREAMS, catalogue_of, file_of
from .kpis import Batch, Catalogue, classify, compare, expected_kpis

# Few values, so that duplicates, ties and several forms of one instant are common.
USERS = ["u1", " u1 ", "u2", "u2", "Ü", "U1", "", "  "]
TRACKS = ["a", " a", "b", "b ", "c", "d", "gone", "Gone", ""]
TIMES = [
    "2024-06-25 12:00:00",
    "2024-06-25T12:00:00",
    " 2024-06-25 12:00:00.0",
    "2024-06-25 12:00:00.5",
    "2024-06-25T12:00:00.500",
    "2024-06-25 23:59:59.999999",
    "2024-06-26 00:00:00",
    "2000-01-01 00:00:00",
    "1999-12-31 23:59:59",
    "2023-02-29 12:00:00",
    "2030-01-01 00:00:00",
    "2024-06-25",
    "",
]
ROWS = st.builds("{},{},{}".format, *map(st.sampled_from, (USERS, TRACKS, TIMES)))
LINES = st.one_of(ROWS, ROWS, ROWS, st.sampled_from(["u1,a", "u1,a,2024-06-25 12:00:00,"]))
ARTISTS = ["Ann", "Ann;Bob", "Bob; Ann ;Bob", " ; ", "", ";".join("ABCDEFGHIJKé")]
SONGS = st.builds(
    "{},{},{},Name,{},{},{}".format,
    *map(st.sampled_from, (["1", "2", "x"], ["a", "b", "c", "d"], ARTISTS, ["", "0", "50"], ["0", "1000", "1001"])),
    st.sampled_from(["pop", "rock", "", "unknown"]),
)
CATALOGUES = st.lists(SONGS, max_size=8).map(lambda rows: catalogue_of(*rows))


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[str], list[list[list[str]]]]:
    """Lines, and batches of files that bring each of them at least once, in any order."""
    lines = draw(st.lists(LINES, min_size=1, max_size=25))
    repeats = draw(st.lists(st.sampled_from(lines), max_size=10))
    batches: list[list[list[str]]] = [[[]]]
    for line in draw(st.permutations(lines + repeats)):
        match draw(st.sampled_from(["same file", "same file", "new file", "new batch"])):
            case "new file":
                batches[-1].append([])
            case "new batch":
                batches.append([[]])
        batches[-1][-1].append(line)
    return lines, batches


def landed(batches: list[list[list[str]]]) -> list[Batch]:
    return [
        Batch(LOADED_AT + timedelta(minutes=number), [file_of(STREAMS, lines) for lines in files])
        for number, files in enumerate(batches)
    ]


# No database: it would leave a directory beside whatever calls the tests.
@settings(max_examples=150, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(arrivals(), CATALOGUES)
def test_any_batches_give_the_kpis_of_one(arrived: tuple[list[str], list[list[list[str]]]], songs: Catalogue) -> None:
    """'Any split of the same files into batches, in any order, with repeats, [...] gives the same KPI tables, to the
    last digit, as one full refresh.'
    """
    lines, batches = arrived
    whole, split = classify(landed([[lines]])), classify(landed(batches))
    assert expected_kpis(split.listens, songs) == expected_kpis(whole.listens, songs)
    assert compare(expected_kpis(split.listens, songs), expected_kpis(whole.listens, songs), 0) == []
    for files, counts in zip(batches, split.batches, strict=True):
        assert counts.landed == counts.listens + counts.duplicates + counts.rejects
        assert counts.landed + counts.refused == sum(map(len, files))
    triples = [listen[:3] for listen in split.listens]
    assert len(triples) == len(set(triples)) == sum(counts.listens for counts in split.batches)
    assert Counter(listen.batch for listen in split.listens) == Counter(
        {counts.loaded_at: counts.listens for counts in split.batches}
    )
    assert len(split.rejects) == sum(counts.rejects for counts in split.batches)


@settings(max_examples=150, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ROWS, max_size=40), CATALOGUES)
def test_the_tables_agree_with_one_another(lines: list[str], songs: Catalogue) -> None:
    """Shares add up to 1, genres and hours add up to the day, ranks have no gaps."""
    listens = classify(landed([[lines]])).listens
    tables = expected_kpis(listens, songs)
    days = {day: row for day, *row in tables["listening_kpis_daily"]}
    assert sum(count for count, *_ in days.values()) == len(listens)

    hours: defaultdict[Any, list[tuple[Any, ...]]] = defaultdict(list)
    genres: defaultdict[Any, list[tuple[Any, ...]]] = defaultdict(list)
    artists: defaultdict[Any, list[tuple[Any, ...]]] = defaultdict(list)
    tracks_of: defaultdict[Any, list[tuple[Any, ...]]] = defaultdict(list)
    for hour, *row in tables["listening_kpis_hourly"]:
        assert hour == datetime(hour.year, hour.month, hour.day, hour.hour)
        hours[hour.date()].append(tuple(row))
    for day, *row in tables["genre_kpis_daily"]:
        genres[day].append(tuple(row))
    for day, *row in tables["top_artists_per_day"]:
        artists[day].append(tuple(row))
    for day, *row in tables["top_tracks_per_genre_daily"]:
        tracks_of[day].append(tuple(row))
    assert set(hours) == set(tracks_of) == set(genres) == set(days) >= set(artists)

    for day, (count, listeners, tracks, diversity, duration) in days.items():
        assert 0 < diversity <= 1
        assert count == sum(row[0] for row in hours[day]) == sum(row[1] for row in genres[day])
        assert max(row[1] for row in hours[day]) <= listeners <= sum(row[1] for row in hours[day])
        assert max(row[2] for row in hours[day]) <= tracks <= sum(row[2] for row in hours[day])
        assert math.isclose(math.fsum(row[2] for row in genres[day]), 1, rel_tol=1e-12)
        assert [row[0] for row in artists[day]] == list(range(1, len(artists[day]) + 1))
        plays = [row[2] for row in artists[day]]
        assert plays == sorted(plays, reverse=True) and len(plays) <= 10
        names = {name for x in listens if x.listen_time.date() == day for name in songs.artists(x.track_id)}
        assert len(plays) == min(10, len(names))
        assert sorted(row[-2] for row in genres[day]) == list(range(1, len(genres[day]) + 1))
        assert (duration or 0) == sum(row[-1] or 0 for row in hours[day]) == sum(row[-1] or 0 for row in genres[day])
        assert [row for row in tracks_of[day] if row[1] == 1] == [(row[0], 1, *row[6:9]) for row in genres[day]]
        for _, listened, _, unique_listeners, _, popularity, _, _, best, _, _ in genres[day]:
            assert 1 <= unique_listeners <= listened and 1 <= best <= listened
            assert popularity is None or 0 <= popularity <= 100
