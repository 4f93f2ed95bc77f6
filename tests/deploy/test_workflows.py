"""GitHub's workflows call make targets that exist, and hold no logic."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
STEPS = [
    pytest.param(step["run"], id=f"{path.stem}-{step['run']}")
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    for job in yaml.safe_load(path.read_text())["jobs"].values()
    for step in job["steps"]
    if "run" in step
]


@pytest.mark.parametrize("command", STEPS)
def test_a_step_is_one_make_target(command):
    # An expression in a command would let a branch's name run as a program: values come as variables.
    match = re.fullmatch(r'make ([a-z-]+)((?: [A-Z]+="?[\w$/.]+"?)*)', command)
    assert match and match[1] in TARGETS


def test_the_steps_are_those_that_a_fork_needs():
    assert {param.values[0].split()[1] for param in STEPS} == {
        "deploy",
        "deploy-plan",
        "docs",
        "lint",
        "mwaa-check",
        "slim-ci",
        "test",
        "test-all",
    }
