"""`make check`: style, build and tests of the models that were edited and of what depends on them."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from workbench import builds, readers, rules
from workbench.again import build_again
from workbench.changes import PROJECT, REPO, concerned
from workbench.dbt import Dbt
from workbench.errors import DbtError
from workbench.explain import Problem, explain, place, tested_model
from workbench.lint import Lint
from workbench.selection import Selection, downstream, production, select
from workbench.tables import rows_as_table
from workbench.unit_tests import difference
from workbench.warehouse import Warehouse

SAMPLE = 10
# What is for the schema of production alone.
AUDIT = ("--exclude", "tag:audit")


class Check:
    """One check, and what it prints: what is wrong first, then what was built.

    Args:
        warehouse: Where.
        names: The models that were named; None for those that git sees as changed.
        files: The files that git sees as changed.
        lint: The check of their style, under way.
    """

    def __init__(self, warehouse: Warehouse, names: Sequence[str] | None, files: Sequence[Path], lint: Lint) -> None:
        self._began = time.monotonic()
        self._warehouse = warehouse
        self._names = names
        self._files = files
        self._lint = lint
        self._console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 10_000)
        self._dbt = Dbt(warehouse.target, warehouse.environ, edited=files)
        self._defer = ["--defer", "--favor-state", "--state", str(warehouse.production)]
        self._is_well = True
        self._unreadable: set[str] = set()
        self._undescribed: set[str] = set()

    def run(self) -> bool:
        """Check; returns whether all is well.

        Raises:
            WorkbenchError: dbt can't reach the warehouse, or must not build there what was named.
        """
        with self._warehouse.lock:
            try:
                manifest = self._dbt.manifest
            except DbtError as error:
                self._show_failure(error.problem)
                self._show_style()
                return False
            named, selection = self._select()
            written = manifest.writable_manifest().to_dict(omit_none=False)
            results = [] if selection.is_empty else self._build(selection)
        self._show_losses(written, named)
        broken_rules = self._show_rules(written, named)
        findings = self._show_style()
        self._show_end(results, findings, broken_rules, named)
        return self._is_well

    def _select(self) -> tuple[list[str] | None, Selection]:
        """Return the models that were named or edited, None for all, and what is to be built."""
        manifest = self._dbt.manifest
        by_name = {node.name: name for name, node in manifest.nodes.items() if node.resource_type == "model"}
        if self._names is not None:
            models = [by_name[name] for name in self._names if name in by_name]
            return models, select(manifest, self._warehouse, models)
        found = concerned(self._files, manifest)
        if found.everything or not self._files:
            reason = f"{found.everything.name} concerns every model" if found.everything else "git sees no change"
            _progress(f"{reason}: checking everything")
            return None, select(manifest, self._warehouse, None)
        names = [manifest.nodes[name].name for name in [*found.models, *found.tests]]
        _progress(f"changed: {', '.join(names or [file.name for file in self._files])}")
        if not names:
            _progress("no model is to be built anew")
        return found.models, select(manifest, self._warehouse, found.models, found.tests)

    def _build(self, selection: Selection) -> list[Any]:
        """Build whole and test, run the unit tests of what was built, build incremental models once more."""
        words = [*selection.words, *self._defer]
        progress = Console(stderr=True)
        with progress.status("building and testing") if progress.is_terminal else nullcontext():
            # A failed unit test would keep dbt from building its model: they come afterwards.
            results = self._dbt.build(*words, "--full-refresh", "--exclude-resource-type", "unit_test", *AUDIT)
            models = [result for result in results if result.node.resource_type == "model"]
            built = [result.node.unique_id for result in models if result.status == "success"]
            builds.record(self._warehouse, self._dbt.manifest, built)
            unit_tests = self._test_units(built)
            differences = build_again(self._dbt, self._warehouse, selection, built, self._defer)
        for result in [*results, *unit_tests]:
            self._show_problem(result)
        for problem, table in differences:
            self._show_failure(problem)
            if table is not None:
                self._console.print(table)
        self._show_skipped(results)
        for result in models:
            if result.status == "success":
                self._console.print(f"built   {result.node.name:<40}{result.execution_time:6.1f} s", markup=False)
        return [*results, *unit_tests]

    def _test_units(self, built: Sequence[str]) -> list[Any]:
        names = {self._dbt.manifest.nodes[name].name for name in built}
        tests = [test.name for test in self._dbt.manifest.unit_tests.values() if test.model in names]
        if not tests:
            return []
        return self._dbt.test("--select", *tests, "--resource-type", "unit_test", *self._defer)

    def _show_problem(self, result: Any) -> None:
        node = result.node
        if result.status == "error":
            self._show_failure(self._explain(result))
            self._show_compiled(node)
        elif result.status == "fail" and node.resource_type == "unit_test":
            said = f"The unit test {node.name}: its model gives other rows than expected."
            self._show_failure(Problem(place(PROJECT / node.original_file_path, [node.name]), said))
            for table in difference(self._dbt, node, self._key(tested_model(node))):
                self._console.print(table)
        elif result.status in ("fail", "warn"):
            self._is_well &= result.status == "warn"
            rows = self._dbt.show("--inline-direct", node.compiled_code, limit=SAMPLE)
            count = f"{result.failures:,} row{'' if result.failures == 1 else 's'}"
            word = "[red]failed[/] " if result.status == "fail" else "[yellow]warning[/]"
            self._console.print(f"{word} {escape(node.name)}: {count}, the first {len(rows)}:")
            self._console.print(rows_as_table(rows))
            self._show_compiled(node)

    def _explain(self, result: Any) -> Problem:
        """Return what an error means; one of a model without a .yml comes from that."""
        node = result.node
        if node.resource_type == "model" and not node.patch_path and "Database Error" not in str(result.message):
            file = f"dbt_project/{node.original_file_path}"
            self._undescribed.add(file)
            yml = file.removesuffix(".sql") + ".yml"
            return Problem(file, f"No .yml describes {node.name}, so its contract is missing: add {yml}.")
        return explain(str(result.message), node, self._files)

    def _key(self, model: str) -> list[str]:
        key = next(node for node in self._dbt.manifest.nodes.values() if node.name == model).config.unique_key or []
        return [key] if isinstance(key, str) else list(key)

    def _show_failure(self, problem: Problem) -> None:
        self._is_well = False
        if problem.is_of_jinja:
            self._unreadable.add(problem.place.split(":")[0])
        self._console.print(f"[red]failed[/]  {escape(problem.place or problem.sentence)}")
        if problem.place:
            self._console.print(f"        {problem.sentence}", markup=False)
        for line in problem.more:
            self._console.print(f"        {line}", markup=False)

    def _show_skipped(self, results: Sequence[Any]) -> None:
        """Name for each model that was not built what failed below it."""
        failed = {result.node.unique_id: result for result in results if result.status in ("error", "fail")}
        for result in results:
            if result.status != "skipped" or result.node.resource_type not in ("model", "seed"):
                continue
            below = {
                other.node.name: getattr(other.node, "attached_node", None) or name for name, other in failed.items()
            }
            causes = [
                name for name, node in below.items() if result.node.unique_id in downstream(self._dbt.manifest, [node])
            ]
            said = f"{result.node.name}: {', '.join(causes) or 'something that it is built from'} failed"
            self._console.print(f"[yellow]skipped[/] {said}")

    def _show_losses(self, written: dict[str, Any], named: Sequence[str] | None) -> None:
        for loss in readers.losses(written, production(self._warehouse)):
            if named is not None and loss.model not in named and loss.model in written["nodes"]:
                continue
            self._is_well &= not loss.files
            self._console.print(f"[yellow]readers[/] {escape(loss.sentence)}")
            for line in loss.files:
                self._console.print(f"        {line}", markup=False)

    def _show_rules(self, written: dict[str, Any], named: Sequence[str] | None) -> int:
        """Show what breaks a rule of the docs; returns how many findings there are."""
        shown = 0
        for unique_id in named or ():
            node = written["nodes"][unique_id]
            described = (node.get("patch_path") or "").split("://")[-1]
            if described and Path(described).stem != node["name"]:
                said = f"dbt_project/{described} describes {node['name']}: here each model has a .yml of its own name"
                self._console.print(f"note    {said}", markup=False)
        for finding in rules.findings(written):
            if finding.place in self._undescribed:
                continue  # said already: its model can't be built
            if self._names is None or named is None or finding.node in named:
                self._is_well = False
                shown += 1
                self._console.print(f"[yellow]docs[/]    {escape(str(finding))}")
        return shown

    def _show_style(self) -> list[str]:
        # What sqlfluff says of a file whose Jinja can't be read follows from that.
        findings = [line for line in self._lint.findings() if line.split(":")[0] not in self._unreadable]
        for line in findings:
            self._is_well = False
            self._console.print(f"[yellow]style[/]   {escape(line)}")
        files = dict.fromkeys(name for line in findings if (name := line.split(":")[0]).endswith(".sql"))
        if files:
            self._console.print(f"        to fix most of it: .venv/bin/sqlfluff fix {' '.join(files)}", markup=False)
        return findings

    def _show_compiled(self, node: Any) -> None:
        if path := getattr(node, "compiled_path", None):
            self._console.print(f"        compiled: {_relative(path)}", markup=False)

    def _show_end(
        self, results: Sequence[Any], findings: Sequence[str], broken_rules: int, named: Sequence[str] | None
    ) -> None:
        nodes = [result.node for result in results if result.status == "success"]
        built = [node for node in nodes if node.unique_id in (named or ())]
        for node in built:
            self._show_compiled(node)
        tests = [result for result in results if result.node.resource_type in ("test", "unit_test")]
        passed = sum(result.status == "pass" for result in tests)
        style = "style clean" if not findings else f"{len(findings)} style findings"
        style += f", {broken_rules} docs findings" if broken_rules else ""
        seconds = time.monotonic() - self._began
        self._console.print(f"{passed} of {len(tests)} tests pass, {style}, {seconds:.1f} s", markup=False)
        if self._warehouse.is_local and named and len(built) == len(named) and built:
            name = built[0].name
            query = f'.venv/bin/python -m local sql "select * from {self._warehouse.schema}.{built[0].alias} limit 10"'
            self._console.print(f"look:    {query}", markup=False)
            if built[0].unique_id in production(self._warehouse)["nodes"]:
                self._console.print(f"compare: make compare MODEL={name}", markup=False)


def _progress(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)


def _relative(path: str) -> str:
    return str(Path(path).relative_to(REPO)) if Path(path).is_relative_to(REPO) else path
