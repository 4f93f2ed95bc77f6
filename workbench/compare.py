"""`make compare`: a model as the analyst built it beside the same model in production."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from workbench.dbt import Dbt
from workbench.errors import WorkbenchError
from workbench.tables import rows_as_table
from workbench.warehouse import Warehouse

SAMPLE = 10


def compare(warehouse: Warehouse, model: str, key: Sequence[str]) -> bool:
    """Print which rows and columns differ, and some of them with both values.

    Args:
        warehouse: Where.
        model: The model's name.
        key: The columns that name a row; the model's unique_key if there are none.

    Returns:
        Whether nothing differs.

    Raises:
        WorkbenchError: The model is not in both schemas, or has no key.
    """
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 10_000)
    production = _production_schema(warehouse, model)
    dbt = Dbt(warehouse.target, warehouse.environ)
    arguments = f"{model!r}, {production!r}, key={list(key) or None!r}"
    (counts,) = dbt.show("--inline", f"{{{{ compare_counts({arguments}) }}}}", limit=1)
    here, there = f"{warehouse.schema}.{model}", f"{production}.{model}"
    summary = ("rows_here", "rows_in_production", "only_here", "only_in_production", "differing")
    console.print(f"{here} (here) beside {there} (production)", markup=False)
    console.print(rows_as_table([{name: counts[name] or 0 for name in summary}]))
    columns = {name: count or 0 for name, count in counts.items() if name not in summary}
    if not any(counts[name] for name in summary[2:]):
        console.print("No row differs. (built_at is left out, and so are columns that one of them lacks.)")
        return True
    console.print(rows_as_table([{"column": name, "rows that differ": count} for name, count in columns.items()]))
    sample = dbt.show("--inline", f"{{{{ compare_sample({arguments}) }}}}", limit=SAMPLE)
    console.print(f"The first {len(sample)} rows that differ:")
    console.print(rows_as_table([line for row in sample for line in _lines(row, list(columns))]))
    return False


def _production_schema(warehouse: Warehouse, model: str) -> str:
    nodes = json.loads((warehouse.production / "manifest.json").read_text())["nodes"]
    for node in nodes.values():
        if node["resource_type"] == "model" and node["name"] == model:
            return node["schema"]
    raise WorkbenchError(f"Production has no {model} yet: there is nothing to compare it with.")


def _lines(row: dict[str, Any], columns: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row of the sample as a line for each value that differs; one for a row that only one side has."""
    key = {name: value for name, value in row.items() if name != "only_here" and not name.startswith(GENERATED)}
    del key["only_in_production"]
    if row["only_here"] or row["only_in_production"]:
        where = "only here" if row["only_here"] else "only in production"
        return [{**key, "column": where, "here": "", "production": ""}]
    return [
        {**key, "column": name, "here": row[f"own_{number}"], "production": row[f"production_{number}"]}
        for number, name in enumerate(columns, 1)
        if row[f"differs_{number}"]
    ]


GENERATED = ("differs_", "own_", "production_")
