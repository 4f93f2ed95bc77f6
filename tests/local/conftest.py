import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.environment import REPO
from local.stack import Stack


@pytest.fixture
def make_stack(state_root: Path) -> Iterator[Callable[..., Stack]]:
    """Makes stacks with state directories of their own; all are taken down at the end."""
    made: list[Stack] = []

    def make(**arguments: object) -> Stack:
        made.append(Stack(state_root / uuid.uuid4().hex, **arguments))
        return made[-1]

    yield make
    for stack in made:
        stack.down()


@pytest.fixture
def command() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `python -m local` on a stack's state directory, with pipes that a daemon must not keep open."""

    def run(stack: Stack, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "local", *arguments],
            cwd=REPO,
            env={**os.environ, "LOCAL_STATE": str(stack.state), **environ},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run
