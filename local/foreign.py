"""The sample's songs.csv and users.csv as other people's programs write them: what real feeds were found to hold."""

import csv
from collections.abc import Callable
from pathlib import Path

Rows = list[list[str]]


def as_pandas(header: list[str], rows: Rows) -> None:
    """Write whole numbers with a point, as pandas does where the column has a gap."""
    for column in ("popularity", "duration_ms"):
        place = header.index(column)
        for row in rows:
            row[place] = f"{row[place]}.0"
    rows[0][header.index("popularity")] = ""


def without_id(header: list[str], rows: Rows) -> None:
    """Leave out the column id, which only breaks ties."""
    place = header.index("id")
    for row in (header, *rows):
        del row[place]


def in_several_spellings(header: list[str], rows: Rows) -> None:
    """Write each genre in three ways that differ in case or blanks only."""
    place = header.index("track_genre")
    spellings: tuple[Callable[[str], str], ...] = (str, str.title, lambda genre: f" {genre.upper()}")
    for number, row in enumerate(rows):
        row[place] = spellings[number % len(spellings)](row[place])


def with_broken_lines(header: list[str], rows: Rows) -> None:
    """Break a few lines, which COPY refuses: one lacks its last field, one has a field too many."""
    rows.insert(len(rows) // 3, rows[0][:-1])
    rows.insert(len(rows) // 2, [*rows[0], "too many"])


KINDS: dict[str, tuple[tuple[str, ...], Callable[[list[str], Rows], None]]] = {
    "pandas": (("songs.csv",), as_pandas),
    "no-id": (("songs.csv",), without_id),
    "spellings": (("songs.csv",), in_several_spellings),
    "broken-lines": (("songs.csv", "users.csv"), with_broken_lines),
}
"""Each kind: the files that it changes, and how."""


def rewrite(directory: Path, kind: str) -> None:
    """Write the files of a sample anew.

    Args:
        directory: Where batch 1 of a sample is.
        kind: One of :data:`KINDS`.

    Raises:
        KeyError: There is no such kind.
    """
    names, change = KINDS[kind]
    for name in names:
        with (directory / name).open(encoding="utf-8", newline="") as lines:
            header, *rows = csv.reader(lines)
        change(header, rows)
        with (directory / name).open("w", encoding="utf-8", newline="") as output:
            csv.writer(output, lineterminator="\n").writerows([header, *rows])
