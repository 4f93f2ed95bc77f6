"""An incremental model built once more as a run builds it, with some days due, beside the same model built whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.changes import PROJECT
from workbench.compare import lines_of_sample
from workbench.dbt import Dbt
from workbench.explain import Problem, explain, place
from workbench.selection import Selection, is_incremental, plans, production
from workbench.tables import rows_as_table
from workbench.warehouse import Warehouse

_SAMPLE = 10
_WHOLE = "__whole"


def build_again(
    dbt: Dbt, warehouse: Warehouse, selection: Selection, built: Sequence[str], defer: Sequence[str]
) -> list[tuple[Problem, Any]]:
    """Build the incremental models of a selection once more and compare.

    Args:
        dbt: The project.
        warehouse: Where.
        selection: What has been built whole.
        built: The unique ids of its models for which that went well.
        defer: dbt's words for reading the rest from production.

    Returns:
        What is wrong with each model that comes out otherwise, and a table of the rows, or None.
    """
    nodes = dbt.manifest.nodes
    models = [name for name in built if is_incremental(nodes[name])]
    if not models:
        return []
    names = [nodes[name].alias for name in models]
    planned = [] if selection.takes_batches else plans(dbt.manifest, models)
    added = [nodes[name].alias for name in planned if name not in selection.models]
    dbt.call("keep_whole", model_names=names)
    try:
        if selection.takes_batches:
            dbt.call("make_newest_batch_due")
            words = selection.words
        else:
            dbt.call("make_some_days_due", listens=_listens(warehouse))
            words = ["--select", *(nodes[name].name for name in [*planned, *models])]
        results = dbt.run(*words, *defer)
        failed = {result.node.unique_id: result for result in results if result.status == "error"}
        found = [(_failure(result), None) for result in failed.values()]
        skipped = {result.node.unique_id for result in results if result.status == "skipped"}
        for name in models:
            if name not in failed and name not in skipped and (differing := _compare(dbt, warehouse, nodes[name])):
                found += differing
                # What the analyst looks at and compares is what was built whole.
                dbt.call("restore_whole", model_name=nodes[name].alias)
        return found
    finally:
        dbt.call("drop_whole", model_names=names, plans=added)


def _listens(warehouse: Warehouse) -> str:
    return next(
        node["relation_name"]
        for node in production(warehouse)["nodes"].values()
        if node["resource_type"] == "model" and node["name"] == "fct_listens"
    )


def _failure(result: Any) -> Problem:
    problem = explain(str(result.message), result.node)
    return Problem(problem.place, f"built once more, with some days due: {problem.sentence}", problem.more)


def _compare(dbt: Dbt, warehouse: Warehouse, node: Any) -> list[tuple[Problem, Any]]:
    whole = f"{node.alias}{_WHOLE}"
    if node.config.unique_key:
        arguments = f"{node.name!r}, {warehouse.schema!r}, identifier={whole!r}"
        (counts,) = dbt.show("--inline", f"{{{{ compare_counts({arguments}) }}}}", limit=1)
        number = int(sum(counts[name] or 0 for name in ("only_here", "only_in_production", "differing")))
        if not number:
            return []
        sample = dbt.show("--inline", f"{{{{ compare_sample({arguments}) }}}}", limit=_SAMPLE)
        rows = [line for row in sample for line in lines_of_sample(row, list(counts)[5:], "once more", "whole")]
    else:
        sample = dbt.show("--inline", f"{{{{ compare_rows_without_key({node.alias!r}, {whole!r}) }}}}", limit=_SAMPLE)
        number = len(sample)
        if not number:
            return []
        rows = [{**row, "whole": row["rows_there"], "once more": row["rows_here"]} for row in sample]
        rows = [{name: value for name, value in row.items() if not name.startswith("rows_")} for row in rows]
    said = (
        f"{number:,} row{'' if number == 1 else 's'} of {node.name} differ when it is built once more, as a run does, "
        "with some days due: a day has to be built from its own listens, all of them, by is_due_day('listen_date')."
    )
    words = ["is_incremental", "is_due_day", "config"]
    return [(Problem(place(PROJECT / node.original_file_path, words), said), rows_as_table(rows))]
