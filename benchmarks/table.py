"""The table of figures in the README, from recorded results alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

BEGIN, END = "<!-- figures: made by `make bench` -->", "<!-- /figures -->"
_HEAD = (
    "| what | measured | beside | ratio | goal | met |",
    "|---|---|---|---|---|---|",
)


def render(benchmarks: Mapping[str, str], results: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the table, the machines and what would differ on Redshift, as Markdown.

    Args:
        benchmarks: For each benchmark, in order, what Redshift would do differently from the emulator; may be empty.
        results: The recorded result of each that has one: ``figures``, ``error``, ``machine`` and ``date``.
    """
    lines, notes, machines = list(_HEAD), [], {}
    for name, note in benchmarks.items():
        result = results.get(name)
        if result is None:
            lines.append(_row(f"`{name}`", "not measured yet", *[""] * 4))
            continue
        lines += [_figure_row(figure) for figure in result["figures"]]
        if result["error"]:
            lines.append(_row(f"`{name}`", f"failed: {result['error']}", *[""] * 4))
        if note and result["figures"]:
            notes.append(f"- `{name}`: {note}")
        machines.setdefault(f"{result['date']}, {result['machine']}", []).append(f"`{name}`")
    measured = [f"Measured {where}: {', '.join(names)}." for where, names in machines.items()]
    blocks = ["\n".join(lines), "\n".join(measured)]
    if notes:
        blocks.append("On Redshift:\n\n" + "\n".join(notes))
    return "\n\n".join(block for block in blocks if block)


def insert(text: str, table: str) -> str:
    """Return a page with the table between its two markers.

    Raises:
        ValueError: The page does not have each marker once, in order.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end) or BEGIN in rest or END in after:
        raise ValueError(f"The page needs the lines {BEGIN} and {END}, once each and in this order.")
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


def _figure_row(figure: Mapping[str, Any]) -> str:
    met = {True: "yes", False: "**no**", None: ""}[figure.get("met")]
    ratio = figure.get("ratio")
    return _row(
        str(figure["name"]),
        _amount(figure["value"], figure["unit"]),
        _amount(figure.get("baseline"), figure["unit"]),
        "" if ratio is None else f"{ratio:.2f} x",
        str(figure.get("goal") or ""),
        met,
    )


def _amount(value: object, unit: str) -> str:
    if value is None or value == "":
        return ""
    if not isinstance(value, int | float):
        return str(value)
    return f"{_three_digits(value)} {unit}".strip()


def _three_digits(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _row(*cells: Iterable[str]) -> str:
    return f"| {' | '.join(str(cell).replace('|', chr(92) + '|').replace(chr(10), ' ') for cell in cells)} |"
