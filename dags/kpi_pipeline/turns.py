"""Taking turns: one run at a time works in the warehouse, whatever started it.

A scheduled run, a backfill, a run by hand and the audit cannot work side by side: one would rewrite the plans that
another one follows, or test rows that another one is writing. Airflow counts runs for each DAG, and backfills apart
from other runs, so the turn is a row in the warehouse itself. It expires, so that a lost Airflow does not block the
warehouse for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any


@dataclass(frozen=True)
class Turn:
    """Who works in the warehouse.

    Attributes:
        owner: The DAG and the run, or whatever else took the turn.
        taken_at: When, UTC.
        expires_at: When others may work although nobody has ended the turn, UTC.
    """

    owner: str
    taken_at: datetime
    expires_at: datetime


def take(connection: Any, landing: str, owner: str, duration: timedelta) -> Turn | None:
    """Take the turn unless somebody else has it; who has it already keeps it for a further ``duration``.

    Args:
        connection: A DB-API connection of redshift_connector with autocommit off.
        landing: The landing schema.
        owner: The name to take it under.
        duration: How long it may last.

    Returns:
        The turn that is in the way, or None where it is taken now.
    """
    connection.rollback()
    with connection.cursor() as cursor:
        _lock(cursor, landing)
        cursor.execute(
            f"select owner, taken_at, expires_at from {landing}.turns where owner <> %s and expires_at > sysdate",
            [owner],
        )
        if others := cursor.fetchall():
            connection.rollback()
            return Turn(*others[0])
        cursor.execute(f"delete from {landing}.turns")
        cursor.execute(
            f"insert into {landing}.turns (owner, expires_at) values (%s, dateadd(second, %s, sysdate))",
            [owner, int(duration.total_seconds())],
        )
    connection.commit()
    return None


def end(connection: Any, landing: str, owner: str) -> None:
    """End the owner's turn; nothing happens where somebody else has it.

    Args:
        connection: A DB-API connection of redshift_connector with autocommit off.
        landing: The landing schema.
        owner: The name that it was taken under.
    """
    connection.rollback()
    with connection.cursor() as cursor:
        _lock(cursor, landing)
        cursor.execute(f"delete from {landing}.turns where owner = %s", [owner])
    connection.commit()


def owner(dag_id: str, run_id: str) -> str:
    """Return the name under which a run takes its turn."""
    return f"{dag_id} {run_id}"


def _lock(cursor: Any, landing: str) -> None:
    """Wait for others that look at the turn; the transaction's snapshot is taken after it."""
    cursor.execute(f"lock {landing}.lock_turns")
