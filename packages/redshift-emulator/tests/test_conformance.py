"""The count of others' tests: what passes, what is named, what shows nothing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conformance.__main__ import HEAD, with_row
from conformance.suites import Group, Suite, judge, read

PACKAGE = Path(__file__).parent.parent


def entry(test: str, outcome: str, statements: int = 1, message: str = "") -> str:
    return json.dumps({"test": test, "outcome": outcome, "statements": statements, "message": message})


def suite(*groups: Group) -> Suite:
    return Suite("others", "repository", "c0ffee", ["tests"], sends_nothing="test_login", groups=list(groups))


def group(reason: str, tests: str = "", message: str = "", in_scope: bool = False) -> Group:
    return Group(reason, re.compile(tests), re.compile(message), in_scope)


def test_a_test_that_sends_nothing_is_vacuous_unless_it_is_about_the_log_in() -> None:
    lines = [entry("a", "passed"), entry("b", "passed", 0), entry("test_login", "passed", 0), entry("c", "skipped")]
    outcome = judge(suite(), lines)
    assert (outcome.passed, outcome.vacuous, outcome.skipped) == (2, ["b"], 1)


def test_what_fails_is_out_of_scope_or_a_gap_or_not_named() -> None:
    lines = [
        entry("spatial[1]", "failed", message="no function st_x"),
        entry("other[1]", "failed", message="no function st_y"),
        entry("arrays", "failed"),
        entry("new", "failed", message="never seen"),
    ]
    outcome = judge(suite(group("spatial", message="st_"), group("arrays", "arrays", in_scope=True)), lines)
    assert dict(outcome.out_of_scope) == {"spatial": 2}
    assert dict(outcome.gaps) == {"arrays": 1}
    assert outcome.unnamed == {"new": "never seen"}


def test_a_reason_for_which_no_test_fails_is_told() -> None:
    assert judge(suite(group("mended", "a")), [entry("a", "passed")]).stale == ["mended"]


@pytest.mark.parametrize("phases", [["passed", "failed"], ["failed", "passed"]])
def test_a_failure_in_any_phase_counts(phases) -> None:
    outcome = judge(suite(), [entry("a", phase) for phase in phases])
    assert (outcome.passed, list(outcome.unnamed)) == (0, ["a"])


def test_a_suite_replaces_its_own_row_alone() -> None:
    readme = (PACKAGE / "README.md").read_text()
    once = with_row(with_row(readme, "second", "| second | 1 |\n"), "first", "| first | 1 |\n")
    again = with_row(once, "second", "| second | 2 |\n")
    assert "| second | 2 |\n" in again
    assert "| second | 1 |" not in again
    assert "| first | 1 |\n" in again
    assert HEAD in again


def test_the_configuration_names_each_suite_and_its_version() -> None:
    suites = read()
    assert set(suites) >= {"redshift_connector", "dbt-redshift"}
    assert all(re.fullmatch("[0-9a-f]{40}", it.commit) and it.tests for it in suites.values())


def test_a_path_that_is_no_checkout_is_told(tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "conformance", "redshift_connector", str(tmp_path)],
        cwd=PACKAGE,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "CHECKOUT has to be a checkout of https://github.com/aws/amazon-redshift-python-driver" in done.stderr
