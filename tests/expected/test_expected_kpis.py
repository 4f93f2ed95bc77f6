"""Each rule of the KPI contract at least once, with an answer worked out by hand."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from .builders import LOADED_AT, SONGS, STREAMS, USERS, catalogue_of, file_of, listens_of
from .kpis import Batch, Reason, RefusedFile, catalogue, classify, compare, expected_kpis, expected_users

DAY, NEXT_DAY = date(2024, 6, 25), date(2024, 6, 26)
NOON = datetime(2024, 6, 25, 12)


# Which rows count


def test_every_row_is_a_listen_a_duplicate_or_a_reject() -> None:
    later = LOADED_AT + timedelta(hours=1)
    first = file_of(STREAMS, ["u1,a,2024-06-25 12:00:00", "u1,a,2024-06-25 12:00:00", ",a,2024-06-25 12:00:00"])
    second = file_of(STREAMS, ["u1,a,2024-06-25T12:00:00", ",a,2024-06-25 12:00:00", "u2,a,2024-06-25 12:00:00", "u2"])
    result = classify([Batch(LOADED_AT, [first]), Batch(later, [second, first])])
    counts = [(b.landed, b.listens, b.duplicates, b.rejects, b.refused) for b in result.batches]
    assert counts == [(3, 1, 1, 1, 0), (6, 1, 3, 2, 1)]
    assert result.listens == [("u1", "a", NOON, LOADED_AT), ("u2", "a", NOON, later)]
    assert [(reject.batch, reject.reason) for reject in result.rejects] == [
        (LOADED_AT, Reason.USER_ID_MISSING),
        (later, Reason.USER_ID_MISSING),
        (later, Reason.USER_ID_MISSING),
    ]


@pytest.mark.parametrize(
    ("forms", "instant"),
    [
        (["2024-06-25 12:00:00", "2024-06-25T12:00:00", " 2024-06-25 12:00:00.0 ", "2024-06-25T12:00:00.000000"], NOON),
        (["2024-06-25 12:00:00.5", "2024-06-25T12:00:00.500000"], NOON.replace(microsecond=500_000)),
        (["2024-06-25 12:00:00.000005"], NOON.replace(microsecond=5)),
        (["2024-02-29 23:59:59"], datetime(2024, 2, 29, 23, 59, 59)),
        (["2000-01-01 00:00:00"], datetime(2000, 1, 1)),
    ],
)
def test_forms_of_one_instant_are_one_listen(forms: list[str], instant: datetime) -> None:
    assert listens_of(*(f"u1,a,{form}" for form in forms)) == [("u1", "a", instant, LOADED_AT)]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",a,2024-06-25 12:00:00", Reason.USER_ID_MISSING),
        ('"  ",a,2024-06-25 12:00:00', Reason.USER_ID_MISSING),
        ('u1,"",2024-06-25 12:00:00', Reason.TRACK_ID_MISSING),
        ("u1,  ,2024-06-25 12:00:00", Reason.TRACK_ID_MISSING),
        ("u1,a,", Reason.LISTEN_TIME_MISSING),
        ("u1,a,   ", Reason.LISTEN_TIME_MISSING),
        ("u1,a,2024-06-25", Reason.NOT_A_TIME),
        ("u1,a,1719316800", Reason.NOT_A_TIME),
        ("u1,a,2024-06-25 12:00:00 UTC", Reason.NOT_A_TIME),
        ("u1,a,2024-06-25 12:00:00 +00:00", Reason.NOT_A_TIME),
        ("u1,a,2024-06-25  12:00:00", Reason.NOT_A_TIME),
        ("u1,a,2024-06-25t12:00:00", Reason.NOT_A_TIME),
        ("u1,a,2024-06-25 24:00:00", Reason.NOT_A_TIME),
        ("u1,a,2024-06-25 12:00:60", Reason.NOT_A_TIME),
        ("u1,a,2024-06-25 12:00:00.", Reason.NOT_A_TIME),
        ("u1,a,2024-06-25 12:00:00.1234567", Reason.NOT_A_TIME),
        ('u1,a,"2024-06-25 12:00:00\n"', Reason.NOT_A_TIME),
        ("u1,a,2024-06-25 12:00:00\t", Reason.NOT_A_TIME),
        ("u1,a,٢٠٢٤-06-25 12:00:00", Reason.NOT_A_TIME),
        ("u1,a,2023-02-29 12:00:00", Reason.NOT_A_DATE),
        ("u1,a,2024-13-01 12:00:00", Reason.NOT_A_DATE),
        ("u1,a,0000-01-01 12:00:00", Reason.NOT_A_DATE),
        ("u1,a,1999-12-31 23:59:59.999999", Reason.TOO_EARLY),
        ("u1,a,2024-07-02 12:00:00.000001", Reason.IN_THE_FUTURE),
        ("u1,a,9999-12-31 23:59:59", Reason.IN_THE_FUTURE),
    ],
)
def test_rejects(row: str, reason: Reason) -> None:
    result = classify([Batch(LOADED_AT, [file_of(STREAMS, [row])])])
    assert [reject.reason for reject in result.rejects] == [reason]
    assert result.listens == []


def test_the_future_is_judged_at_loading() -> None:
    row = file_of(STREAMS, ["u1,a,2024-07-02 12:00:00.000001"])
    result = classify([Batch(LOADED_AT, [row]), Batch(LOADED_AT + timedelta(seconds=1), [row])])
    assert [(batch.listens, batch.rejects) for batch in result.batches] == [(0, 1), (1, 0)]
    assert len(listens_of("u1,a,2024-07-02 12:00:00")) == 1, "a day after loading is not more than a day"


def test_only_blanks_are_trimmed() -> None:
    users = ["u1", "  u1 ", "u1\t", "\u00a0u1", "U1", '" u1 "']
    listens = listens_of(*(f"{user}, a ,2024-06-25 12:00:00" for user in users))
    assert [listen.user_id for listen in listens] == ["u1", "u1\t", "\u00a0u1", "U1"]
    assert {listen.track_id for listen in listens} == {"a"}


def test_lines_that_copy_refuses_are_no_rows() -> None:
    good = b"u1,a,2024-06-25 12:00:00\r\n"
    refused = [b"u1,a\n", b"u1,a,2024-06-25 12:00:00,\n", b"u\xff,a,2024-06-25 12:00:00\n"]
    refused += [b"u\xed\xa0\x80,a,2024-06-25 12:00:00\n", b'"u"1,a,2024-06-25 12:00:00\n']
    refused += ["ééé,a,2024-06-25 12:00:00\n".encode(), b'"unclosed,a\n,2024']
    raw = b"user_id,track_id,listen_time\n" + good.join([b"", *refused])
    (counts,) = classify([Batch(LOADED_AT, [raw])], max_bytes={"user_id": 5}).batches
    assert (counts.landed, counts.listens, counts.duplicates, counts.refused) == (7, 1, 6, 7)
    assert len(listens_of("é" * 32_767 + ",a,2024-06-25 12:00:00")) == 1
    assert len(listens_of("é" * 32_768 + ",a,2024-06-25 12:00:00")) == 0, "65,536 bytes"


def test_columns_come_in_any_order() -> None:
    swapped = file_of("listen_time,user_id,track_id", ["2024-06-25 12:00:00,u1,a"])
    assert classify([Batch(LOADED_AT, [swapped])]).listens == listens_of("u1,a,2024-06-25 12:00:00")


@pytest.mark.parametrize(
    "header",
    [
        "user_id,track_id",
        "",
        f"{STREAMS},country",
        f"{STREAMS},user_id",
        "User_id,track_id,listen_time",
        f"\ufeff{STREAMS}",
    ],
)
def test_files_with_a_wrong_header_are_refused(header: str) -> None:
    with pytest.raises(RefusedFile):
        classify([Batch(LOADED_AT, [file_of(header, [])])])


# The catalogue


@pytest.mark.parametrize(
    ("ids_and_genres", "genre"),
    [
        ([("10", "jazz"), ("9", "pop")], "pop"),  # as integers: as texts 10 comes first
        ([("2", "jazz"), (" +1 ", "pop"), ("03", "rock")], "pop"),
        ([("-1", "pop"), ("0", "jazz")], "pop"),
        ([("1.5", "jazz"), ("x", "jazz"), ("", "jazz"), ("99999999999999999999", "pop")], "pop"),
        ([("10.0", "jazz"), ("9.00", "pop")], "pop"),
        ([("x", "rock"), ("", "pop"), ("1e1", " jazz ")], "jazz"),
        ([("x", "éa"), ("y", "zz"), ("z", "Zz")], "Zz"),  # by bytes
        ([("7", "pop"), ("7", "jazz")], "jazz"),
        ([("7", ""), ("7", "jazz")], "jazz"),
        ([("6", " "), ("7", "jazz")], None),  # the lowest id, though it has no genre
    ],
)
def test_the_row_of_a_song(ids_and_genres: list[tuple[str, str]], genre: str | None) -> None:
    for rows in (ids_and_genres, ids_and_genres[::-1]):
        songs = catalogue_of(*(f"{song_id}, a ,Ann,Alpha,50,1000,{name}" for song_id, name in rows))
        assert songs.songs["a"].track_genre == genre
        assert not songs.undetermined


def test_rows_that_the_contract_does_not_tell_apart_are_named() -> None:
    songs = catalogue_of("1,a,A,Alpha,50,1,pop", "1,a,A,Alpha,60,1,pop", "1,b,A,B,5,1,pop", "1,b,A, B,05,1,pop")
    assert songs.undetermined == {"a"}


def test_the_values_of_a_song() -> None:
    songs = catalogue(
        file_of(
            "track_genre,duration_ms,popularity,track_name,album_name,artists,track_id,id",
            [
                'pop, +1 ,+100," A ""quoted"", name ",x," Ann; ;Bob;;Ann ;ann;",a,1',
                "pop,0,101, ,x,;,b,2",
                "pop,-5,-1,,x,,c,3",
                "pop,1000.0,50.0,n,x,Terra ,d,4",
                "pop,1e3,-0,n,x,Ann,e,5",
                "pop,1,1,n,x,Ann,,6",
                "pop,1,1,n,x,Ann,f",
            ],
        )
    )
    values = {
        track_id: (song.track_name, song.popularity, song.duration_ms, song.artists)
        for track_id, song in songs.songs.items()
    }
    assert values == {
        "a": ('A "quoted", name', 100, 1, ("Ann", "Bob", "ann")),
        "b": (None, None, None, ()),
        "c": (None, None, None, ()),
        "d": ("n", 50, 1000, ("Terra",)),
        "e": ("n", 0, None, ("Ann",)),
    }
    assert (songs.refused, songs.artists("a"), songs.artists("gone")) == (1, ("Ann", "Bob", "ann"), ())


# KPIs


def test_all_kpis_of_two_days() -> None:
    songs = catalogue_of(
        "1,a,Ann;Bob,Alpha,80,200000,pop",
        "2,b,Ann;Ann,Beta,,100000,pop",
        "3,c,Cy,Gamma,10,,rock",
        "4,d,Di,Delta,30,50001,",
    )
    listens = listens_of(
        "u4,x,2024-06-26 00:00:00",
        "u1,a,2024-06-25 10:00:00",
        "u1,a,2024-06-25 10:30:00",
        "u2,b,2024-06-25 10:59:59.5",
        "u2,b,2024-06-25 11:00:00",
        "u3,b,2024-06-25 23:59:59.999999",
        "u1,c,2024-06-25 11:00:00",
        "u1,d,2024-06-25 11:00:00",
        "u4,x,2024-06-25 11:30:00",
    )
    assert expected_kpis(listens, songs) == {
        "listening_kpis_daily": [(DAY, 8, 4, 5, 0.625, 750_001), (NEXT_DAY, 1, 1, 1, 1.0, None)],
        "listening_kpis_hourly": [
            (datetime(2024, 6, 25, 10), 3, 2, 2, 2 / 3, 500_000),
            (datetime(2024, 6, 25, 11), 4, 3, 4, 1.0, 150_001),
            (datetime(2024, 6, 25, 23), 1, 1, 1, 1.0, 100_000),
            (datetime(2024, 6, 26, 0), 1, 1, 1, 1.0, None),
        ],
        "genre_kpis_daily": [
            (DAY, "pop", 5, 0.625, 3, 140000.0, 80.0, "b", "Beta", 3, 1, 700_000),
            (DAY, "rock", 1, 0.125, 1, None, 10.0, "c", "Gamma", 1, 3, None),
            (DAY, "unknown", 2, 0.25, 2, 50001.0, 30.0, "d", "Delta", 1, 2, 50_001),
            (NEXT_DAY, "unknown", 1, 1.0, 1, None, None, "x", None, 1, 1, None),
        ],
        "top_tracks_per_genre_daily": [
            (DAY, "pop", 1, "b", "Beta", 3),
            (DAY, "pop", 2, "a", "Alpha", 2),
            (DAY, "rock", 1, "c", "Gamma", 1),
            (DAY, "unknown", 1, "d", "Delta", 1),
            (DAY, "unknown", 2, "x", None, 1),
            (NEXT_DAY, "unknown", 1, "x", None, 1),
        ],
        "top_artists_per_day": [(DAY, 1, "Ann", 5), (DAY, 2, "Bob", 2), (DAY, 3, "Cy", 1), (DAY, 4, "Di", 1)],
        "top_artists_per_hour": [
            (datetime(2024, 6, 25, 10), 1, "Ann", 3),
            (datetime(2024, 6, 25, 10), 2, "Bob", 2),
            (datetime(2024, 6, 25, 11), 1, "Ann", 1),
            (datetime(2024, 6, 25, 11), 2, "Cy", 1),
            (datetime(2024, 6, 25, 11), 3, "Di", 1),
            (datetime(2024, 6, 25, 23), 1, "Ann", 1),
        ],
    }


@pytest.mark.parametrize(
    ("songs", "plays", "winner"),
    [
        ({"a": "90", "b": "10"}, "abb", "b"),  # listens before popularity
        ({"a": "9", "b": "10"}, "ab", "b"),  # popularity as a number
        ({"a": "", "b": "0"}, "ab", "b"),  # null is lower than 0
        ({"b": "50", "a": "50"}, "ba", "a"),
        ({"a": "50", "B": "50"}, "aB", "B"),  # by bytes: capitals first
        ({"é": "", "z": ""}, "éz", "z"),
    ],
)
def test_the_most_popular_track(songs: dict[str, str], plays: str, winner: str) -> None:
    rows = (f"1,{track_id},Ann,{track_id},{popularity},1000,pop" for track_id, popularity in songs.items())
    listens = listens_of(*(f"u1,{track},2024-06-25 12:00:0{second}" for second, track in enumerate(plays)))
    tables = expected_kpis(listens, catalogue_of(*rows))
    ((*_, track_id, name, count, _, _),) = tables["genre_kpis_daily"]
    assert (track_id, name, count) == (winner, winner, plays.count(winner))
    first, second = tables["top_tracks_per_genre_daily"]
    assert first == (DAY, "pop", 1, winner, winner, plays.count(winner)) and second[2] == 2


def test_unknown_tracks_tie_with_known_ones_and_with_a_genre_of_that_name() -> None:
    listens = listens_of(*(f"u1,{track},2024-06-25 12:00:00" for track in "bca"))
    assert expected_kpis(listens, catalogue_of("1,b,Ann,Beta,0,7,unknown", "2,c,,Gamma,,,"))["genre_kpis_daily"] == [
        (DAY, "unknown", 3, 1.0, 1, 7.0, 0.0, "b", "Beta", 1, 1, 7)
    ]
    assert expected_kpis(listens, catalogue_of("1,b,Ann,Beta,,7,", "2,c,,Gamma,,,"))["genre_kpis_daily"] == [
        (DAY, "unknown", 3, 1.0, 1, 7.0, None, "a", None, 1, 1, 7)  # null popularities tie: the smallest track_id
    ]


def test_genres_rank_by_listens_and_then_by_bytes() -> None:
    songs = catalogue_of("1,a,A,A,1,1,pop", "2,b,B,B,1,1,Rock", "3,c,C,C,1,1,\u00e9t\u00e9")
    listens = listens_of(*(f"u1,{track},2024-06-25 12:00:0{second}" for second, track in enumerate("abcxx")))
    ranks = {genre: rank for _, genre, *_, rank, _ in expected_kpis(listens, songs)["genre_kpis_daily"]}
    assert ranks == {"unknown": 1, "Rock": 2, "pop": 3, "\u00e9t\u00e9": 4}


def test_three_tracks_a_genre() -> None:
    popularities = {"a": "0", "b": "9", "c": "", "d": "1"}
    songs = catalogue_of(*(f"1,{track},A,{track},{popularity},1,pop" for track, popularity in popularities.items()))
    listens = listens_of(*(f"u1,{track},2024-06-25 12:00:0{second}" for second, track in enumerate("abcdd")))
    assert expected_kpis(listens, songs)["top_tracks_per_genre_daily"] == [
        (DAY, "pop", 1, "d", "d", 2),
        (DAY, "pop", 2, "b", "b", 1),
        (DAY, "pop", 3, "a", "a", 1),
    ]


def test_ten_artists_with_ties_by_bytes() -> None:
    names = ["é", "z", "a", "Z", "A", "B", "aa", "ab", "a b", "10", "9"]
    songs = catalogue_of(f"1,a,{';'.join(names)},Alpha,1,1,pop", "2,b,é;é,Beta,1,1,pop", "3,c,,Gamma,1,1,pop")
    listens = listens_of(*(f"u1,{track},2024-06-25 12:00:00" for track in "abc"), "u1,c,2024-06-26 12:00:00")
    ranked = [("é", 2), *((name, 1) for name in ["10", "9", "A", "B", "Z", "a", "a b", "aa", "ab"])]
    assert expected_kpis(listens, songs)["top_artists_per_day"] == [
        (DAY, rank, *artist) for rank, artist in enumerate(ranked, start=1)
    ]


def test_no_listen_no_row() -> None:
    assert set(map(len, expected_kpis([], catalogue_of()).values())) == {0}


# dim_users


def test_users() -> None:
    rows = [
        "2,Old,30,Peru,2024-01-01",
        "2,New,31,Chile,2024-01-02",
        "10,Ann,20,Peru,2024-01-01",
        "10, Zoe ,21,Chile, 2024-01-01 ",
        "3,Zoe,120,Peru,2024-02-30",
        "3,Ann,121,Peru,2024-02-01",
        "4,,0, ,2024-06-25 00:00:00",
        "5,Al,-1,Peru,24-01-01",
        "6,Al,3x,Peru,",
        "8,Al,120,Peru,",
        " ,Nobody,1,Peru,2024-01-01",
        "7,Al",
    ]
    users = [
        ("10", "Zoe", 21, "Chile", date(2024, 1, 1)),
        ("2", "New", 31, "Chile", date(2024, 1, 2)),
        ("3", "Ann", None, "Peru", date(2024, 2, 1)),
        ("4", None, 0, None, None),
        ("5", "Al", None, "Peru", None),
        ("6", "Al", None, "Peru", None),
        ("8", "Al", 120, "Peru", None),
    ]
    assert expected_users(file_of(USERS, rows)) == expected_users(file_of(USERS, rows[::-1])) == users
    assert expected_users(file_of("user_country,user_id", ["Peru,1"])) == [("1", None, None, "Peru", None)]


def test_catalogue_and_users_refuse_wrong_headers() -> None:
    for header in (SONGS.replace("popularity,", ""), f",{SONGS}"):
        with pytest.raises(RefusedFile):
            catalogue(file_of(header, []))
    with pytest.raises(RefusedFile):
        expected_users(b"user_id,user_name\n")


# compare


def test_compare_says_what_differs() -> None:
    expected = {
        "top_artists_per_day": [(DAY, 1, "Ann", 5), (DAY, 2, "Bob", 2)],
        "listening_kpis_daily": [(DAY, 3, 2, 2, 2 / 3, 7)],
        "listening_kpis_hourly": [],
    }
    close = (2 / 3) * (1 + 1e-13)
    assert compare(expected, {**expected, "listening_kpis_daily": [(DAY, 3, 2, 2, close, 7)]}) == []
    assert compare(expected, {name: rows[::-1] for name, rows in expected.items()}) == []
    actual = {
        "top_artists_per_day": [(DAY, 1, "Ann ", 4), (DAY, 3, "Bob", 2), (DAY, 3, "Bob", 2)],
        "listening_kpis_daily": [(DAY, 3, 2, 2, None, 7)],
        "dim_users": [],
    }
    assert compare(expected, actual) == [
        "dim_users: extra table",
        "top_artists_per_day [listen_date=2024-06-25, artist_rank=1]: "
        "artist_name 'Ann' expected, 'Ann ' found; listen_count 5 expected, 4 found",
        "top_artists_per_day [listen_date=2024-06-25, artist_rank=2]: missing row",
        "top_artists_per_day [listen_date=2024-06-25, artist_rank=3]: extra row",
        "listening_kpis_daily [listen_date=2024-06-25]: track_diversity_index 0.6666666666666666 expected, None found",
        "listening_kpis_hourly: missing table",
    ]
    twice = {"listening_kpis_daily": expected["listening_kpis_daily"] * 2}
    assert compare({"listening_kpis_daily": expected["listening_kpis_daily"]}, twice) == [
        "listening_kpis_daily [listen_date=2024-06-25]: 1 rows expected, 2 rows found"
    ]
    assert len(compare({"dim_users": [("1", None, None, "x", None)]}, {"dim_users": [("1", "x")]})) == 1
