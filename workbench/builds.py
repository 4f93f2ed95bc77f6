"""What each model of the analyst's schema was built from: a build that is older than its file is not compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from workbench.selection import upstream
from workbench.warehouse import Warehouse


def record(warehouse: Warehouse, manifest: Any, models: Iterable[str]) -> None:
    """Write down what models have just been built from.

    Args:
        warehouse: Where.
        manifest: dbt's manifest.
        models: Their unique ids.
    """
    file = _file(warehouse)
    known = _read(file)
    known.update({_name(warehouse, name): _parts(manifest, name) for name in models})
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(known))
    draft.replace(file)


def edited_since(warehouse: Warehouse, manifest: Any, model: str) -> list[str] | None:
    """Return the files, from the project's root, that differ from those that a model was built from.

    Args:
        warehouse: Where.
        manifest: dbt's manifest.
        model: Its unique id.

    Returns:
        The files; None if no check has built it.
    """
    built = _read(_file(warehouse)).get(_name(warehouse, model))
    if built is None:
        return None
    now = _parts(manifest, model)
    return [path for path in dict.fromkeys([*now, *built]) if now.get(path) != built.get(path)]


def _name(warehouse: Warehouse, model: str) -> str:
    return f"{warehouse.schema}.{model}"


def _file(warehouse: Warehouse) -> Path:
    return Path(warehouse.environ["DBT_TARGET_PATH"]) / "built.json"


def _read(file: Path) -> dict[str, dict[str, str]]:
    return json.loads(file.read_text()) if file.is_file() else {}


def _parts(manifest: Any, model: str) -> dict[str, str]:
    """Return each file that decides about a model's rows, with a hash of what it says: SQL, configuration, contract."""
    parts: dict[str, list[str]] = {}
    macros: dict[str, None] = {}
    for name in [model, *upstream(manifest, [model])]:
        node = manifest.nodes[name]
        types = {column.name: column.data_type for column in getattr(node, "columns", {}).values()}
        checksum = getattr(node, "raw_code", "") or str(node.checksum.checksum)
        said = [checksum, json.dumps(node.unrendered_config, sort_keys=True, default=str), json.dumps(types)]
        parts.setdefault(node.original_file_path, []).extend(said)
        macros.update(dict.fromkeys(getattr(node.depends_on, "macros", ())))
    todo = list(macros)
    while todo:
        macro = manifest.macros.get(todo.pop())
        for name in macro.depends_on.macros if macro else ():
            if name not in macros:
                macros[name] = None
                todo.append(name)
    for name in sorted(macros):
        macro = manifest.macros.get(name)
        if macro is not None and macro.package_name == manifest.metadata.project_name:
            parts.setdefault(macro.original_file_path, []).append(macro.macro_sql)
    return {path: hashlib.sha256("\n".join(said).encode()).hexdigest() for path, said in parts.items()}
