"""A table that was just filled gets its statistics at once, in the transaction that filled it.

Redshift gathers them in CREATE TABLE AS and in COPY, and soon after any other change. PostgreSQL leaves them to a
background process that wakes once a minute and sees neither temporary tables nor open transactions; until then it
takes the new table for a small one, and joins it by nested loops. A day that was added to a year is as bad: it counts
as no row, however little it adds to the table. The ranges of new blocks wait for that process too, and a block without
a range is always read.
"""

from __future__ import annotations

import re

from ..names import NAME, regclass
from ..postgres.connection import Connection

FILLS = re.compile(
    r"(?:insert\s+into|merge\s+into|create\s+(?:(?:local\s+)?temp(?:orary)?\s+)?table(?:\s+if\s+not\s+exists)?)"
    rf"\s+({NAME})",
    re.I,
)
FEWEST_ROWS = 1000  # a plan for fewer is good enough by guess


def after_statement(connection: Connection, sql: str, tag: str) -> None:
    """Gather the statistics of the table that a statement has filled, if that pays.

    Args:
        connection: The connection that ran it, between two statements.
        sql: The statement as PostgreSQL got it.
        tag: PostgreSQL's command tag, the number of rows last.
    """
    count = tag.rpartition(" ")[2]
    if count.isdigit() and int(count) >= FEWEST_ROWS and (found := FILLS.match(sql)):
        after_load(connection, found[1], int(count))


def filled_table(sql: str, tag: str) -> str | None:
    """Return the table into which a statement has brought rows, None if it has brought none."""
    count = tag.rpartition(" ")[2]
    found = FILLS.match(sql) if count.isdigit() and int(count) else None
    return found[1] if found else None


def after_load(connection: Connection, table: str, count: int) -> None:
    """Gather the statistics of a table that has just got `count` rows, if they are enough to matter.

    Nothing waits for it: where another transaction holds the table's statistics, they are left to it.
    """
    if count < FEWEST_ROWS or connection.has_failed:
        return
    known = connection.query(
        f"select oid from pg_class where oid = {regclass(table)} and relkind = 'r'"
        " and pg_postgres.pg_has_role(relowner, 'USAGE')"
    )
    if not known:
        return
    with connection.together():
        connection.query(f"analyze (skip_locked) {table}")
        connection.query(
            "select pg_postgres.brin_summarize_new_values(indexrelid) from pg_index join pg_class on oid = indexrelid"
            f" where indrelid = {known[0][0]} and relam = (select oid from pg_am where amname = 'brin')"
            " and exists (select from pg_locks where pid = pg_backend_pid() and relation = indrelid"
            " and mode = 'ShareUpdateExclusiveLock' and granted)"
        )
