"""Fixtures of the whole suite: one started stack, and that stack emptied."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.stack import Stack

# Each stack of the tests takes free ports of its own, whatever the caller has set for the one in the checkout.
for name in [name for name in os.environ if name.startswith("LOCAL_")]:
    del os.environ[name]


@pytest.fixture(scope="session")
def state_root() -> Iterator[Path]:
    """A directory for state directories. Not pytest's own: PostgreSQL, which won't run as root, must reach it."""
    root = Path(tempfile.mkdtemp(prefix="kpi-tests-"))
    root.chmod(0o755)
    yield root
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session")
def stack(state_root: Path) -> Iterator[Stack]:
    """S3 and Redshift, up for the whole session. Tests that use it leave it up and don't rely on its being empty."""
    stack = Stack(state_root / "session")
    try:
        stack.up()
        yield stack
    finally:
        stack.down()


@pytest.fixture
def fresh_stack(stack: Stack) -> Stack:
    """The session's stack with empty buckets and an empty warehouse."""
    stack.up()
    stack.reset()
    return stack
