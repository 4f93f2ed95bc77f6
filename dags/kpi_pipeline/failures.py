"""What a failed dbt task means: whether another try may help, and which rows a failed test found."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from airflow.sdk import RetryDecision, RetryPolicy

from kpi_pipeline.settings import Settings

_FAILED_TEST = re.compile(r"^(?:dbt invocation completed with errors: )?(\w+): Got \d+ results?,", re.MULTILINE)
_MOST_ROWS, _MOST_TOLD = 500, 3
# What stays as it is until somebody has changed the project or the data. Each is dbt's own word for it.
_LASTING = re.compile(r"Compilation Error|Parsing Error|enforced contract|Got \d+ results?, configured to fail")


class RetryWhatMayPass(RetryPolicy):
    """Retry a broken connection, a lock or a conflict; fail at once on a test, a contract or the project's own code."""

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> RetryDecision:
        """Decide by what dbt says of the task.

        Args:
            exception: What Cosmos raised; its text has a line for each node that failed.
            try_number: Of this try, from 1.
            max_tries: Of the task.
            context: Airflow's context.
        """
        from kpi_pipeline.landing.errors import is_lasting

        text = str(exception)
        if _LASTING.search(text):
            return RetryDecision.fail("another try would find the same project and the same data")
        if "Database Error" in text and is_lasting(text):
            return RetryDecision.fail("another try would get the same answer from Redshift")
        return RetryDecision.default()

    def serialize(self) -> dict[str, Any]:
        """Return nothing: the policy has no arguments."""
        return {}


@dataclass(frozen=True)
class FailedTest:
    """A dbt test that failed, and rows that it found.

    Attributes:
        name: The test.
        rows: Some of them, by their columns.
    """

    name: str
    rows: list[dict[str, Any]]

    @property
    def days(self) -> set[date]:
        """The days of the rows; none where the test does not return its rows' day."""
        return {row["listen_date"] for row in self.rows if isinstance(row.get("listen_date"), date)}

    def __str__(self) -> str:
        """Return the first rows in one line."""
        told = ["; ".join(f"{name} {value}" for name, value in row.items()) for row in self.rows[:_MOST_TOLD]]
        more = f" and {len(self.rows) - _MOST_TOLD} more" if len(self.rows) > _MOST_TOLD else ""
        return f"{self.name} found {' | '.join(told)}{more}"


def failed_tests(exception: object) -> list[str]:
    """Return the names of the tests that an exception of a dbt task tells of."""
    return _FAILED_TEST.findall(str(exception or ""))


def rows_of(settings: Settings, names: Iterable[str], scope: str) -> list[FailedTest]:
    """Ask the warehouse once more which rows the tests find, by ``dbt show``.

    Args:
        settings: The pipeline's settings.
        names: Tests of the project.
        scope: The var ``test_scope`` that the task had.

    Returns:
        The tests that still find rows; none where dbt cannot tell.
    """
    from dbt.cli.main import dbtRunner

    parsed = settings.dbt_project / "target" / "partial_parse.msgpack"
    with tempfile.TemporaryDirectory(prefix="kpi-failed-tests-") as target:
        if parsed.is_file():
            shutil.copy(parsed, target)
        command = ["--quiet", "--log-level", "none", "--log-path", str(Path(target, "logs"))]
        command += ["show", "--select", *names]
        command += ["--limit", str(_MOST_ROWS), "--vars", f"{{test_scope: {scope}}}", "--target", settings.dbt_target]
        command += ["--project-dir", str(settings.dbt_project), "--profiles-dir", str(settings.dbt_project)]
        outcome = dbtRunner().invoke([*command, "--target-path", target])
    found = getattr(outcome.result, "results", None) or []
    tables = [(result.node.name, result.agate_table) for result in found if result.agate_table is not None]
    return [
        FailedTest(name, [dict(zip(table.column_names, row, strict=True)) for row in table.rows])
        for name, table in tables
        if len(table.rows)
    ]
