"""What somebody can ask of a run, as the trigger form shows it, and what the form alone can't refuse."""

from __future__ import annotations

from collections.abc import Mapping
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
            description_md="Drops and makes anew **every** table from all rows that ever landed; the days above don't "
            "matter then. It takes the longer, the longer the history is.",
            section=_SECTION,
        ),
    }


def mistake(asked: Mapping[str, Any], given: Mapping[str, Any]) -> str | None:
    """Return what is wrong with what a run was asked for, in one sentence; None where nothing is.

    Args:
        asked: The run's params; dates as ``YYYY-MM-DD``, which Airflow has checked.
        given: The run's configuration, as it was given.
    """
    if unknown := sorted(given.keys() - params().keys()):
        names = ", ".join(params())
        return f"This DAG has no param {unknown[0]!r}: trigger it again with {names}, or with none of them."
    first, last = asked.get("rebuild_from"), asked.get("rebuild_to")
    if first and last and first > last:
        return f"rebuild_from {first} is after rebuild_to {last}: trigger it again with the two the other way round."
    return None
