"""`make kpi`: the files of a new KPI, complete and green, to be edited from there."""

from __future__ import annotations

import re

from workbench.changes import PROJECT, REPO, models
from workbench.errors import WorkbenchError
from workbench.rules import EXPOSURES, READERS

GUIDE = REPO / "docs" / "analysts.md"
EXAMPLE = "listeners_by_country_daily"
_FILE = re.compile(r"^```\w+ file=(\S+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_LONGEST = 32  # dbt cuts the name of a test at 63 characters, and the longest one of the skeleton adds 31


def make_kpi(name: str) -> list[str]:
    """Write the .sql and the .yml of a new KPI, and name it in the exposure of the analysts' queries.

    The guide's own model is the pattern, so that what the guide shows and what is written can't differ.

    Args:
        name: The model's name.

    Returns:
        A line for each file: what was written, or what was added to it.

    Raises:
        WorkbenchError: The name is none for a table, or there is a model of it.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise WorkbenchError(
            f"{name!r} can't be the name of a model: give NAME small letters, digits and _, at most {_LONGEST}, as in "
            f"`make kpi NAME={EXAMPLE}`."
        )
    if file := models().get(name):
        raise WorkbenchError(f"There is a model {name} already: {file.relative_to(REPO)}.")
    written = []
    for path, content in _FILE.findall(GUIDE.read_text()):
        file = REPO / path.replace(EXAMPLE, name)
        if file.exists():
            raise WorkbenchError(f"{file.relative_to(REPO)} is there already: move it away, or take another NAME.")
        file.write_text(content.replace(EXAMPLE, name))
        written.append(f"{file.relative_to(REPO)}  new")
    line = _expose(name)
    return [*written, f"{(PROJECT / EXPOSURES).relative_to(REPO)}:{line}  - ref('{name}')"]


def _expose(name: str) -> int:
    """Add a model to what the analysts' queries read, below the last KPI there; return the number of the line."""
    file = PROJECT / EXPOSURES
    lines = file.read_text().splitlines(keepends=True)
    start = next((number for number, line in enumerate(lines) if line.strip() == f"- name: {READERS}"), None)
    if start is None:
        raise WorkbenchError(f"dbt_project/{EXPOSURES} has no exposure {READERS}: add one that depends on {name}.")
    first = next(number for number in range(start, len(lines)) if lines[number].strip() == "depends_on:") + 1
    last = first
    while last < len(lines) and lines[last].strip().startswith("- "):
        last += 1
    indent = lines[first][: len(lines[first]) - len(lines[first].lstrip())]
    lines.insert(last, f"{indent}- ref('{name}')\n")
    file.write_text("".join(lines))
    return last + 1
