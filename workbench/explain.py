"""dbt's and the warehouse's errors as an analyst needs them: the file, the lines, and one sentence."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.changes import PROJECT, REPO, models

LINES = 5
DEPS = "run `.venv/bin/python -m local dbt deps` once, which downloads them"

_HEADER = re.compile(r"^\s*(?:\w+ )*Error(?: in \w+ \S+ \([^)]*\))?\s*$")
_FRAME = re.compile(r"^\s*> (?:in|called by) ")
_PATH = re.compile(
    r"\(?((?:models|macros|tests|seeds|snapshots|marts|staging|intermediate)/[\w./-]+\.(?:sql|yml|yaml))\)?"
)
# Of a failed statement, what is quoted in the warehouse's own sentence.
_QUOTED = re.compile(r'"([^"]+)"|\bcolumn ([\w.]+) does not exist|\bfunction ([\w.]+)\(')
_JINJA_LINE = re.compile(r"^\s*line (\d+)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Problem:
    """What is wrong.

    Attributes:
        place: The file, from the checkout's root, and the lines where they are known; empty if nobody knows it.
        sentence: What is wrong and what to do.
        more: Further lines: the warehouse's hint, a file's line.
        is_of_jinja: Whether the file's Jinja can't be rendered, so that nothing else can be said of it.
    """

    place: str
    sentence: str
    more: Sequence[str] = field(default_factory=tuple)
    is_of_jinja: bool = False

    def __str__(self) -> str:
        """Return it as text: the place and the sentence, then the further lines."""
        return "\n".join([f"{self.place}: {self.sentence}" if self.place else self.sentence, *self.more])


def explain(message: str, node: Any = None, candidates: Iterable[Path] = ()) -> Problem:
    """Return what an error of dbt means.

    Args:
        message: What dbt says.
        node: The node of the manifest that it says it of, if it does.
        candidates: Files to look for the fault in where dbt names none; those that were edited.
    """
    lines = [line for line in message.strip().splitlines() if not _FRAME.match(line)]
    is_of_warehouse = any(line.strip().startswith("Database Error") for line in lines)
    if is_of_warehouse:
        start = next(number for number, line in enumerate(lines) if line.strip().startswith("Database Error"))
        lines = lines[start + 1 :] or lines
    lines = [line for line in lines if not _HEADER.match(line) and not line.strip().startswith("compiled code at ")]
    text = "\n".join(lines).strip()
    own = _file_of(node) or _named_file(text)
    if is_of_warehouse:
        file = _model_file(node) or own
        words = [word.split(".")[-1] for groups in _QUOTED.findall(text) for word in groups if word]
        sentence, *more = [line.strip() for line in lines if line.strip()] or [text]
        return Problem(place(file, words), sentence, more)
    for pattern, explanation in _KNOWN:
        if found := re.search(pattern, text, re.DOTALL):
            return explanation(found, node, own, [*filter(None, [own]), *candidates])
    if found := _JINJA_LINE.search(text):
        return _jinja(text, found, own)
    sentence = " ".join(line.strip() for line in text.splitlines() if line.strip())
    return Problem(place(own, re.findall(r"'(\w+)'", sentence)), sentence)


def _jinja(text: str, found: re.Match[str], own: Path | None) -> Problem:
    """Explain a syntax error of Jinja: of a macro dbt tells no file, and the line within its own block."""
    number, quoted = int(found[1]), text[found.end() :].strip()
    if own is None:
        files = [*PROJECT.joinpath("macros").rglob("*.sql"), *PROJECT.joinpath("tests").rglob("*.sql")]
        lines = ((file, n, line) for file in sorted(files) for n, line in enumerate(file.read_text().splitlines(), 1))
        own, number = next(((file, n) for file, n, line in lines if line.strip() == quoted), (None, number))
    sentence = " ".join(text[: found.start()].split())
    where = f"{_relative(own)}:{number}" if own else ""
    return Problem(where, f"The Jinja can't be read: {sentence}", [quoted], is_of_jinja=True)


def _undefined(found: re.Match[str], node: Any, own: Path | None, files: Sequence[Path]) -> Problem:
    name = found[1]
    if name.startswith("test_") and getattr(node, "resource_type", "") == "test":
        kind = name.removeprefix("test_")
        return Problem(place(own, [kind]), f"There is no test {kind!r}{_close(kind, _generic_tests())}")
    file = _first_with([_model_file(node), *files, *sorted(PROJECT.joinpath("macros").rglob("*.sql"))], name) or own
    if file and re.search(rf"\b{name}\s*[.]\s*\w+\s*\(", file.read_text()):
        said = f"{name} is no dbt package of this project: packages.yml names none of that name, or {DEPS}."
        return Problem(place(file, [name]), said, is_of_jinja=True)
    said = f"The macro or variable {name} is not defined{_close(name, _macros())}"
    return Problem(place(file, [name]), said, is_of_jinja=True)


def _variable(found: re.Match[str], node: Any, own: Path | None, files: Sequence[Path]) -> Problem:
    file = _first_with([_model_file(node), *files], found[1]) or own
    said = f"The variable {found[1]} has no value: give it one in `vars` of dbt_project.yml, or a default in var()."
    return Problem(place(file, [found[1]]), said, is_of_jinja=True)


def _environment(found: re.Match[str], node: Any, own: Path | None, files: Sequence[Path]) -> Problem:
    everywhere = (file for kind in ("*.sql", "*.yml") for file in sorted(PROJECT.rglob(kind)))
    file = _first_with([*files, *(file for file in everywhere if "target" not in file.parts)], found[1]) or own
    said = f"The environment variable {found[1]} is not set: set it, or give env_var() a default."
    return Problem(place(file, [found[1]]), said)


def _not_found(found: re.Match[str], node: Any, own: Path | None, files: Sequence[Path]) -> Problem:
    kind, name = found["kind"], found["name"]
    if found["owner"].lower() == "unit_test":
        test = found["id"].split(".")[-1]
        said = f"The unit test {test} gives no rows for {name}, which its model reads: add an `input` for it."
        return Problem(place(own, [test]), said)
    if kind == "source":
        return Problem(
            place(own, [name.split(".")[-1]]), f"There is no source {name}: sources are described in a .yml."
        )
    if found["how"] == "is disabled":
        return Problem(place(own, [name]), f"ref('{name}') is disabled (enabled: false).")
    return Problem(place(own, [name]), f"There is no model {name!r} for ref(){_close(name, models())}")


def _yaml(found: re.Match[str], node: Any, own: Path | None, files: Sequence[Path]) -> Problem:
    file = PROJECT / "models" / found["file"]
    file = file if file.is_file() else PROJECT / found["file"]
    return _bad_yaml(file, found.string)


def _project_yaml(found: re.Match[str], node: Any, own: Path | None, files: Sequence[Path]) -> Problem:
    quoted = re.findall(r"^\s*(\d+)\s*\| (.*?)\s*$", found.string, re.MULTILINE)
    for file in sorted(PROJECT.glob("*.yml")):
        text = [line.rstrip() for line in file.read_text().splitlines()]
        if quoted and all(text[int(number) - 1 : int(number)] == [line] for number, line in quoted):
            return _bad_yaml(file, found.string)
    return _bad_yaml(own or PROJECT / "dbt_project.yml", found.string)


def _bad_yaml(file: Path, text: str) -> Problem:
    reasons = text.split("------------------------------")[-1].strip().splitlines()
    places = re.findall(r"line (\d+), column (\d+)", reasons[-1] if reasons else "") or re.findall(
        r"near line (\d+)()", text
    )
    said = "; ".join(line.strip() for line in reasons if ", line " not in line)
    number = f":{places[-1][0]}" if places else ""
    return Problem(f"{_relative(file)}{number}", f"This is not valid YAML: {said}.")


def _doc(found: re.Match[str], node: Any, own: Path | None, files: Sequence[Path]) -> Problem:
    file = _yml_of(found[1]) or _first_with(files, found[2])
    return Problem(
        place(file, [found[2]]), f"There is no doc block {found[2]!r}: models/columns.md has those there are."
    )


def _unit_test_model(found: re.Match[str], node: Any, own: Path | None, files: Sequence[Path]) -> Problem:
    return Problem(place(own, [found[1]]), f"The unit test {found[2]} is of {found[1]!r}, which is no model.")


def _arguments(found: re.Match[str], node: Any, own: Path | None, files: Sequence[Path]) -> Problem:
    name = found[1].removeprefix("dbt_macro__").removeprefix("test_")
    words = re.findall(r"'(\w+)'", found[2])
    return Problem(place(own, words or [getattr(node, "name", "")]), f"{name} {found[2].strip()}")


def _fixture(found: re.Match[str], node: Any, own: Path | None, files: Sequence[Path]) -> Problem:
    column, of, accepted = found[1], found[2], re.findall(r"'(\w+)'", found[3])
    of = "the model" if of == "expected output" else of
    test = getattr(node, "name", "a unit test")
    said = f"The unit test {test} has the column {column}, which {of} does not have{_close(column, accepted)}"
    return Problem(place(own, [column]), said)


def _contract(found: re.Match[str], node: Any, own: Path | None, files: Sequence[Path]) -> Problem:
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")] for line in found[1].splitlines() if "|" in line
    ]
    said = []
    for name, in_sql, in_yml, _ in rows[2:]:
        if not in_yml:
            said.append(f"{name} ({in_sql}) is in the SQL only")
        elif not in_sql:
            said.append(f"{name} ({in_yml}) is in the .yml only")
        else:
            said.append(f"{name} is {in_sql} in the SQL and {in_yml} in the .yml")
    yml = _yml_of(getattr(node, "unique_id", "")) or _patched(node)
    # A name that only the .yml has stands there once; the others may stand in its unit tests too.
    where_it_is = place(yml or own, [name for name, *_ in sorted(rows[2:], key=lambda row: bool(row[1]))])
    where = f" and {_relative(own)}" if own and yml else ""
    return Problem(where_it_is, f"The contract{where} differ: {'; '.join(said)}.")


def _no_type(found: re.Match[str], node: Any, own: Path | None, files: Sequence[Path]) -> Problem:
    names = [name for name, column in getattr(node, "columns", {}).items() if not column.data_type]
    said = f"The contract is not complete: {', '.join(names)} has no data_type."
    return Problem(place(_patched(node) or own, names), said)


def _packages(found: re.Match[str], node: Any, own: Path | None, files: Sequence[Path]) -> Problem:
    file = next((PROJECT / name for name in ("packages.yml", "dependencies.yml") if (PROJECT / name).is_file()), None)
    return Problem(_relative(file) if file else "", f"It names dbt packages that are not installed: {DEPS}.")


def _twice(found: re.Match[str], node: Any, own: Path | None, files: Sequence[Path]) -> Problem:
    places = [f"dbt_project/{path}" for path in dict.fromkeys(_PATH.findall(found.string))]
    return Problem("", f"Two {found[1]} have the name {found[2]}: {' and '.join(places)}. Rename one.")


Explanation = Callable[[re.Match[str], Any, Path | None, Sequence[Path]], Problem]
_KNOWN: tuple[tuple[str, Explanation], ...] = (
    (r"specified in packages\.yml, but only \d+ package|run \"?dbt deps\"? to install|dbt_packages", _packages),
    (r"Error reading \w+: (?P<file>\S+\.ya?ml) - ", _yaml),
    (r"Syntax error near line \d+", _project_yaml),
    (r"'(\w+)' is undefined", _undefined),
    (r"Required var '(\w+)' not found", _variable),
    (r"Env var required but not provided: '(\w+)'", _environment),
    (
        r"(?P<owner>\w+) '(?P<id>[^']+)' \([^)]*\) depends on a (?P<kind>node|source) named '(?P<name>[^']+)'"
        r"(?: in package '[^']*')? which (?P<how>was not found|is disabled)",
        _not_found,
    ),
    (r"Documentation for '([^']+)' depends on doc '([^']+)'", _doc),
    (r"Unable to find model '(?:\w+\.)?(\w+)' for unit test '(\w+)'", _unit_test_model),
    (r"macro '(\w+)' (takes [^\n]+)", _arguments),
    (r"Invalid column name: '(\w+)' in unit test fixture for '?([\w ]+\w)'?\.(.*)", _fixture),
    (r"enforced contract that failed\.(.*)", _contract),
    (r"^'data_type'$", _no_type),
    (r"found two (\w+) with the name \"(\w+)\"", _twice),
)


def _is_unit_test(node: Any) -> bool:
    return getattr(node, "resource_type", None) == "unit_test"


def _file_of(node: Any) -> Path | None:
    path = getattr(node, "original_file_path", None)
    return PROJECT / path if path and (PROJECT / path).is_file() else None


def _model_file(node: Any) -> Path | None:
    """Return the .sql of the model that a unit test is of."""
    return models().get(tested_model(node)) if _is_unit_test(node) else None


def tested_model(unit_test: Any) -> str:
    """Return the name of the model that a unit test is of; dbt names it otherwise once the test has run."""
    return getattr(unit_test, "model", None) or unit_test.tested_node_unique_id.split(".")[-1]


def _patched(node: Any) -> Path | None:
    """Return the .yml that describes a model."""
    path = getattr(node, "patch_path", None)
    file = PROJECT / path.split("://")[-1] if path else None
    return file if file and file.is_file() else None


def _yml_of(unique_id: str) -> Path | None:
    """Return the .yml that describes a model, found by its name, for an error that comes without a node."""
    found = described_in(unique_id.split(".")[-1])
    return found[0] if found else None


def described_in(name: str) -> list[Path]:
    """Return the .yml files that have an entry of a name, the one of that name first."""
    entry = re.compile(rf"^\s*-\s*\{{?\s*name:\s*['\"]?{re.escape(name)}['\"]?\s*(?:,.*)?$", re.MULTILINE)
    files = [file for kind in ("*.yml", "*.yaml") for file in PROJECT.joinpath("models").rglob(kind)]
    found = [file for file in files if entry.search(file.read_text(errors="replace"))]
    return sorted(found, key=lambda file: (file.stem != name, file))


def _named_file(text: str) -> Path | None:
    for path in _PATH.findall(text):
        for file in (PROJECT / path, PROJECT / "models" / path):
            if file.is_file():
                return file
    return None


def _first_with(files: Iterable[Path | None], word: str) -> Path | None:
    whole = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
    return next((file for file in files if file and file.is_file() and whole.search(file.read_text())), None)


def place(file: Path | None, words: Iterable[str]) -> str:
    """Return the file, and the lines on which the first of the words stands that is there at all.

    The warehouse knows the place only in the statement that it got, which dbt has wrapped.
    """
    if file is None:
        return ""
    for word in words:
        whole = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)
        lines = [number for number, line in enumerate(file.read_text().splitlines(), 1) if whole.search(line)]
        if lines:
            return f"{_relative(file)}:{', '.join(map(str, lines[:LINES]))}"
    return _relative(file)


def _relative(file: Path) -> str:
    return str(file.relative_to(REPO)) if file.is_relative_to(REPO) else str(file)


def _close(name: str, names: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, list(names), n=1, cutoff=0.75)
    return f": did you mean {found[0]}?" if found else "."


def _macros() -> list[str]:
    files = PROJECT.joinpath("macros").rglob("*.sql")
    return [name for file in files for name in re.findall(r"{%-?\s*macro\s+(\w+)", file.read_text())]


def _generic_tests() -> list[str]:
    files = PROJECT.joinpath("tests", "generic").rglob("*.sql")
    return ["not_null", "unique", "accepted_values", "relationships", *(file.stem for file in files)]
