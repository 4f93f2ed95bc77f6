"""The songs and users of the sample: seeded, invented, and with what real catalogues bring.

Several artists on a track, one of them twice on some; a track on two rows, once for each genre; names in several
scripts, with commas, quotes and blanks at the end; a track without names and with a duration of 0; a popularity that is
missing.
"""

import csv
import string
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random

SONG_COLUMNS = (
    "id,track_id,artists,album_name,track_name,popularity,duration_ms,explicit,danceability,energy,key,loudness,mode,"
    "speechiness,acousticness,instrumentalness,liveness,valence,tempo,time_signature,track_genre"
).split(",")
USER_COLUMNS = ["user_id", "user_name", "user_age", "user_country", "created_at"]
GENRES = (
    "pop rock hip-hop electronic indie r-n-b latin jazz classical folk metal house ambient soul reggae afrobeat k-pop "
    "country punk children"
).split()
COUNTRIES = ["Brazil", "Germany", "Ghana", "India", "Japan", "Mexico", "Poland", "United Kingdom", "United States"]
GIVEN = (
    "Ada Bruno Chloé Daniel Esther Farid Greta Hiroshi Inês Jakub Kofi Lena Mateo Nadia Oskar Priya Zoë Žofia".split()
)
FAMILY = "Adeyemi Berg Castro Dvořák Eriksson Fischer Gómez Haddad Ito Jansen Kowalski Lindqvist Mensah O'Neill".split()
ADJECTIVES = "Blue Quiet Golden Broken Electric Distant Paper Velvet Hollow Midnight Salt Northern Lucky Slow".split()
NOUNS = "River Lanterns Mirrors Harbour Wolves Gardens Static Orchard Satellites Horses Letters Tides Engines".split()
# Names that a careless reader of CSV, of UTF-8 or of `;` gets wrong.
AWKWARD_ARTISTS = [
    "Salt, Rain & Thunder",
    'The "Quiet" Ones',
    "Björn Håkansson",
    "東京ノイズ",
    "Мария Звёздная",
    "Café del Río",
    "Nadia Šimić ",  # with a blank at the end
    "🎈 Balloon Club",
    "O'Neill's Daughters",
]
LETTERS = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Catalogue:
    """What listeners choose from.

    Attributes:
        tracks: Track ids, the most popular first.
        by_genre: Positions in `tracks` of each genre's tracks, the most popular first.
        users: User ids.
        durations: Seconds of each track.
    """

    tracks: list[str]
    by_genre: dict[str, list[int]]
    users: list[str]
    durations: list[int]


def track_id(rng: Random) -> str:
    """Invent a track id: 22 letters and digits."""
    return "".join(rng.choices(LETTERS, k=22))


def make_catalogue(seed: int, songs: int, users: int, directory: Path | None = None) -> Catalogue:
    """Make the catalogue, the same for the same arguments.

    Args:
        seed: The sample's seed.
        songs: Rows of songs.csv; about one in twelve is the second genre of a track.
        users: Rows of users.csv.
        directory: Where songs.csv and users.csv are written to, if anywhere.
    """
    rng = Random(f"catalogue:{seed}")
    artists = AWKWARD_ARTISTS + [f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}" for _ in range(max(40, songs // 12))]
    artists += [f"{rng.choice(GIVEN)} {rng.choice(FAMILY)}" for _ in range(max(40, songs // 8))]
    rng.shuffle(artists)
    count = songs - songs // 12
    tracks, by_genre, durations, rows = [], {genre: [] for genre in GENRES}, [], []
    for rank in range(count):
        genre = rng.choice(GENRES)
        row = _song(rng, rank / count, genre, artists)
        if rank == count // 2:  # as in real catalogues: a track of which nothing is known
            row.update(artists="", album_name="", track_name="", duration_ms="0")
        if rank % 400 == 399:
            row["popularity"] = ""
        tracks.append(row["track_id"])
        by_genre[genre].append(rank)
        durations.append(max(120, int(row["duration_ms"]) // 1000))
        rows.append(row)
    for row in rng.sample(rows, songs - count):
        rows.append({**row, "track_genre": rng.choice([genre for genre in GENRES if genre != row["track_genre"]])})
    rng.shuffle(rows)
    user_rows = [_user(rng, number) for number in range(1, users + 1)]
    if directory:
        _write(directory / "songs.csv", SONG_COLUMNS, [{**row, "id": str(line)} for line, row in enumerate(rows)])
        _write(directory / "users.csv", USER_COLUMNS, user_rows)
    return Catalogue(tracks, by_genre, [row["user_id"] for row in user_rows], durations)


def _song(rng: Random, unpopularity: float, genre: str, artists: list[str]) -> dict[str, str]:
    # A squared random number: a few artists have most of the tracks.
    names = [artists[int(rng.random() ** 2 * len(artists))] for _ in range(rng.choices((1, 2, 3), (78, 17, 5))[0])]
    if rng.random() < 0.01:
        names += [names[0]]  # the same artist twice on a track
    name = f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}"
    if rng.random() < 0.05:
        name = rng.choice([f'{name} ("Live")', f"{name}, Part {rng.randint(2, 9)}", f"{name} – été", f"{name} / 夜"])
    feature = [f"{rng.random():.3f}" for _ in range(7)]
    return {
        "id": "",
        "track_id": track_id(rng),
        "artists": ";".join(names),
        "album_name": f"{rng.choice(NOUNS)}, {rng.choice(NOUNS)}" if rng.random() < 0.1 else name,
        "track_name": name,
        "popularity": str(min(100, max(0, round(90 * (1 - unpopularity) ** 2 + rng.gauss(0, 6))))),
        "duration_ms": str(rng.randint(130_000, 330_000)),
        "explicit": str(rng.random() < 0.08),
        "danceability": feature[0],
        "energy": feature[1],
        "key": str(rng.randint(0, 11)),
        "loudness": f"{-rng.uniform(2, 25):.3f}",
        "mode": str(rng.randint(0, 1)),
        "speechiness": feature[2],
        "acousticness": feature[3],
        "instrumentalness": feature[4],
        "liveness": feature[5],
        "valence": feature[6],
        "tempo": f"{rng.uniform(60, 190):.3f}",
        "time_signature": str(rng.choice((3, 4, 4, 4, 4, 5))),
        "track_genre": genre,
    }


def _user(rng: Random, number: int) -> dict[str, str]:
    return {
        "user_id": str(number),
        "user_name": f"{rng.choice(GIVEN)} {rng.choice(FAMILY)}" + (", Jr." if rng.random() < 0.02 else ""),
        "user_age": str(min(95, max(13, round(rng.gauss(33, 13))))),
        "user_country": rng.choice(COUNTRIES),
        # Half of the real listens precede their user's created_at; here it is some.
        "created_at": (date(2024, 1, 1) + timedelta(days=rng.randrange(300))).isoformat(),
    }


def _write(file: Path, columns: list[str], rows: list[dict[str, str]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as output:
        writer = csv.DictWriter(output, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
