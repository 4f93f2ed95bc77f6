"""dbt in this process: its results as objects, its words without its stack traces."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from workbench.errors import WorkbenchError

Event = Callable[[str, Any], None]


class Dbt:
    """The project in one environment.

    Args:
        target: A target of dbt_project/profiles.yml.
        environ: The whole environment that dbt is to see; it becomes this process's own.
        on_event: Is called with each event's name and data, from dbt's threads.
    """

    def __init__(self, target: str, environ: Mapping[str, str], on_event: Event = lambda name, data: None) -> None:
        os.environ.clear()
        os.environ.update(environ)
        self._target = ["--target", target]
        self._on_event = on_event
        self._shown: list[str] = []

    def build(self, *words: str) -> list[Any]:
        """Build and test; returns dbt's result of each node.

        Raises:
            WorkbenchError: Nothing could be started: the project can't be parsed, or there is no connection.
        """
        return list(self._invoke("build", *words).results)

    def show(self, *words: str, limit: int = 10) -> list[dict[str, Any]]:
        """Return what a query gives, as `dbt show` would print it.

        Args:
            words: `--inline` and SQL with Jinja, or `--inline-direct` and SQL as the warehouse gets it.
            limit: Rows at most.

        Raises:
            WorkbenchError: The warehouse refused the query; the message is its own.
        """
        self._shown.clear()
        self._invoke("show", *words, "--limit", str(limit), "--output", "json")
        return json.loads(self._shown[0])

    def _invoke(self, command: str, *words: str) -> Any:
        from dbt.cli.main import dbtRunner

        # The manifest is not written: nobody reads it here, and it costs as much as a small model.
        words = ("--log-level", "none", "--no-use-colors", "--no-write-json", command, *self._target, *words)
        result = dbtRunner(callbacks=[self._note]).invoke(list(words))
        if result.result is None and not (result.success and command == "show"):
            raise WorkbenchError(_words(result.exception))
        if command == "show" and not result.success:
            raise WorkbenchError(_words(result.exception or _first_message(result.result)))
        return result.result

    def _note(self, event: Any) -> None:
        if event.info.name == "ShowNode":
            self._shown.append(event.data.preview)
        self._on_event(event.info.name, event.data)


def _first_message(results: Sequence[Any]) -> str:
    return next((result.message for result in results if result.message), "dbt gave no reason")


def _words(error: object) -> str:
    """Return what an error says, without the names of dbt's classes."""
    with suppress(AttributeError):
        error = error.msg  # type: ignore[union-attr]
    return str(error).strip()
