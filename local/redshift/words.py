"""Names: what one looks like, and the plain lists beside this file (an entry on each line, comments after #)."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from pathlib import Path

# A regular expression: the name of a table or another object, qualified or not
NAME = r'(?:"[^"]+"|[\w#$]+)(?:\s*\.\s*(?:"[^"]+"|[\w#$]+))*'


@cache
def words(name: str) -> Collection[str]:
    """The lines of a list, in its order."""
    lines = (Path(__file__).parent / f"{name}.txt").read_text().splitlines()
    return dict.fromkeys(line for line in lines if line and not line.startswith("#"))


def regclass(name: str) -> str:
    """PostgreSQL's expression for the table of a name, null when there is none."""
    quoted = name.replace("'", "''")
    return f"pg_postgres.to_regclass('{quoted}')"
