"""Which models are to be checked: the ones that were named, or those that git sees as changed."""

from __future__ import annotations

import difflib
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import WorkbenchError

REPO = Path(__file__).resolve().parent.parent
PROJECT = REPO / "dbt_project"
_FOLDERS = ("models", "macros", "tests", "seeds", "snapshots")


def models() -> dict[str, Path]:
    """Return the project's models: name and .sql file."""
    return {file.stem: file for file in sorted((PROJECT / "models").rglob("*.sql"))}


def named(names: Sequence[str], known: Mapping[str, Path]) -> list[str]:
    """Return the names if they are models.

    Raises:
        WorkbenchError: One is not; the sentence has those that are spelled like it.
    """
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(close)}?" if close else f"the models are {', '.join(known)}."
            raise WorkbenchError(f"There is no model {name!r} in dbt_project/models: {hint}")
    return list(names)


def changed() -> list[Path]:
    """Return the files of the dbt project that differ from the branch's base, those that are gone among them.

    The base is where the branch left main, or without one the last commit.
    """
    base = _git("merge-base", "HEAD", "origin/main") or _git("merge-base", "HEAD", "main") or ["HEAD"]
    names = _git("diff", "--relative", "--name-only", base[0], "--", ".")
    names += _git("ls-files", "--others", "--exclude-standard", "--", ".")
    return [PROJECT / name for name in dict.fromkeys(names)]


@dataclass(frozen=True)
class Concerned:
    """What some edited files concern.

    Attributes:
        models: The unique ids of models and seeds.
        tests: Those of tests across models.
        everything: The file that concerns every model, if one does.
    """

    models: list[str]
    tests: list[str]
    everything: Path | None = None


def concerned(files: Sequence[Path], manifest: Any) -> Concerned:
    """Return what files concern: a model's own files that model, a macro the models that call it, an exposure none.

    Args:
        files: Files of the dbt project.
        manifest: dbt's manifest of it.
    """
    nodes: dict[str, None] = {}
    for file in files:
        found = _nodes_of(file, manifest)
        if found is None:
            return Concerned([], [], file)
        nodes.update(dict.fromkeys(found))
    tests = [name for name in nodes if manifest.nodes[name].resource_type == "test"]
    return Concerned([name for name in nodes if name not in tests], tests)


def _nodes_of(file: Path, manifest: Any) -> list[str] | None:
    """Return the nodes that a file concerns; None if it concerns all."""
    path = str(file.relative_to(PROJECT))
    folder = path.split("/")[0]
    if folder not in _FOLDERS:
        return None if file.suffix in (".yml", ".yaml") else []
    if file.suffix == ".sql" and (folder == "macros" or path.startswith("tests/generic/")):
        return _callers(path, manifest)
    own = [
        name
        for name, node in manifest.nodes.items()
        if node.resource_type in ("model", "seed", "snapshot", "test")
        and path in (node.original_file_path, (getattr(node, "patch_path", None) or "").split("://")[-1])
    ]
    if file.suffix in (".yml", ".yaml"):  # also one that is gone, or that does not name its model any more
        own += [name for name, node in manifest.nodes.items() if _is_model(node) and node.name == file.stem]
    models_or_tests = [name for name in own if manifest.nodes[name].resource_type != "test"]
    if models_or_tests or folder == "tests":
        return models_or_tests or own
    sources = {name for name, source in manifest.sources.items() if source.original_file_path == path}
    return [name for name, node in manifest.nodes.items() if _is_model(node) and sources & set(node.depends_on.nodes)]


def _is_model(node: Any) -> bool:
    return node.resource_type == "model"


def _callers(path: str, manifest: Any) -> list[str] | None:
    """Return the nodes that call a macro of a file, through whatever macros; None if nobody knows who does.

    dbt itself calls a materialization, and a macro that it has too or that is for an adapter.
    """
    project = manifest.metadata.project_name
    defined = {name for name, macro in manifest.macros.items() if macro.original_file_path == path}
    theirs = {macro.name for macro in manifest.macros.values() if macro.package_name != project}
    reached, todo = set(defined), list(defined)
    while todo:
        callee = todo.pop()
        for name, macro in manifest.macros.items():
            if callee in macro.depends_on.macros and name not in reached:
                reached.add(name)
                todo.append(name)
    names = [manifest.macros[name].name for name in reached if manifest.macros[name].package_name == project]
    if any(name in theirs or re.match(r"materialization_|\w+__\w", name) for name in names):
        return None
    operations = [
        node for node in manifest.nodes.values() if node.resource_type == "operation" and reached & set(_called(node))
    ]
    return None if operations else [name for name, node in manifest.nodes.items() if reached & set(_called(node))]


def _called(node: Any) -> Sequence[str]:
    return getattr(node.depends_on, "macros", ())


def _git(*words: str) -> list[str]:
    """Return git's lines; none where there is no git or no such commit."""
    try:
        done = subprocess.run(["git", *words], cwd=PROJECT, capture_output=True, text=True)
    except FileNotFoundError:
        return []
    return done.stdout.splitlines() if done.returncode == 0 else []
