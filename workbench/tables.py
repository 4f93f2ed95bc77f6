"""Rows of a query as a table in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table


def rows_as_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Return rows, which all have the columns of the first one, as a table; a null is shown as such."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    for name in rows[0] if rows else ():
        numeric = any(isinstance(row[name], int | float) for row in rows)
        shown.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        shown.add_row(*("[dim]null[/]" if value is None else escape(_text(value)) for value in row.values()))
    return shown


def _text(value: object) -> str:
    """Return a value; dbt hands over whole numbers as floats."""
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)
