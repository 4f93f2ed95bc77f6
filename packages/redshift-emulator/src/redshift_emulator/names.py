"""Names of tables and columns in SQL, and lists of names in text files (an entry on each line, comments after #)."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase

# A regular expression: the name of a table or another object, qualified or not
NAME = r'(?:"[^"]+"|[\w#$]+)(?:\s*\.\s*(?:"[^"]+"|[\w#$]+))*'

LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


@cache
def read_list(path: Path) -> Collection[str]:
    """Return the entries of a list, in its order; a dict's keys, so that looking one up is fast."""
    lines = path.read_text().splitlines()
    return dict.fromkeys(line for line in lines if line and not line.startswith("#"))


def regclass(name: str) -> str:
    """Return PostgreSQL's expression for the table of a name, null when there is none."""
    return f"pg_postgres.to_regclass({literal(name)})"


def fold(name: str) -> str:
    """Return a name as Redshift keeps it: its ASCII letters in lower case (r_names.html)."""
    return name.translate(LOWER)


def quoted(name: str) -> str:
    """Return a name as an identifier in quotes."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as a literal, in which a backslash escapes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
