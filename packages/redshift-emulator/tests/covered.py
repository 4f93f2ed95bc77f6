"""The table of what is covered, made from the tests. `python tests/covered.py` writes it into the README."""

from __future__ import annotations

import ast
from pathlib import Path

from redshift_emulator.probes import PROBES, Refusal

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
START, END = "<!-- coverage: made by python tests/covered.py -->\n", "<!-- end of coverage -->"


def table() -> str:
    """The table, in Markdown."""
    lines = ["| covered | probes | of these refused | documentation |", "|---|---|---|---|"]
    for section in dict.fromkeys(probe.section for probe in PROBES):
        own = [probe for probe in PROBES if probe.section == section]
        refused = sum(isinstance(probe.expected, Refusal) for probe in own)
        pages = ", ".join(f"`{page}`" for page in dict.fromkeys(probe.page for probe in own))
        lines.append(f"| {section} | {len(own)} | {refused or ''} | {pages} |")
    lines.append(
        f"| **all probes** | **{len(PROBES)}** | **{sum(isinstance(p.expected, Refusal) for p in PROBES)}** | |"
    )
    for path in sorted(HERE.glob("test_*.py")):
        tree = ast.parse(path.read_text())
        names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
        if path.stem != "test_probes":
            what = ", ".join(name.removeprefix("test_").replace("_", " ") for name in names)
            lines.append(f"| {path.stem.removeprefix('test_')} | {len(names)} tests | | {what} |")
    return "\n".join(lines) + "\n"


def with_table(text: str) -> str:
    """The README with the table as it is now."""
    before, rest = text.split(START)
    return before + START + table() + END + rest.split(END)[1]


if __name__ == "__main__":
    README.write_text(with_table(README.read_text()))
