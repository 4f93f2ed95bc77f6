"""`make compare`: a model as the analyst built it beside the same model in production."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from workbench import builds
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
        WorkbenchError: The model is not in both schemas, has no key, or was built before its file was edited.
    """
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 10_000)
    production = _production_schema(warehouse, model)
    dbt = Dbt(warehouse.target, warehouse.environ)
    lacking = dbt.show("--inline", f"{{{{ compare_columns({model!r}, {production!r}) }}}}", limit=1000)
    _require_current(warehouse, dbt, model)
    arguments = f"{model!r}, {production!r}, key={list(key) or None!r}"
    (counts,) = dbt.show("--inline", f"{{{{ compare_counts({arguments}) }}}}", limit=1)
    here, there = f"{warehouse.schema}.{model}", f"{production}.{model}"
    summary = ("rows_here", "rows_in_production", "only_here", "only_in_production", "differing")
    console.print(f"{here} (here) beside {there} (production)", markup=False)
    console.print(rows_as_table([{name: counts[name] or 0 for name in summary}]))
    columns = {name: count or 0 for name, count in counts.items() if name not in summary}
    for side, where in (("here", "only here"), ("production", "only in production")):
        if names := [row["column_name"] for row in lacking if row["side"] == side]:
            console.print(f"{where}, and so not compared: the column{'s' * (len(names) > 1)} {', '.join(names)}")
    if not any(counts[name] for name in summary[2:]):
        if lacking:
            console.print("In the columns that both have, no row differs. (built_at is left out.)")
        else:
            console.print("No row differs. (built_at is left out.)")
        return not lacking
    console.print(rows_as_table([{"column": name, "rows that differ": count} for name, count in columns.items()]))
    sample = dbt.show("--inline", f"{{{{ compare_sample({arguments}) }}}}", limit=SAMPLE)
    console.print(f"The first {len(sample)} rows that differ:")
    console.print(
        rows_as_table([line for row in sample for line in lines_of_sample(row, list(columns), "here", "production")])
    )
    return False


def _require_current(warehouse: Warehouse, dbt: Dbt, model: str) -> None:
    """Refuse a build that is older than the files that it comes from."""
    node = next(node for node in dbt.manifest.nodes.values() if node.resource_type == "model" and node.name == model)
    edited = builds.edited_since(warehouse, dbt.manifest, node.unique_id)
    name = f"{warehouse.schema}.{node.alias}"
    again = f"run `make check MODEL={model}{'' if warehouse.is_local else ' TARGET=dev'}` first."
    if edited is None:
        raise WorkbenchError(f"{name} was not built by a check, so nobody knows from which files: {again}")
    if edited:
        files = ", ".join(f"dbt_project/{path}" for path in edited[:3])
        raise WorkbenchError(f"{name} is older than the last edit of {files}: {again}")


def _production_schema(warehouse: Warehouse, model: str) -> str:
    nodes = json.loads((warehouse.production / "manifest.json").read_text())["nodes"]
    for node in nodes.values():
        if node["resource_type"] == "model" and node["name"] == model:
            return node["schema"]
    raise WorkbenchError(f"Production has no {model} yet: there is nothing to compare it with.")


def lines_of_sample(row: dict[str, Any], columns: Sequence[str], here: str, there: str) -> list[dict[str, Any]]:
    """Return a row of the sample as a line for each value that differs; one for a row that only one side has.

    Args:
        row: A row of the macro `compare_sample`.
        columns: The compared columns, in its order.
        here: What the side of the analyst's schema is called.
        there: What the other side is called.
    """
    key = {name: value for name, value in row.items() if name != "only_here" and not name.startswith(GENERATED)}
    del key["only_in_production"]
    if row["only_here"] or row["only_in_production"]:
        where = f"only {here}" if row["only_here"] else f"only in {there}" if there == "production" else f"only {there}"
        return [{**key, "column": where, here: "", there: ""}]
    return [
        {**key, "column": name, here: row[f"own_{number}"], there: row[f"production_{number}"]}
        for number, name in enumerate(columns, 1)
        if row[f"differs_{number}"]
    ]


GENERATED = ("differs_", "own_", "production_")
