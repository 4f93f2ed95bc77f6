"""What conformance.toml says of each suite, and what became of its tests."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CONFIGURATION = Path(__file__).parent.parent / "conformance.toml"


@dataclass
class Group:
    """Tests that are not expected to pass, and why."""

    reason: str
    tests: re.Pattern[str]
    message: re.Pattern[str]
    in_scope: bool


@dataclass
class Suite:
    """A suite of tests that other people have written.

    Attributes:
        name: As on the command line.
        repository: Where it is from.
        commit: The version of it that is measured.
        directory: Where pytest runs, in the checkout.
        tests: The arguments for pytest.
        plugins: The plugins of pytest that it uses.
        requires: The modules that its interpreter has to have.
        port: The port of the emulator, if the suite has a fixed one; otherwise a free one.
        seconds: After which a test is ended.
        setup: Statements that the administrator runs first.
        databases: Databases that are made first.
        environment: Variables, with {host}, {port}, {user}, {password}, {database} and {certificate} filled in.
        files: Files to write into the checkout, by their path, filled in likewise.
        sends_nothing: The tests that show something without a statement of their own: log-ins, what fixtures have run.
        groups: The tests that do not pass.
    """

    name: str
    repository: str
    commit: str
    tests: list[str]
    directory: str = "."
    plugins: list[str] = field(default_factory=list)
    requires: list[str] = field(default_factory=list)
    port: int = 0
    seconds: int = 120
    setup: list[str] = field(default_factory=list)
    databases: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    sends_nothing: str = "$^"
    groups: list[Group] = field(default_factory=list)


def read(path: Path = CONFIGURATION) -> dict[str, Suite]:
    """Return the suites by their names."""
    suites = {}
    for name, options in tomllib.loads(path.read_text()).items():
        groups = [
            Group(
                group["reason"],
                re.compile(group.get("tests", ""), re.S),
                re.compile(group.get("message", ""), re.S),
                in_scope=kind == "gaps",
            )
            for kind in ("out_of_scope", "gaps")
            for group in options.pop(kind, [])
        ]
        suites[name] = Suite(name, groups=groups, **options)
    return suites


@dataclass
class Outcome:
    """What became of a suite's tests.

    Attributes:
        passed: How many were content, with statements of their own or without need of one.
        vacuous: Those that passed without a statement.
        skipped: How many the suite itself left out.
        out_of_scope: Those that do not pass, by the reason why they need not.
        gaps: Those that do not pass, by the reason.
        unnamed: Those that do not pass for no reason that is known, with the error.
        stale: The reasons for which no test fails.
    """

    passed: int = 0
    vacuous: list[str] = field(default_factory=list)
    skipped: int = 0
    out_of_scope: Counter[str] = field(default_factory=Counter)
    gaps: Counter[str] = field(default_factory=Counter)
    unnamed: dict[str, str] = field(default_factory=dict)
    stale: list[str] = field(default_factory=list)


def last_of_each(lines: list[str]) -> dict[str, dict[str, Any]]:
    """Return what the log says of each test; a failure outweighs what was before and after it."""
    tests: dict[str, dict[str, Any]] = {}
    for entry in map(json.loads, lines):
        before = tests.get(entry["test"])
        if not before or before["outcome"] != "failed":
            tests[entry["test"]] = entry
    return tests


def judge(suite: Suite, lines: list[str]) -> Outcome:
    """Return what became of a suite's tests by the lines of the log."""
    outcome = Outcome()
    sends_nothing = re.compile(suite.sends_nothing)
    for test, entry in last_of_each(lines).items():
        if entry["outcome"] == "skipped":
            outcome.skipped += 1
        elif entry["outcome"] == "passed":
            if entry["statements"] or sends_nothing.search(test):
                outcome.passed += 1
            else:
                outcome.vacuous.append(test)
        else:
            groups = (it for it in suite.groups if it.tests.search(test) and it.message.search(entry["message"]))
            group = next(groups, None)
            if group:
                (outcome.gaps if group.in_scope else outcome.out_of_scope)[group.reason] += 1
            else:
                outcome.unnamed[test] = entry["message"]
    named = outcome.gaps + outcome.out_of_scope
    outcome.stale = sorted({group.reason for group in suite.groups} - set(named))
    return outcome
