"""One SQL statement, and its rows as CSV or as a table."""

import csv as csv_format
import sys
from collections.abc import Sequence
from typing import Any

from local.errors import LocalError
from local.stack import Stack


def query(stack: Stack, statement: str) -> tuple[list[str], list[Sequence[Any]]]:
    """Run a statement and commit it.

    Args:
        stack: A stack that is up.
        statement: Redshift SQL.

    Returns:
        The columns' names and the rows; both empty for a statement that returns none.

    Raises:
        LocalError: Redshift refused it; the message is Redshift's own.
    """
    import redshift_connector

    connection = None
    try:
        connection = stack.connect()
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(statement)
        if not cursor.description:
            return [], []
        names = [_text(column[0]) for column in cursor.description]
        return names, list(cursor.fetchall())
    except redshift_connector.Error as error:
        raise LocalError(f"Redshift says: {redshift_words(error)}") from None
    finally:
        if connection is not None:
            connection.close()


def redshift_words(error: Exception) -> str:
    """Return what Redshift itself said of an error: the message, then detail and hint."""
    details = error.args[0] if error.args else ""
    if isinstance(details, dict):  # redshift_connector hands over the fields of the protocol's ErrorResponse
        return " ".join(str(details[field]) for field in ("M", "D", "H") if details.get(field))
    return str(details) or type(error).__name__


def print_query(stack: Stack, statement: str, *, csv: bool) -> None:
    """Print a statement's rows: as CSV by RFC 4180 with nulls empty, or as a table."""
    names, rows = query(stack, statement)
    if not names:
        return
    if csv:
        writer = csv_format.writer(sys.stdout)  # lines end in CR LF, as the RFC has it
        writer.writerow(names)
        writer.writerows(["" if value is None else value for value in row] for row in rows)
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for position, name in enumerate(names):
        numeric = any(isinstance(row[position], (int, float)) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=10_000)  # a pipe has no width: cut nothing off
    console.print(table)
    console.print(f"{len(rows)} row{'' if len(rows) == 1 else 's'}")


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name
