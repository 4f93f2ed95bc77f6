"""dbt in this process: its results as objects, its words without its stack traces."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from workbench.errors import DbtError
from workbench.explain import explain

Event = Callable[[str, Any], None]


class Dbt:
    """The project in one environment.

    Args:
        target: A target of dbt_project/profiles.yml.
        environ: The whole environment that dbt is to see; it becomes this process's own.
        on_event: Is called with each event's name and data, from dbt's threads.
        edited: Files to look for a fault in where dbt names none.
    """

    def __init__(
        self,
        target: str,
        environ: Mapping[str, str],
        on_event: Event = lambda name, data: None,
        edited: Sequence[Path] = (),
    ) -> None:
        os.environ.clear()
        os.environ.update(environ)
        self._target = ["--target", target]
        self._on_event = on_event
        self._edited = edited
        self._shown: list[str] = []

    @cached_property
    def manifest(self) -> Any:
        """The project as dbt reads it; the commands that follow use it and don't read it again.

        Raises:
            DbtError: It can't be read; the sentence says where and why.
        """
        manifest = self._invoke("parse")
        manifest.build_parent_and_child_maps()
        return manifest

    def build(self, *words: str) -> list[Any]:
        """Build and test; returns dbt's result of each node.

        Raises:
            DbtError: Nothing could be started: the project can't be parsed, or there is no connection.
        """
        return list(self._on_the_manifest("build", *words).results)

    def run(self, *words: str) -> list[Any]:
        """Build without tests; see :meth:`build`."""
        return list(self._on_the_manifest("run", *words).results)

    def test(self, *words: str) -> list[Any]:
        """Test what is built; see :meth:`build`."""
        return list(self._on_the_manifest("test", *words).results)

    def call(self, macro: str, **arguments: object) -> None:
        """Run a macro of the project for what it does.

        Raises:
            DbtError: The warehouse refused it; the message is its own.
        """
        results = self._on_the_manifest("run-operation", macro, "--args", json.dumps(arguments)).results
        for result in results:
            if result.status != "success":
                said = str(result.message) if result.message else f"The macro {macro} failed: see dbt's log."
                raise DbtError(explain(said))

    def show(self, *words: str, limit: int = 10) -> list[dict[str, Any]]:
        """Return what a query gives, as `dbt show` would print it.

        Args:
            words: `--inline` and SQL with Jinja, or `--inline-direct` and SQL as the warehouse gets it.
            limit: Rows at most.

        Raises:
            DbtError: The warehouse refused the query; the message is its own.
        """
        self._shown.clear()
        self._on_the_manifest("show", *words, "--limit", str(limit), "--output", "json")
        return json.loads(self._shown[0])

    def _on_the_manifest(self, command: str, *words: str) -> Any:
        return self._invoke(command, *words, manifest=self.manifest)

    def _invoke(self, command: str, *words: str, manifest: Any = None) -> Any:
        from dbt.cli.main import dbtRunner

        # The manifest is not written: nobody reads it here, and it costs as much as a small model.
        words = ("--log-level", "none", "--no-use-colors", "--no-write-json", command, *self._target, *words)
        result = dbtRunner(manifest=manifest, callbacks=[self._note]).invoke(list(words))
        if result.exception is not None:
            raise DbtError(explain(*_said(result.exception), self._edited))
        if command == "show" and not result.success:
            raise DbtError(explain(_first_message(result.result)))
        return result.result

    def _note(self, event: Any) -> None:
        if event.info.name == "ShowNode":
            self._shown.append(event.data.preview)
        self._on_event(event.info.name, event.data)


def _first_message(results: Any) -> str:
    return next((result.message for result in results or () if result.message), "dbt gave no reason")


def _said(error: BaseException) -> tuple[str, Any]:
    """Return what an error says, and the node that it is about."""
    return str(error), getattr(error, "node", None)
