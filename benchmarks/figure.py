"""A figure as a benchmark prints it: the last lines of its output, a JSON object each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """What was measured, and what it is held against.

    Attributes:
        name: What was measured.
        value: How much.
        unit: Of ``value`` and ``baseline``, e.g. "s", "GiB", "MB/s".
        baseline: The same of what stands beside it, measured in the same run; None where nothing does.
        ratio: ``value`` to ``baseline``; None without a baseline.
        goal: What is wanted, in words: "under 10 s", "1.3 x or less"; empty where there is none.
        met: Whether it is; None without a goal.
    """

    name: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    goal: str = ""
    met: bool | None = None


def emit(*figures: Figure) -> None:
    """Print figures for :func:`read`."""
    for figure in figures:
        print(json.dumps(asdict(figure)), flush=True)


def read(lines: Iterable[str]) -> list[dict[str, Any]]:
    """Return the figures of a benchmark's output, whatever else it says."""
    found = []
    for line in lines:
        try:
            figure = json.loads(line)
        except ValueError:
            continue
        if isinstance(figure, dict) and {"name", "value", "unit"} <= figure.keys():
            found.append(figure)
    return found
