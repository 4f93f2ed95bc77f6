"""`make check`: style, build and tests of the models that were edited and of what depends on them."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from workbench import changes
from workbench.dbt import Dbt
from workbench.errors import WorkbenchError
from workbench.lint import Lint
from workbench.tables import rows_as_table
from workbench.warehouse import PROJECT, REPO, Warehouse

SAMPLE = 10
# Of a failed statement, what is quoted in the warehouse's own sentence.
QUOTED = re.compile(r'"([^"]+)"|\bcolumn ([\w.]+) does not exist|\bfunction ([\w.]+)\(')


def check(warehouse: Warehouse, names: Sequence[str], lint: Lint) -> bool:
    """Build and test models, and show what is wrong.

    Args:
        warehouse: Where.
        names: The models; none for all.
        lint: The check of their style, under way.

    Returns:
        Whether all is well.

    Raises:
        WorkbenchError: dbt can't read the project, or can't reach the warehouse.
    """
    began = time.monotonic()
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 10_000)
    dbt = Dbt(warehouse.target, warehouse.environ, lambda name, data: _tell(console, name, data))
    with warehouse.lock:
        words = selection(names, warehouse)
        # An edit of an incremental model shows on the rows that it builds: all of them.
        words += ["--full-refresh", "--defer", "--favor-state", "--state", str(warehouse.production)]
        results = dbt.build(*words)
        for result in results:
            _show_problem(console, dbt, result, warehouse)
    findings = lint.findings()
    for line in findings:
        console.print(f"[yellow]style[/]   {escape(line)}")
    if findings:
        files = dict.fromkeys(name for line in findings if (name := line.split(":")[0]).endswith(".sql"))
        if files:
            console.print(f"        to fix most of it: .venv/bin/sqlfluff fix {' '.join(files)}", markup=False)
    _show_end(console, results, findings, names, warehouse, time.monotonic() - began)
    return not findings and all(result.status in ("success", "pass", "warn", "no-op") for result in results)


def selection(names: Sequence[str], warehouse: Warehouse) -> list[str]:
    """Return dbt's words for what is to be built: the models and what depends on them.

    A model that takes in batches is built from the plan of batches, which in a schema of one's own has to be made with
    it: then it is also what all of these are built from. What depends on what is read from production's manifest, which
    costs less than a parse of its own.

    Raises:
        WorkbenchError: That would be built from the landing tables of the team, which analysts don't read.
    """
    if not names:
        if not warehouse.is_local:
            raise WorkbenchError("Name the model to build in the team's warehouse: MODEL=...")
        return []
    manifest = json.loads((warehouse.production / "manifest.json").read_text())
    found = {unique_id for unique_id, node in manifest["nodes"].items() if is_model(node) and node["name"] in names}
    reached = list(found)
    while reached:
        for child in manifest["child_map"][reached.pop()]:
            if child in manifest["nodes"] and is_model(manifest["nodes"][child]) and child not in found:
                found.add(child)
                reached.append(child)
    nodes = [manifest["nodes"][unique_id] for unique_id in sorted(found)]
    by_batch = [node["name"] for node in nodes if "by_batch" in node["tags"]]
    if by_batch and not warehouse.is_local:
        raise WorkbenchError(
            f"{', '.join(names)} can't be built in the team's warehouse: {', '.join(by_batch)} takes batches in from "
            "the landing tables, which analysts don't read. Check it on the local one: leave TARGET out."
        )
    return ["--select", *(f"@{name}" if by_batch else f"{name}+" for name in names)]


def is_model(node: Mapping[str, Any]) -> bool:
    """Whether a node of a manifest is a model."""
    return node["resource_type"] == "model"


def _tell(console: Console, event: str, data: Any) -> None:
    """Print a line for each model once it is built; tests speak up only if they fail."""
    if event != "LogModelResult" or data.status == "ERROR":
        return
    console.print(f"built   {data.node_info.node_name:<40}{data.execution_time:6.1f} s", markup=False)


def _show_problem(console: Console, dbt: Dbt, result: Any, warehouse: Warehouse) -> None:
    node = result.node
    if result.status == "skipped" and node.resource_type == "model":
        console.print(f"[yellow]skipped[/] {node.name}: something that it is built from failed")
    elif result.status == "error" or (result.status == "fail" and node.resource_type == "unit_test"):
        console.print(f"[red]failed[/]  {escape(_place(node, str(result.message)))}")
        console.print("\n".join(f"        {line}" for line in _sentence(str(result.message))), markup=False)
        _show_compiled(console, node)
    elif result.status in ("fail", "warn"):
        rows = dbt.show("--inline-direct", node.compiled_code, limit=SAMPLE)
        count = f"{result.failures:,} row{'' if result.failures == 1 else 's'}"
        console.print(f"[red]failed[/]  {escape(node.name)}: {count}, the first {len(rows)}:")
        console.print(rows_as_table(rows))
        _show_compiled(console, node)


def _place(node: Any, message: str) -> str:
    """Return the file, and the lines on which the word stands that the warehouse complains about.

    The warehouse knows the place only in the statement that it got, which dbt has wrapped.
    """
    file = PROJECT / node.original_file_path
    if node.resource_type == "unit_test":
        if "Database Error" not in message:
            return f"{file.relative_to(REPO)}: {node.name}"
        file = changes.models()[node.model]  # what a unit test sends is the model's SQL on rows of its own
    name = str(file.relative_to(REPO))
    words = [word.split(".")[-1] for groups in QUOTED.findall(message) for word in groups if word]
    for word in words:
        whole = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)
        lines = [number for number, line in enumerate(file.read_text().splitlines(), 1) if whole.search(line)]
        if lines:
            return f"{name}:{', '.join(map(str, lines[:5]))}"
    return name


def _sentence(message: str) -> list[str]:
    """Return dbt's message without its first line, which names the model, and its last, which names a file."""
    lines = [line.strip() for line in message.strip().splitlines()]
    if "Database Error" in lines:
        lines = lines[lines.index("Database Error") + 1 :]
    elif re.match(r"(Database|Compilation|Runtime) Error in ", lines[0]):
        lines = lines[1:]
    return [line for line in lines if line and not line.startswith("compiled code at ")]


def _show_compiled(console: Console, node: Any) -> None:
    if path := getattr(node, "compiled_path", None):
        console.print(f"        compiled: {_relative(path)}", markup=False)


def _show_end(
    console: Console,
    results: Sequence[Any],
    findings: Sequence[str],
    names: Sequence[str],
    warehouse: Warehouse,
    seconds: float,
) -> None:
    for result in results:
        if result.node.resource_type == "model" and result.node.name in names and result.status == "success":
            _show_compiled(console, result.node)
    tests = [result for result in results if result.node.resource_type in ("test", "unit_test")]
    passed = sum(result.status == "pass" for result in tests)
    style = "style clean" if not findings else f"{len(findings)} style findings"
    console.print(f"{passed} of {len(tests)} tests pass, {style}, {seconds:.1f} s", markup=False)
    built = {result.node.name for result in results if result.status == "success"}
    if warehouse.is_local and names and built.issuperset(names):
        query = f'.venv/bin/python -m local sql "select * from {warehouse.schema}.{names[0]} limit 10"'
        console.print(f"look:    {query}", markup=False)
        console.print(f"compare: make compare MODEL={names[0]}", markup=False)


def _relative(path: str) -> str:
    return str(Path(path).relative_to(REPO)) if Path(path).is_relative_to(REPO) else path
