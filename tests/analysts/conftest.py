"""A copy of the checkout, whose files a test may edit as an analyst does, on the session's stack."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from local.environment import REPO
from local.stack import Stack

DIRECTORIES = ("dags", "dbt_project", "deploy", "docs", "local", "packages", "workbench")
FILES = (
    ".gitignore .pre-commit-config.yaml .sqlfluff .yamllint Makefile constraints.txt pyproject.toml requirements.txt "
    "requirements-local.txt"
).split()
EMULATOR = "packages/redshift-emulator/pyproject.toml"
DAYS = 3


@dataclass
class Checkout:
    """A copy of the repository, with a history of one commit."""

    path: Path
    stack: Stack
    environ: dict[str, str] = field(default_factory=dict)

    def run(self, line: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a line of shell in it."""
        return subprocess.run(
            ["sh", "-c", line],
            cwd=self.path,
            env={
                **os.environ,
                "LOCAL_STATE": str(self.stack.state),
                "DAYS": str(DAYS),
                "COLUMNS": "200",
                "PRE_COMMIT_HOME": str(self.path / ".git" / "pre-commit"),
                **environ,
            },
            capture_output=True,
            text=True,
            timeout=600,
        )

    def restore(self) -> None:
        """Take every edit back."""
        assert self.run("git checkout --quiet . && git clean --quiet --force -d dbt_project").returncode == 0


def copy_checkout(path: Path, stack: Stack) -> Checkout:
    """Copy what an analyst works with."""
    ignored = shutil.ignore_patterns("target", "logs", "__pycache__", ".user.yml", "*.egg-info")
    for name in DIRECTORIES:
        shutil.copytree(REPO / name, path / name, ignore=ignored)
    for name in FILES:
        shutil.copy2(REPO / name, path / name)
    (path / ".venv").symlink_to(REPO / ".venv")
    # Older than any installation: make would install the copy's emulator into the environment that both share.
    for name in ("requirements.txt", "requirements-local.txt", "constraints.txt", EMULATOR):
        os.utime(path / name, (0, 0))
    return Checkout(path, stack)


@pytest.fixture(scope="module")
def checkout(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """The copy, on an empty stack."""
    made = copy_checkout(tmp_path_factory.mktemp("checkout"), stack)
    identity = "-c user.name=analyst -c user.email=analyst@example.com"
    done = made.run(f"git init --quiet -b main . && git add . && git {identity} commit --quiet -m 'The project'")
    assert done.returncode == 0, done.stderr
    stack.up()
    stack.reset()
    yield made
    stack.reset()
