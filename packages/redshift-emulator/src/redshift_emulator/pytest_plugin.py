"""Fixtures for tests: `redshift`, an emulator for the session, and `redshift_database`, a database for each test."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .emulator import RedshiftEmulator

USER, PASSWORD = "awsuser", "Emulator-1"
NUMBERS = count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the plugin's settings to pytest's configuration file."""
    parser.addini("redshift_s3_endpoint", "the address of the S3 that COPY reads; AWS's own if empty", default="")


@dataclass(frozen=True)
class Database:
    """A database of the emulator, and how to reach it."""

    host: str
    port: int
    database: str
    user: str
    password: str

    def connect(self, **parameters: Any) -> Any:
        """Return a connection of redshift_connector.

        Args:
            **parameters: More of redshift_connector.connect's arguments, which win over those of the database.
        """
        import redshift_connector

        defaults = {"host": self.host, "port": self.port, "database": self.database, "user": self.user}
        return redshift_connector.connect(**{**defaults, "password": self.password, "ssl": False, **parameters})


@pytest.fixture(scope="session")
def redshift(request: pytest.FixtureRequest) -> Iterator[RedshiftEmulator]:
    """Start an emulator for the session, with an empty database `dev`."""
    from .emulator import RedshiftEmulator

    # Not pytest's own directory: PostgreSQL does not run as root and has to reach it.
    root = Path(tempfile.mkdtemp(prefix="redshift-emulator-"))
    root.chmod(0o755)
    endpoint = request.config.getini("redshift_s3_endpoint")
    try:
        with RedshiftEmulator(root / "data", s3_endpoint=endpoint, user=USER, password=PASSWORD) as emulator:
            yield emulator
    finally:
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def redshift_database(redshift: RedshiftEmulator, request: pytest.FixtureRequest) -> Iterator[Database]:
    """Make an empty database for a test, and drop it afterwards with what is in it."""
    name = re.sub(r"\W+", "_", request.node.name.lower())[:40] + f"_{next(NUMBERS)}"
    redshift.make_database(name)
    yield Database(redshift.host, redshift.port, name, redshift.user, redshift.password)
    redshift.drop_database(name)
