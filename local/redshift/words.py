"""The plain lists beside this file: a name on each line, comments after #."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def words(name: str) -> tuple[str, ...]:
    """The lines of a list."""
    lines = (Path(__file__).parent / f"{name}.txt").read_text().splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))
