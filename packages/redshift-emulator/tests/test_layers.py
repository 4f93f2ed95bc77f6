"""The packages of the emulator import downwards only, and its functions and classes stay readable."""

from __future__ import annotations

import ast
import importlib.util
from graphlib import TopologicalSorter
from pathlib import Path

import redshift_emulator

ROOT = Path(redshift_emulator.__file__).parent
# From the bottom. A module imports from its own layer and those before it.
LAYERS = [
    "errors",
    "names",
    "knobs",
    "protocol",
    "postgres",
    "catalogue",
    "sql",
    "load",
    "server",
    "emulator",
    "__main__",
]
BESIDE = {"iam", "probes", "pytest_plugin"}  # nothing imports them
LONGEST_FUNCTION, LONGEST_CLASS = 60, 200  # lines


def name_of(path: Path) -> str:
    return ".".join(["redshift_emulator", *path.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__")


def imports(path: Path) -> set[str]:
    """The modules of the emulator that a module imports, wherever in it the import is written."""
    package = name_of(path) if path.name == "__init__.py" else name_of(path).rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            found |= {f"{base}.{alias.name}" for alias in node.names} & set(MODULES) or {base}
    return {name for name in found if name.startswith("redshift_emulator")}


MODULES = {name_of(path): path for path in ROOT.rglob("*.py")}
IMPORTS = {name: imports(path) - {name} for name, path in MODULES.items()}


def layer(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_each_module_has_a_layer() -> None:
    assert {layer(name) for name in MODULES} == {"", *LAYERS, *BESIDE}


def test_imports_go_downwards() -> None:
    upwards = [
        f"{name} imports {other}"
        for name, others in IMPORTS.items()
        if layer(name) in LAYERS
        for other in others
        if layer(other) not in LAYERS or LAYERS.index(layer(other)) > LAYERS.index(layer(name))
    ]
    assert upwards == []


def test_no_module_imports_itself_by_others() -> None:
    graph = {name: others for name, others in IMPORTS.items() if layer(name)}  # the package itself imports on first use
    assert list(TopologicalSorter(graph).static_order())


def test_the_emulator_knows_nothing_of_the_project_around_it() -> None:
    words = ("kpi", "local.s3", "dags", "streaming", "import local", "from local")
    assert [(name, word) for name, path in MODULES.items() for word in words if word in path.read_text().lower()] == []


def test_functions_and_classes_can_be_read() -> None:
    limits = {ast.FunctionDef: LONGEST_FUNCTION, ast.ClassDef: LONGEST_CLASS}
    too_long = [
        f"{name}.{node.name}"
        for name, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text()))
        if type(node) in limits and node.end_lineno - node.lineno >= limits[type(node)]
    ]
    assert too_long == []
