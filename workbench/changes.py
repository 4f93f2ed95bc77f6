"""Which models are to be checked: the ones that were named, or those that git sees as changed."""

from __future__ import annotations

import difflib
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from workbench.errors import WorkbenchError

REPO = Path(__file__).resolve().parent.parent
PROJECT = REPO / "dbt_project"


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


def changed(known: Mapping[str, Path]) -> tuple[list[str], list[Path]]:
    """Return the models that differ from the branch's base, and the files that concern every model.

    A model's own files are its .sql and the .yml of its name; any other file of the dbt project concerns all of them.
    The base is where the branch left main, or without one the last commit.
    """
    own = {file: name for name, path in known.items() for file in (path, path.with_suffix(".yml"))}
    base = _git("merge-base", "HEAD", "origin/main") or _git("merge-base", "HEAD", "main") or ["HEAD"]
    names = _git("diff", "--relative", "--name-only", base[0], "--", ".")
    names += _git("ls-files", "--others", "--exclude-standard", "--", ".")
    files = [PROJECT / name for name in dict.fromkeys(names)]
    return (
        list(dict.fromkeys(own[file] for file in files if file in own)),
        [file for file in files if file not in own],
    )


def _git(*words: str) -> list[str]:
    """Return git's lines; none where there is no git or no such commit."""
    try:
        done = subprocess.run(["git", *words], cwd=PROJECT, capture_output=True, text=True)
    except FileNotFoundError:
        return []
    return done.stdout.splitlines() if done.returncode == 0 else []
