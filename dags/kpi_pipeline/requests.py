"""What people can ask of a run: the trigger form, the checks that it cannot make, and the row that keeps a request.

A request is a row of ``landing.requests``, written before anything else is done. The run's first dbt model closes it in
the transaction that makes the days and batches due (the macro ``carry_out_requests``). A run that fails before that
leaves it open, and the next run of any kind carries it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from airflow.sdk import Param

_SECTION = "Rebuild, without loading anything again"


def params() -> dict[str, Param]:
    """Return the DAG's params. Airflow itself refuses, when a run is triggered, a value that is not of its type."""
    day = {"type": ["null", "string"], "format": "date", "section": _SECTION}
    return {
        "rebuild_from": Param(
            None,
            title="From day",
            description_md="First day (UTC) whose KPIs are computed anew. Alone, it means every day from it on.",
            **day,
        ),
        "rebuild_to": Param(
            None,
            title="To day",
            description_md="Last day (UTC) whose KPIs are computed anew. Alone, it means every day up to it.",
            **day,
        ),
        "full_refresh": Param(
            False,
            type="boolean",
            title="Everything, from the landing tables",
            description_md="Empties **every** table and fills it from all rows that ever landed; the days above don't "
            "matter then. The longer the history, the longer it takes.",
            section=_SECTION,
        ),
    }


def mistake(asked: Mapping[str, Any], given: Any) -> str | None:
    """Return what is wrong with what a run was asked for, in one sentence; None where nothing is.

    Args:
        asked: The run's params; dates as ``YYYY-MM-DD``.
        given: The run's configuration, as it was given.
    """
    names = ", ".join(params())
    if given is not None and not isinstance(given, Mapping):
        return f"The run's configuration is {given!r}: trigger it again with a JSON object of {names}, or without one."
    if unknown := sorted(map(str, (given or {}).keys() - params().keys())):
        return f"This DAG has no param {unknown[0]!r}: trigger it again with {names}, or with none of them."
    if not isinstance(asked.get("full_refresh", False), bool):
        return f"full_refresh is {asked['full_refresh']!r}: trigger it again with true or false."
    days = {name: asked.get(name) for name in ("rebuild_from", "rebuild_to")}
    for name, day in days.items():
        if day and not _is_day(day):
            return f"{name} is {day!r}, which is no day: trigger it again with a date that exists, as YYYY-MM-DD."
    first, last = days.values()
    if first and last and first > last:
        return f"rebuild_from {first} is after rebuild_to {last}: trigger it again with the two the other way round."
    return None


def _is_day(value: Any) -> bool:
    try:
        # fromisoformat takes other forms too, such as 20240625.
        return date.fromisoformat(value).isoformat() == value
    except (TypeError, ValueError):
        return False


def record(connection: Any, landing: str, marts: str, run_id: str, asked: Mapping[str, Any]) -> None:
    """Write down what a run was asked for and commit it; a retry of the same run does not ask twice.

    Args:
        connection: A DB-API connection of redshift_connector with autocommit off.
        landing: The landing schema.
        marts: The schema that dbt builds.
        run_id: The run of the DAG.
        asked: The run's params, which :func:`mistake` has found right.
    """
    first, last = asked.get("rebuild_from") or None, asked.get("rebuild_to") or None
    kinds = [("full_refresh", None, None)] if asked.get("full_refresh") else []
    kinds += [("rebuild", first, last)] if first or last else []
    with connection.cursor() as cursor:
        for kind, *days in kinds:
            cursor.execute(
                f"insert into {landing}.requests (kind, marts_schema, first_day, last_day, run_id)"
                " select %s, %s, cast(%s as date), cast(%s as date), %s where not exists ("
                f"select 1 from {landing}.requests where kind = %s and marts_schema = %s and run_id = %s"
                " and carried_out_at is null)",
                [kind, marts, *days, run_id, kind, marts, run_id],
            )
    connection.commit()
