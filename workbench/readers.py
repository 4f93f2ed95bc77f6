"""Who reads a column or a model that an edit takes away: files that dbt does not know, and exposures."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.changes import REPO
from workbench.explain import place
from workbench.rules import models

_FOLDERS = ("dags", "deploy")
_ENDINGS = (".sql", ".py", ".j2")


@dataclass(frozen=True)
class Loss:
    """A column, or a whole model where there is no column, that production has and the project no longer has.

    Attributes:
        model: The model's unique id.
        sentence: What is gone, and the exposures whose readers miss it.
        files: A line for each file that names it.
    """

    model: str
    sentence: str
    files: list[str]


def losses(manifest: Mapping[str, Any], production: Mapping[str, Any]) -> Iterator[Loss]:
    """Yield what the project no longer has and somebody reads.

    Args:
        manifest: The project's manifest, as its JSON.
        production: That of what stands in production.
    """
    now = models(manifest)
    files = _files()
    named = {node["name"]: node["columns"] for node in models(production).values()}
    for unique_id, before in models(production).items():
        name = before["name"]
        exposures = _exposures(production, unique_id)
        if unique_id not in now:
            yield from _loss(unique_id, f"the model {name}", exposures, files, [name])
            continue
        for column in before["columns"]:
            if column not in now[unique_id]["columns"] and now[unique_id]["columns"]:
                others = [other for other, columns in named.items() if column in columns and other != name]
                plain = {file: text for file, text in files.items() if _is_plain(file, text, others)}
                yield from _loss(unique_id, f"{name}.{column}", exposures, plain, [name, column])


def _is_plain(file: Path, text: str, others: Collection[str]) -> bool:
    """Whether a column that a file names can't be another model's: Python may name several, a query what it reads."""
    return file.suffix == ".sql" or not any(_names(text, other) for other in others)


def _names(text: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


def _loss(model: str, what: str, exposures: str, files: Mapping[Path, str], words: list[str]) -> Iterator[Loss]:
    found = [file for file, text in files.items() if all(_names(text, word) for word in words)]
    if found or exposures:
        lines = [f"{place(file, words[::-1])}  reads {what}" for file in found]
        yield Loss(model, f"{what} is gone, which production has{exposures}", lines)


def _files() -> dict[Path, str]:
    found = [file for folder in _FOLDERS for file in sorted((REPO / folder).rglob("*")) if file.suffix in _ENDINGS]
    return {file: file.read_text() for file in found if "__pycache__" not in file.parts}


def _exposures(manifest: Mapping[str, Any], model: str) -> str:
    labels: Collection[str] = [
        exposure["label"] or exposure["name"]
        for exposure in manifest["exposures"].values()
        if model in exposure["depends_on"]["nodes"]
    ]
    return f"; the model is read by: {', '.join(labels)}" if labels else ""
