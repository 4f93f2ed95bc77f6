"""One S3 and one emulator for the session; each test has a schema of its own where it makes tables."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import redshift_connector
from moto.server import ThreadedMotoServer

from emulator_client import BUCKET, PASSWORD, USER, Client
from redshift_emulator import RedshiftEmulator, iam


@pytest.fixture(scope="session")
def data_root() -> Iterator[Path]:
    """Not pytest's own directory: PostgreSQL, which does not run as root, has to reach it."""
    root = Path(tempfile.mkdtemp(prefix="redshift-tests-"))
    root.chmod(0o755)
    yield root
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session")
def aws_endpoint() -> Iterator[str]:
    patch = pytest.MonkeyPatch()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
        "REDSHIFT_USER": USER,
        "REDSHIFT_PASSWORD": PASSWORD,
    }.items():
        patch.setenv(name, value)
    iam.install()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
    patch.undo()


# For each module: the tests of deploy, in the same process, empty moto between theirs.
@pytest.fixture(scope="module")
def s3(aws_endpoint: str) -> Any:
    client = boto3.client("s3", endpoint_url=aws_endpoint, region_name="us-east-1")
    client.create_bucket(Bucket=BUCKET)
    return client


@pytest.fixture(scope="session")
def redshift(data_root: Path, aws_endpoint: str) -> Iterator[RedshiftEmulator]:
    with RedshiftEmulator(data_root / "warehouse", s3_endpoint=aws_endpoint) as server:
        yield server


@pytest.fixture(scope="session")
def connect(redshift: RedshiftEmulator):
    def open_connection(autocommit: bool = True, **parameters: Any) -> Client:
        defaults = {"host": "127.0.0.1", "port": redshift.port, "database": "dev", "user": USER, "password": PASSWORD}
        connection = redshift_connector.connect(**(defaults | {"ssl": False} | parameters))
        connection.autocommit = autocommit
        return Client(connection)

    return open_connection


@pytest.fixture
def run(connect, request: pytest.FixtureRequest) -> Iterator[Client]:
    """A session in a schema of its own."""
    client = connect()
    schema = "".join(c if c.isalnum() else "_" for c in request.node.name.lower())[:40]
    client(f"create schema {schema}")
    client(f"set search_path to {schema}")
    yield client
    client.connection.close()
    cleaner = connect()
    cleaner(f"drop schema {schema} cascade")
    cleaner.connection.close()


@pytest.fixture(scope="session", autouse=True)
def no_inherited_endpoint() -> None:
    os.environ.pop("AWS_ENDPOINT_URL", None)
