"""Seeded sample data: days of listening as people listen, with all that goes wrong in real files, and what was put in.

    python -m local.sample DIR [--batch N] [--days N] [--rows N] [--seed N] [--like KIND]

The same arguments make the same bytes on every machine. Batch 1 is the catalogue, the users and `days` days; each
further batch is one more day and late rows for older ones. Nothing is kept in memory but one buffer of lines, so that
`--rows` can be in the hundreds of millions. `--like` writes songs.csv and users.csv as other people's programs do.
"""

import argparse
from bisect import bisect
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import NamedTuple

from local.catalogue import Catalogue, make_catalogue, track_id
from local.foreign import KINDS, rewrite

FIRST_DAY = date(2024, 6, 24)
DAYS, ROWS, SEED = 3, 30_000, 7
HELD_BACK_DAYS = 3  # the rows of a `streams/late/` file are this many days old
BUFFER_LINES = 200_000
# Shares of a day's listens.
LATE, VERY_LATE = 0.02, 0.004  # arrive with the next day's file, with a file of their own
SENT_TWICE, SENT_AGAIN = 0.005, 0.003  # in the same file, in the next day's as well
UNKNOWN_TRACK, UNKNOWN_USER = 0.006, 0.004
# Shares of a file's lines. Landing refuses a file of which more than 1 % and more than 10 lines can't be loaded.
REJECTED, WRONG_FIELDS = 0.002, 0.0008
# Listens by hour of the day (UTC): few at night, a rise to work, most in the evening.
HOURS = (12, 8, 5, 3, 3, 5, 14, 28, 36, 30, 26, 28, 34, 30, 27, 30, 38, 50, 58, 62, 60, 52, 38, 22)
# What makes a row a reject: (user_id, track_id, listen_time) with None for what stays as it was.
REJECTS: tuple[tuple[str | None, str | None, str | None], ...] = (
    ("", None, None),
    ("   ", None, None),
    (None, "", None),
    (None, None, ""),
    (None, None, "2024-02-30 10:00:00"),
    (None, None, "2024-06-24 24:00:00"),
    (None, None, "2024-06-24 10:61:00"),
    (None, None, "1719252000"),
    (None, None, "2024-06-24"),
    (None, None, "2024-06-24 10:00:00 UTC"),
    (None, None, "24/06/2024 10:00"),
    (None, None, "1999-12-31 23:59:59"),
    (None, None, "2999-01-01 00:00:00"),
    (None, None, "yesterday"),
)


@dataclass
class Contents:
    """What a batch of files holds. Every line is a listen, a duplicate, a reject or refused by COPY.

    Attributes:
        files: The files' paths below the directory.
        lines: Lines of the streams files, headers left out.
        refused: Lines with a wrong number of fields, which COPY can't take.
        rejects: Rows that are no listens by the contract.
        duplicates: Rows that repeat a listen of this batch or of an earlier one.
        listens: Listens of each day.
        unknown_tracks: Listens of tracks that songs.csv doesn't have.
        unknown_users: Listens of users that users.csv doesn't have.
    """

    files: list[str] = field(default_factory=list)
    lines: int = 0
    refused: int = 0
    rejects: int = 0
    duplicates: int = 0
    listens: Counter[date] = field(default_factory=Counter)
    unknown_tracks: int = 0
    unknown_users: int = 0


class _Listen(NamedTuple):
    user: str
    track: str
    at: datetime
    delivery: str  # on time, late, very late
    again: bool  # the next day's file repeats it
    unknown_track: bool
    unknown_user: bool

    def line(self) -> str:
        return f"{self.user},{self.track},{self.at}\n"


class Sample:
    """The sample of one seed and size; `write` makes a batch of it.

    Args:
        days: Days of the first batch.
        rows: Stream rows of the first batch, about; each further batch has a day's worth.
        seed: Another seed, other data.
    """

    def __init__(self, *, days: int = DAYS, rows: int = ROWS, seed: int = SEED) -> None:
        if days < 1 or rows < days:
            raise ValueError("a sample needs a day and a row for each day")
        self.days = days
        self.seed = seed
        self.rows_a_day = rows // days
        # Ten listens a day and user, and a catalogue that grows slower than its audience.
        self.users = max(1000, self.rows_a_day // 10)
        self.songs = max(2000, min(100_000, self.users // 5))

    def write(self, directory: Path, batch: int = 1) -> Contents:
        """Write one batch of files.

        Args:
            directory: Where to; it is made if need be.
            batch: 1 for the first `days` days with songs.csv and users.csv, n for the day after batch n - 1.
        """
        directory.mkdir(parents=True, exist_ok=True)
        catalogue = make_catalogue(self.seed, self.songs, self.users, directory if batch == 1 else None)
        contents = Contents(["songs.csv", "users.csv"] if batch == 1 else [])
        last = self.days + batch - 2
        for number in range(0 if batch == 1 else last, last + 1):
            self._write_day(directory, number, catalogue, contents)
        return contents

    def day(self, number: int) -> date:
        """Return the date of the sample's day `number`, from 0."""
        return FIRST_DAY + timedelta(days=number)

    def _write_day(self, directory: Path, number: int, catalogue: Catalogue, contents: Contents) -> None:
        files = {f"streams/{self.day(number)}.csv": self._file_lines(number, catalogue, contents)}
        if number >= HELD_BACK_DAYS:
            old = number - HELD_BACK_DAYS
            files[f"streams/late/{self.day(old)}.csv"] = (
                _count(contents, listen).line()
                for listen in self._listens(old, catalogue)
                if listen.delivery == "very late"
            )
        for path, lines in files.items():
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            _write_lines(directory / path, lines, Random(f"order:{self.seed}:{path}"))
            contents.files.append(path)

    def _file_lines(self, number: int, catalogue: Catalogue, contents: Contents) -> Iterator[str]:
        """Yield the lines of one day's file, and count them."""
        rng = Random(f"flaws:{self.seed}:{number}")
        written = 0
        for listen in self._listens(number, catalogue):
            if listen.delivery != "on time":
                continue
            yield _count(contents, listen).line()
            written += 1
            if rng.random() < SENT_TWICE:
                contents.duplicates += 1
                contents.lines += 1
                yield _repeat(listen, rng)
            if rng.random() < REJECTED:
                contents.rejects += 1
                contents.lines += 1
                yield _reject(listen, rng)
            if rng.random() < WRONG_FIELDS and written > 1000:
                contents.refused += 1
                contents.lines += 1
                yield rng.choice([f"{listen.user},{listen.track}\n", f"{listen.line()[:-1]},mobile\n"])
        if number == 0:
            return
        for listen in self._listens(number - 1, catalogue):
            if listen.delivery == "late":
                yield _count(contents, listen).line()
            elif listen.again:
                contents.duplicates += 1
                contents.lines += 1
                yield listen.line()

    def _listens(self, number: int, catalogue: Catalogue) -> Iterator[_Listen]:
        """Yield all listens of one day, user by user: the same ones whichever file asks for them."""
        rng = Random(f"listens:{self.seed}:{number}")
        midnight = datetime.combine(self.day(number), time())
        genres = list(catalogue.by_genre)
        weights = {genre: _zipf(len(ranks)) for genre, ranks in catalogue.by_genre.items()}
        overall = _zipf(len(catalogue.tracks))
        # Some listen all day, many hardly ever; who they are stays the same, how much varies by the day.
        eagerness = list(accumulate((0.5 + rng.random()) / (1 + user % 97) ** 0.7 for user in range(self.users)))
        before = 0
        for user in range(self.users):
            until = round(eagerness[user] / eagerness[-1] * self.rows_a_day)
            taste = (genres[user * 7 % len(genres)], genres[user * 11 % len(genres)])
            for second in _seconds(rng, until - before, catalogue.durations):
                if rng.random() < 0.65:
                    genre = taste[rng.random() < 0.3]
                    track = catalogue.tracks[catalogue.by_genre[genre][_pick(rng, weights[genre])]]
                else:
                    track = catalogue.tracks[_pick(rng, overall)]
                fate = rng.random()
                delivery = "very late" if fate < VERY_LATE else "late" if fate < VERY_LATE + LATE else "on time"
                unknown_track = rng.random() < UNKNOWN_TRACK
                unknown_user = rng.random() < UNKNOWN_USER
                yield _Listen(
                    user=str(self.users + 1 + user) if unknown_user else catalogue.users[user],
                    track=track_id(Random(f"unknown:{rng.randrange(20)}")) if unknown_track else track,
                    at=midnight + timedelta(seconds=second),
                    delivery=delivery,
                    again=delivery == "on time" and rng.random() < SENT_AGAIN,
                    unknown_track=unknown_track,
                    unknown_user=unknown_user,
                )
            before = until


def _count(contents: Contents, listen: _Listen) -> _Listen:
    contents.lines += 1
    contents.listens[listen.at.date()] += 1
    contents.unknown_tracks += listen.unknown_track
    contents.unknown_users += listen.unknown_user
    return listen


def _seconds(rng: Random, count: int, durations: list[int]) -> list[int]:
    """Return distinct seconds of a day at which one user starts a track: in sittings, one track after the other."""
    found: set[int] = set()
    while len(found) < count:
        at = rng.choices(range(24), HOURS)[0] * 3600 + rng.randrange(3600)
        for _ in range(rng.randint(1, 12)):
            if at >= 86_400 or len(found) == count:
                break
            found.add(at)
            at += rng.choice(durations)
    return sorted(found)


def _repeat(listen: _Listen, rng: Random) -> str:
    """Return a listen once more, also in other spellings of the same triple."""
    return rng.choice(
        [
            listen.line(),
            f" {listen.user},{listen.track} ,{listen.at}\n",
            f"{listen.user},{listen.track},{listen.at.isoformat()}\n",
            f"{listen.user},{listen.track},{listen.at}.000\n",
        ]
    )


def _reject(listen: _Listen, rng: Random) -> str:
    user, track, at = rng.choice(REJECTS)
    values = (listen.user if user is None else user, listen.track if track is None else track)
    return f"{','.join(values)},{listen.at if at is None else at}\n"


def _pick(rng: Random, cumulative: list[float]) -> int:
    """Return a position, each as likely as its weight."""
    return bisect(cumulative, rng.random() * cumulative[-1], 0, len(cumulative) - 1)


def _zipf(count: int) -> list[float]:
    """Return cumulative weights by which a few of `count` things get most of the attention."""
    return list(accumulate(1 / (rank + 5) ** 0.9 for rank in range(count)))


def _write_lines(file: Path, lines: Iterator[str], rng: Random) -> None:
    """Write lines below the header, out of order as far as the buffer reaches."""
    with file.open("w", encoding="utf-8", newline="") as output:
        output.write("user_id,track_id,listen_time\n")
        buffer: list[str] = []
        for line in lines:
            buffer.append(line)
            if len(buffer) == BUFFER_LINES:
                rng.shuffle(buffer)
                output.writelines(buffer)
                buffer.clear()
        rng.shuffle(buffer)
        output.writelines(buffer)


def main() -> None:
    """Write a batch and tell what is in it."""
    parser = argparse.ArgumentParser(prog="python -m local.sample", description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument("--batch", type=int, default=1, help="1, or n for the day after batch n - 1")
    parser.add_argument("--days", type=int, default=DAYS, help="days of batch 1 (default: %(default)s)")
    parser.add_argument("--rows", type=int, default=ROWS, help="stream rows of batch 1, about (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument(
        "--like", action="append", choices=KINDS, default=[], help="of batch 1; can be given several times"
    )
    arguments = parser.parse_args()
    if arguments.like and arguments.batch > 1:
        parser.error("--like is of batch 1: only that has songs.csv and users.csv")
    sample = Sample(days=arguments.days, rows=arguments.rows, seed=arguments.seed)
    contents = sample.write(arguments.directory, arguments.batch)
    for kind in arguments.like:
        rewrite(arguments.directory, kind)
    print(f"{len(contents.files)} files in {arguments.directory}: {contents.lines} stream rows, of which")
    print(f"{contents.listens.total()} listens, {contents.duplicates} duplicates, {contents.rejects} rejects,")
    print(f"{contents.refused} that COPY refuses; {contents.unknown_tracks} listens of tracks that songs.csv lacks.")


if __name__ == "__main__":
    main()
