"""Deleting a person's rows, from landing to marts."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.errors import DeployError
from deploy.warehouse import Warehouse, identifier, literal, render

REPO = Path(__file__).resolve().parents[1]


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


def erase(
    warehouse: Warehouse,
    user_id: str,
    *,
    landing: str = "landing",
    marts: str = "analytics",
    manifest: Mapping[str, Any] | None = None,
) -> Erased:
    """Delete a person's rows in one transaction, so that nothing is left half erased.

    Every table of both schemas that has a column ``user_id``, or a column that the dbt project marks with the meta
    ``is_user_id``, loses the person's rows. The ledger and `stream_batches` lose as many rows as the tables do, and the
    person's days become due. It takes everything or nothing, and can be repeated. S3 keeps the raw files until they
    expire; docs/production.md says what to do there.

    Args:
        warehouse: The warehouse, as somebody who may write both schemas.
        user_id: The person, as the files name them; blanks around it don't count.
        landing: The landing schema.
        marts: The schema that dbt builds.
        manifest: The dbt manifest; by default the project's own, which `make manifest` writes.

    Raises:
        DeployError: The id is blank, there is no manifest, or a run is at work in the warehouse.
    """
    if not user_id.strip(" "):
        raise DeployError("The user_id is blank: give the one to erase.")
    person = literal(user_id.strip(" "))
    conditions = {
        **{
            f"{schema}.{identifier(table)}": f"trim({identifier(column)}) = {person}"
            for schema, table, column in _columns(warehouse, landing, marts, manifest or _manifest())
        },
        f"{landing}.refused_lines": f"strpos(raw_line, {person}) > 0",
    }
    with _turn(warehouse, landing):
        rows = {
            table.replace('"', ""): int(warehouse.query(f"select count(*) from {table} where {condition}")[0][0])
            for table, condition in conditions.items()
        }
        days = warehouse.query(f"select count(distinct listen_date) from {marts}.fct_listens where user_id = {person}")[
            0
        ][0]
        names = {"user_id": user_id.strip(" "), "landing": landing, "marts": marts}
        deletes = [
            f"delete from {table} where {condition}"
            for table, condition in conditions.items()
            if table != f"{landing}.refused_lines"
        ]
        warehouse.transaction([*(statement.text for statement in render("erase", **names)), *deletes])
    return Erased(rows, int(days))


def _columns(warehouse: Warehouse, landing: str, marts: str, manifest: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return each column that holds a user_id, as schema, table and column: what is in the warehouse, not in a list."""
    nodes = [*manifest["nodes"].values(), *manifest["sources"].values()]
    marked = {
        column["name"]
        for node in nodes
        for column in node.get("columns", {}).values()
        if (column.get("config") or {}).get("meta", {}).get("is_user_id")
    }
    names = ", ".join(literal(name) for name in sorted({"user_id", *marked}))
    schemas = ", ".join(literal(schema) for schema in (landing, marts))
    found = warehouse.query(
        "select columns.table_schema, columns.table_name, columns.column_name from svv_columns as columns"
        " inner join svv_tables as tables on columns.table_schema = tables.table_schema"
        " and columns.table_name = tables.table_name"
        f" where columns.table_schema in ({schemas}) and columns.column_name in ({names})"
        " and tables.table_type <> 'VIEW' order by 1, 2, 3"
    )
    columns = [(str(schema), str(table), str(column)) for schema, table, column in found]
    if (landing, "streams", "user_id") not in columns:
        raise DeployError(
            f"This user does not see {landing}.streams in svv_columns, so nothing was erased: log in as one who may"
            f" write {landing} and {marts}."
        )
    return columns


def _manifest() -> dict[str, Any]:
    path = REPO / "dbt_project" / "target" / "manifest.json"
    if not path.is_file():
        raise DeployError(f"There is no {path.relative_to(REPO)}: run 'make manifest', which parses the dbt project.")
    return json.loads(path.read_text(encoding="utf-8"))


@contextmanager
def _turn(warehouse: Warehouse, landing: str) -> Iterator[None]:
    """Keep runs away, as they keep one another away: see dags/kpi_pipeline/turns.py."""
    owner = f"erase {uuid.uuid4()}"
    lock = f"lock {landing}.lock_turns"
    warehouse.transaction(
        [
            lock,
            f"delete from {landing}.turns where expires_at <= sysdate",
            f"insert into {landing}.turns (owner, expires_at) select {literal(owner)}, dateadd(hour, 1, sysdate)"
            f" where not exists (select 1 from {landing}.turns)",
        ]
    )
    holder, since = warehouse.query(f"select owner, to_char(taken_at, 'YYYY-MM-DD HH24:MI') from {landing}.turns")[0]
    if holder != owner:
        raise DeployError(
            f"{holder} has been at work in the warehouse since {since} UTC: erase again when it has ended. Nothing was"
            f" erased."
        )
    try:
        yield
    finally:
        warehouse.transaction([lock, f"delete from {landing}.turns where owner = {literal(owner)}"])
