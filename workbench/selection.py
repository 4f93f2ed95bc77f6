"""What a check builds: what was edited, what depends on it, and what production does not have for it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.errors import WorkbenchError
from workbench.warehouse import Warehouse

_PLAN_OF_DAYS = "day_versions"


@dataclass(frozen=True)
class Selection:
    """What is to be built.

    Attributes:
        words: dbt's words for it; none for everything.
        models: The unique ids of its models.
        takes_batches: Whether models that take in batches are among them, and so the plan of batches.
        is_empty: Whether nothing is to be built.
    """

    words: list[str]
    models: list[str]
    takes_batches: bool
    is_empty: bool = False


def select(manifest: Any, warehouse: Warehouse, models: Sequence[str] | None, tests: Sequence[str] = ()) -> Selection:
    """Return what is to be built and tested.

    A model that takes in batches is built from the plan of batches, which in a schema of one's own has to be made with
    it: then it is also what all of these are built from. A seed, and whatever production does not have yet, is built
    with what is built from it.

    Args:
        manifest: dbt's manifest.
        warehouse: Where.
        models: The unique ids of models and seeds; None for everything.
        tests: Those of further tests across models.

    Raises:
        WorkbenchError: That would be built from the landing tables of the team, which analysts don't read.
    """
    if models is None:
        if not warehouse.is_local:
            raise WorkbenchError("Name the model to build in the team's warehouse: MODEL=...")
        everything = [name for name, node in manifest.nodes.items() if node.resource_type == "model"]
        return Selection([], everything, takes_batches=True)
    reached = downstream(manifest, models)
    by_batch = [manifest.nodes[name].name for name in reached if "by_batch" in manifest.nodes[name].tags]
    if by_batch and not warehouse.is_local:
        names = ", ".join(manifest.nodes[name].name for name in models)
        raise WorkbenchError(
            f"{names} can't be built in the team's warehouse: {', '.join(by_batch)} takes batches in from the landing "
            "tables, which analysts don't read. Check it on the local one: leave TARGET out."
        )
    ancestors = upstream(manifest, reached)
    built = {*reached, *(ancestors if by_batch else _absent(manifest, warehouse, ancestors))}
    words = [*(manifest.nodes[name].name for name in sorted(built)), *(manifest.nodes[name].name for name in tests)]
    is_model = (name for name in sorted(built) if manifest.nodes[name].resource_type == "model")
    return Selection(["--select", *words], list(is_model), bool(by_batch), is_empty=not words)


def plans(manifest: Any, models: Iterable[str]) -> list[str]:
    """Return the models that lead from the versions of days to some models: what tells these which days are due."""
    models = list(models)
    above = set(upstream(manifest, models)) - set(models)
    first = [name for name in above if _reads_versions(manifest.nodes[name])]
    return [name for name in downstream(manifest, first) if name in above]


def is_incremental(node: Any) -> bool:
    """Whether a model is a KPI, or takes in what is new by a key or by batches: not a plan, which each run empties."""
    return (
        node.resource_type == "model"
        and node.config.materialized == "incremental"
        and (bool(set(node.tags) & {"kpi", "by_batch"}) or bool(node.config.unique_key))
    )


def downstream(manifest: Any, names: Iterable[str]) -> list[str]:
    """Return models, seeds and what is built from them."""
    return _reached(manifest, names, manifest.child_map)


def upstream(manifest: Any, names: Iterable[str]) -> list[str]:
    """Return what models are built from, seeds included; the models too."""
    return _reached(manifest, names, manifest.parent_map)


def _reached(manifest: Any, names: Iterable[str], edges: Mapping[str, Sequence[str]]) -> list[str]:
    found = dict.fromkeys(names)
    todo = list(found)
    while todo:
        for name in edges.get(todo.pop(), ()):
            node = manifest.nodes.get(name)
            if node is not None and node.resource_type in ("model", "seed", "snapshot") and name not in found:
                found[name] = None
                todo.append(name)
    return list(found)


def _absent(manifest: Any, warehouse: Warehouse, names: Iterable[str]) -> list[str]:
    there = production(warehouse)["nodes"]
    return [name for name in names if name not in there or manifest.nodes[name].resource_type == "seed"]


def production(warehouse: Warehouse) -> dict[str, Any]:
    """Return the manifest of what stands in production."""
    return json.loads((warehouse.production / "manifest.json").read_text())


def _reads_versions(node: Any) -> bool:
    return node.resource_type == "model" and not node.tags and _PLAN_OF_DAYS in node.raw_code
