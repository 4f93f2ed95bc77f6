"""A pytest plugin for the suite's process: what became of each test, and how many statements it sent.

It runs in the interpreter of the suite, and so imports nothing of the emulator. The runner reads the file that
CONFORMANCE_LOG names.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
import redshift_connector.core

sent = 0  # statements, by every connection of the process


def pytest_configure() -> None:
    """Count the statements that the driver sends."""
    execute = redshift_connector.core.Connection.execute

    def counted(self: Any, *arguments: Any, **options: Any) -> Any:
        global sent
        sent += 1
        return execute(self, *arguments, **options)

    redshift_connector.core.Connection.execute = counted


def log(**outcome: Any) -> None:
    """Append a line to the log."""
    with open(os.environ["CONFORMANCE_LOG"], "a") as file:
        file.write(json.dumps(outcome) + "\n")


def too_slow(*_: Any) -> None:
    """Fail the test that runs."""
    raise TimeoutError(f"longer than {os.environ['CONFORMANCE_SECONDS']} s")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol() -> Iterator[None]:
    """End a test that hangs."""
    signal.signal(signal.SIGALRM, too_slow)
    signal.alarm(int(os.environ["CONFORMANCE_SECONDS"]))
    yield
    signal.alarm(0)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Note how many statements the test itself sent, its fixtures not counted."""
    before = sent
    yield
    item.user_properties.append(("statements", sent - before))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Log each phase that says something: the call, and what is not passed."""
    if report.when != "call" and report.passed:
        return
    statements = dict(report.user_properties).get("statements", 0)
    log(test=report.nodeid, outcome=outcome_of(report), statements=statements, message=message_of(report))


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Log a file that can't be collected."""
    if report.failed:
        log(test=report.nodeid, outcome="failed", statements=0, message=message_of(report))


def outcome_of(report: pytest.TestReport) -> str:
    """Return passed, failed or skipped; a test that is expected to fail and does so is skipped."""
    return "failed" if report.failed else report.outcome


def message_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return the last line of the error, or the reason of the skip."""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash else report.longrepr or "")[:2000]
