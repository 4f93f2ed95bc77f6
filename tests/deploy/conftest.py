"""An AWS account, and a repository of our own that deployments are made from."""

import os
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
import redshift_connector
import sqlparse
from kpi_pipeline import settings as pipeline_settings
from kpi_pipeline.landing import land as land_files
from kpi_pipeline.landing.warehouse import Warehouse
from kpi_pipeline.sql import render

from tests.deploy import aws

REPO = Path(__file__).resolve().parents[2]
REGION = "us-east-1"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with aws.server() as address:
        yield address


@pytest.fixture
def account(address: str, monkeypatch: pytest.MonkeyPatch) -> boto3.Session:
    """The environment of somebody who is logged in to an account; nothing in it can reach AWS."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    urllib.request.urlopen(urllib.request.Request(f"{address}/moto-api/reset", method="POST"))
    return boto3.Session()


class Repository:
    """A git repository with the files of a release."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for name in ("dags", "dbt_project", "deploy"):
            ignored = shutil.ignore_patterns("target", "logs", "__pycache__", "dbt_packages", ".user.yml")
            shutil.copytree(REPO / name, path / name, ignore=ignored)
        for name in ("requirements.txt", "constraints.txt"):
            shutil.copy(REPO / name, path / name)
        self.git("init", "--quiet", "--initial-branch", "main")
        self.commit()

    def git(self, *arguments: str) -> str:
        names = ["-c", "user.name=tests", "-c", "user.email=tests@example.com", "-c", "commit.gpgsign=false"]
        return subprocess.run(
            ["git", *names, "-C", str(self.path), *arguments], check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(self) -> str:
        """Commit everything; returns the hash."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "a version")
        return self.git("rev-parse", "HEAD")

    def append(self, name: str, text: str) -> None:
        path = self.path / name
        path.write_text(path.read_text() + text)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture(scope="session")
def land(stack) -> Callable[..., None]:
    """Put files into the raw bucket and land them, as the DAG's tasks do; `user` logs in to the warehouse."""

    def land(files: dict[str, str], user: str | None = None, password: str | None = None) -> None:
        client = stack.client_env()
        for name, text in files.items():
            stack.s3_client.put_object(Bucket="kpi-raw", Key=name, Body=text.encode())
        settings = pipeline_settings.load({"KPI_RAW_BUCKET": "kpi-raw", "KPI_ARTIFACT_BUCKET": "kpi-artifacts"})
        connection = redshift_connector.connect(
            host=client["REDSHIFT_HOST"],
            port=int(client["REDSHIFT_PORT"]),
            database=client["REDSHIFT_DATABASE"],
            user=user or client["REDSHIFT_USER"],
            password=password or client["REDSHIFT_PASSWORD"],
            ssl=False,
        )
        with connection:
            for statement in sqlparse.split(render("create_landing", schema="landing")):
                connection.cursor().execute(statement)
            connection.commit()
            for table in ("songs", "users", "streams"):
                land_files(table, settings, stack.s3_client, Warehouse(connection, "landing", "a run"))

    return land
