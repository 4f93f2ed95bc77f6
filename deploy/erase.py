"""Deleting a person's rows, from landing to marts."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.errors import DeployError
from deploy.warehouse import Warehouse, literal, render


@dataclass(frozen=True)
class Erased:
    """What was there of a person, and is no longer.

    Attributes:
        rows: Rows of each table; of `refused_lines` those whose text went.
        days: Days that the next run rebuilds.
    """

    rows: dict[str, int]
    days: int

    def lines(self) -> list[str]:
        """Return what to tell."""
        told = [f"{table}: {count:,} rows" for table, count in self.rows.items() if count]
        if not told:
            return ["there was nothing of this person"]
        return [*told, f"{self.days:,} days are due: the next run rebuilds their KPIs"]


def erase(warehouse: Warehouse, user_id: str, *, landing: str = "landing", marts: str = "analytics") -> Erased:
    """Delete a person's rows in one transaction, so that nothing is left half erased.

    The ledger and `stream_batches` lose as many rows as the tables do, and the person's days become due. No run may be
    under way: Redshift refuses one of two transactions that write the same tables. It takes everything or nothing, and
    can be repeated. S3 keeps the raw files until they expire; docs/production.md says what to do there.

    Args:
        warehouse: The warehouse, as somebody who may write both schemas.
        user_id: The person, as the files name them; blanks around it don't count.
        landing: The landing schema.
        marts: The schema that dbt builds.

    Raises:
        DeployError: The id is blank.
    """
    if not user_id.strip(" "):
        raise DeployError("The user_id is blank: give the one to erase.")
    person = literal(user_id.strip(" "))
    conditions = {
        f"{landing}.streams": f"trim(user_id) = {person}",
        f"{landing}.users": f"trim(user_id) = {person}",
        f"{landing}.refused_lines": f"strpos(raw_line, {person}) > 0",
        **{
            f"{marts}.{table}": f"user_id = {person}"
            for table in ("fct_listens", "duplicate_streams", "rejected_streams", "dim_users")
        },
    }
    rows = {
        table: int(warehouse.query(f"select count(*) from {table} where {condition}")[0][0])
        for table, condition in conditions.items()
    }
    days = warehouse.query(f"select count(distinct listen_date) from {marts}.fct_listens where user_id = {person}")[0][
        0
    ]
    names = {"user_id": user_id.strip(" "), "landing": landing, "marts": marts}
    warehouse.transaction([statement.text for statement in render("erase", **names)])
    return Erased(rows, int(days))
