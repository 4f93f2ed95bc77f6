"""Names that dbt gives to the Jinja of a model, for sqlfluff: what is clean for dbt is clean for the linter.

sqlfluff imports this package by its `library_path` and puts each name into the context of its templater. Nothing here
asks a warehouse: `execute` is false, as it is while dbt parses. dbt's own macros (`dbt.dateadd`, `safe_cast`) are
rendered from dbt's own files, the ones of Redshift first.
"""

from __future__ import annotations

import json
import os
import re
import sysconfig
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jinja2 import BaseLoader
from jinja2.sandbox import SandboxedEnvironment

_INCLUDED = Path(sysconfig.get_path("purelib"), "dbt", "include")
_FOLDERS = ("global_project/macros/utils", "postgres/macros/utils", "redshift/macros/utils")
_FILES = tuple(f"{name}/macros/{file}" for name in ("postgres", "redshift") for file in ("timestamps.sql",))
_ADAPTERS = ("redshift", "postgres", "default")
_MACRO = re.compile(r"{%-?\s*macro\s+(\w+)\s*\(.*?{%-?\s*endmacro\s*-?%}", re.DOTALL)
_TYPES = {"string": "varchar", "integer": "int", "float": "float", "timestamp": "timestamp"}


class _Returned(BaseException):
    """Carries what a macro returns by dbt's `return`; no `except Exception` of Jinja's may stop it."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _return(value: Any) -> None:
    raise _Returned(value)


def _files() -> Iterator[Path]:
    for folder in _FOLDERS:
        yield from sorted(_INCLUDED.joinpath(folder).glob("*.sql"))
    yield from (_INCLUDED / name for name in ("global_project/macros/adapters/timestamps.sql", *_FILES))


def _sources() -> dict[str, str]:
    return {found[1]: found[0] for file in _files() if file.is_file() for found in _MACRO.finditer(file.read_text())}


@cache
def _macros() -> dict[str, Callable[..., Any]]:
    """Return dbt's macros by their names; each is a function that returns text, or what it hands to `return`."""
    environment = SandboxedEnvironment(loader=BaseLoader(), extensions=["jinja2.ext.do"])
    found: dict[str, Callable[..., Any]] = {}
    names = {**_CONTEXT, "return": _return, "dbt": dbt, "adapter": SimpleNamespace(dispatch=_dispatch)}
    module = environment.from_string("\n".join(_sources().values()), globals=names).module
    for name in _sources():
        if not name.startswith("_"):  # Jinja keeps these within the template
            found[name] = _returning(getattr(module, name))
    return found


def _returning(macro: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:
        try:
            return macro(*arguments, **named)
        except _Returned as returned:
            return returned.value

    return call


def _dispatch(name: str, package: str | None = None) -> Callable[..., Any]:
    return next(_macros()[f"{prefix}__{name}"] for prefix in _ADAPTERS if f"{prefix}__{name}" in _macros())


class _Dbt:
    """The namespace `dbt`, with each macro that dbt has; another name is undefined, as it is for dbt."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        try:
            return _macros()[name]
        except KeyError:
            raise AttributeError(name) from None


def _late(name: str) -> Callable[..., Any]:
    """Return a macro that is read only when a model calls it: sqlfluff imports this package for each file."""
    return lambda *arguments, **named: _macros()[name](*arguments, **named)


def env_var(name: str, default: str | None = None) -> str:
    """Return an environment variable as dbt does; its name where it has no value, so that the SQL stays whole."""
    return os.environ.get(name) or (name.lower() if default is None else default)


dbt = _Dbt()
_CONTEXT: dict[str, Any] = {
    "api": SimpleNamespace(
        Column=SimpleNamespace(
            translate_type=lambda name: _TYPES.get(name, name),
            numeric_type=lambda name, precision, scale: f"{name}({precision},{scale})",
            string_type=lambda size: f"varchar({size})",
        )
    ),
    "exceptions": SimpleNamespace(raise_compiler_error=lambda *_: "", warn=lambda *_: ""),
    "execute": False,
    "flags": SimpleNamespace(FULL_REFRESH=False, WHICH="compile"),
    "fromjson": json.loads,
    "graph": SimpleNamespace(nodes={}, sources={}, exposures={}, metrics={}),
    "invocation_id": "00000000-0000-0000-0000-000000000000",
    "log": lambda *_, **__: "",
    "modules": SimpleNamespace(re=re, datetime=SimpleNamespace(datetime=datetime, timezone=SimpleNamespace(utc=UTC))),
    "print": lambda *_: "",
    "run_started_at": datetime(2024, 6, 25, tzinfo=UTC),
    "target": SimpleNamespace(name="local", schema="analytics", database="dev", type="redshift", threads=4),
    "tojson": json.dumps,
}
globals().update(_CONTEXT)
globals().update({name: _late(name) for name in _sources() if not name.startswith("_") and "__" not in name})
