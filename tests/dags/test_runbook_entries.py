"""Whoever gets a message finds it in the runbook: every task of every DAG, every reason and every subject."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from tests.dags.test_dag_import import REPOSITORY, import_dag

DAGS = REPOSITORY / "dags"
RUNBOOK = (REPOSITORY / "docs" / "runbook.md").read_text()
ERRORS = {"LandingError", "TransientLandingError", "SettingsError"}
VALUE = "\N{OBJECT REPLACEMENT CHARACTER}"
LIST = """
import importlib, json, pathlib, sys
sys.path.insert(0, sys.argv[1])
dags = [importlib.import_module(path.stem).dag for path in pathlib.Path(sys.argv[1]).glob("*.py")]
print(json.dumps({dag.dag_id: {
    "tasks": sorted(dag.task_ids), "description": dag.description, "doc": dag.doc_md,
    "owners": sorted({task.owner for task in dag.tasks}),
} for dag in dags}))
"""


def quoted(text: str) -> list[re.Pattern[str]]:
    """What the text has between backticks, as patterns: `...` and `<model>` stand for anything."""
    spans = re.findall(r"`([^`\n]+)`", text)
    parts = [re.split(r"[.]{3}|<\w+>", span) for span in spans]
    return [re.compile(".*".join(map(re.escape, part)), re.DOTALL) for part in parts]


def headings() -> list[re.Pattern[str]]:
    """The headings' patterns; those behind the first of a heading leave out what it begins with."""
    found = []
    for heading in re.findall(r"^### (.*)$", RUNBOOK, re.MULTILINE):
        first, *others = re.findall(r"`([^`]+)`", heading) or [""]
        before = first[: first.find(": ") + 2] if ": " in first else ""
        found += quoted("".join(f"`{span}`" for span in [first, *(before + other for other in others)]))
    return found


@pytest.fixture(scope="module")
def dags(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    done = import_dag(DAGS, tmp_path_factory.mktemp("home"), LIST)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_every_task_of_every_dag_has_an_entry(dags: dict[str, dict]) -> None:
    known = headings()
    subjects = [f"{dag} failed: {task}" for dag, found in dags.items() for task in found["tasks"]]
    assert len(dags) == 2 and len(subjects) > 25
    assert [subject for subject in subjects if not any(entry.fullmatch(subject) for entry in known)] == []


def test_every_dag_is_explained_where_people_look(dags: dict[str, dict]) -> None:
    for name, dag in dags.items():
        assert dag["description"] and dag["doc"] and dag["owners"] == ["data-engineering"], name
        assert "docs/runbook.md" in dag["doc"]
        for page in ("README.md", "docs/architecture.md", "docs/runbook.md"):
            assert name in (REPOSITORY / page).read_text(), (name, page)


def text_of(node: ast.expr) -> str:
    """A literal's text, its values left out; nothing of what is no literal."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else VALUE for part in node.values)
    return ""


def messages() -> list[tuple[str, str]]:
    """Where each message of an error is, and its text. One in a variable is the text that is assigned to it."""
    found = []
    for path in sorted(DAGS.rglob("*.py")):
        if "dbt_project" in path.parts:
            continue
        tree = ast.parse(path.read_text())
        assigned = {
            target.id: text_of(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ERRORS:
                (argument,) = node.args
                name = argument.id if isinstance(argument, ast.Name) else ""
                found.append((f"{path.relative_to(DAGS)}:{node.lineno}", assigned.get(name) or text_of(argument)))
    return [(place, text) for place, text in found if text]


def test_every_reason_has_an_entry() -> None:
    entries = quoted(RUNBOOK.partition("## How to")[0])
    entries = [entry for entry in entries if r"\ " in entry.pattern]
    written = messages()
    assert len(written) > 20
    assert [place for place in written if not any(entry.search(place[1]) for entry in entries)] == []


def test_every_reason_says_what_to_do() -> None:
    """What is wrong comes first, then a colon, or a sentence, that says what to do."""
    does_not = [place for place in messages() if not re.search(r"(: |[.] |; )\S", place[1])]
    assert does_not == []


def test_every_subject_has_an_entry() -> None:
    known = headings()
    for subject in (
        "streaming_kpis succeeded, with 3 rejects, 2 lines refused, 1 warning",
        "streaming_kpis has not succeeded within 12 hours of being queued",
        "streaming_kpis_audit found 2 warnings",
    ):
        assert any(entry.fullmatch(subject) for entry in known), subject
    sources = Path(DAGS, "kpi_pipeline", "alerts.py").read_text()
    assert sources.count("_publish(") == 4, "a message that is new here needs an entry"
