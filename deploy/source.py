"""The files of a version: those of a commit, never of a working tree that nobody can come back to."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import DeployError

# What a version is made of. Everything else in the repository stays where it is.
PATHS = (
    "dags",
    "dbt_project",
    "requirements.txt",
    "constraints.txt",
    "deploy/airflowignore",
    "deploy/startup.sh",
    "deploy/templates",
    "deploy/sql",
)


@dataclass(frozen=True)
class Version:
    """A version that was taken out of git.

    Attributes:
        commit: The whole hash.
        label: How to tell people: the tag or branch that was asked for, and the short hash.
        tree: The directory that holds its files.
    """

    commit: str
    label: str
    tree: Path


@contextmanager
def checkout(repository: Path, version: str | None) -> Iterator[Version]:
    """Take a version's files out of git, into a directory that goes away again.

    Args:
        repository: The repository.
        version: A tag, branch or commit; None for the commit that is checked out.

    Raises:
        DeployError: There is no such version, it lacks files that are needed, or nothing was asked for while
            the working tree has changes that no commit has.
    """
    if not version and (changed := _changed(repository)):
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise DeployError(
            f"There are changes that no commit has ({', '.join(changed[:3])}{more}): commit them, "
            "or deploy what is committed with VERSION=HEAD."
        )
    asked = version or "HEAD"
    commit = _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{asked}^{{commit}}")
    if commit is None:
        raise DeployError(f"git knows no version {asked!r}: give VERSION a tag, a branch or a commit.")
    commit_hash = commit.decode().strip()
    missing = [path for path in PATHS if _git(repository, "cat-file", "-e", f"{commit_hash}:{path}") is None]
    if missing:
        raise DeployError(f"The version {asked} has no {missing[0]}: it is older than the way to production.")
    archive = _git(repository, "archive", "--format=tar", commit_hash, "--", *PATHS)
    if archive is None:
        raise DeployError(f"git can't pack the version {asked}.")
    with tempfile.TemporaryDirectory(prefix="kpi-deploy-") as directory:
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(directory, filter="data")
        label = commit_hash[:10] if commit_hash.startswith(asked) else f"{asked} ({commit_hash[:10]})"
        yield Version(commit_hash, label, Path(directory))


def _changed(repository: Path) -> list[str]:
    status = _git(repository, "status", "--porcelain", "--", *PATHS)
    if status is None:
        raise DeployError(f"{repository} is no git repository: a version is a commit.")
    return [line[3:] for line in status.decode().splitlines()]


def _git(repository: Path, *arguments: str) -> bytes | None:
    result = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, check=False)
    return result.stdout if result.returncode == 0 else None
