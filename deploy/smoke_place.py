"""Where a smoke test works: schemas, roles and a prefix of its own, the ways to them, and their removal."""

from __future__ import annotations

import hashlib
import json
import secrets
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import redshift_connector

from deploy.errors import DeployError

REPO = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPO / "dags"))  # the DAG's own package, as Airflow finds it

from kpi_pipeline import settings  # noqa: E402

from deploy.warehouse import identifier  # noqa: E402

SERVERLESS, CLUSTER, PASSWORD = "serverless", "cluster", "password"
# What each way to log in needs of the environment.
NEEDED = {
    SERVERLESS: ("REDSHIFT_HOST", "REDSHIFT_WORKGROUP", "AWS_DEFAULT_REGION"),
    CLUSTER: ("REDSHIFT_HOST", "REDSHIFT_CLUSTER", "REDSHIFT_USER", "AWS_DEFAULT_REGION"),
    PASSWORD: ("REDSHIFT_HOST", "REDSHIFT_USER", "REDSHIFT_PASSWORD"),
}
TARGETS = ("local", "dev", "prod", "cluster")


def way_to_log_in(target: str, environ: Mapping[str, str]) -> str:
    """Return how a target of dbt_project/profiles.yml logs in: the smoke test does it in the same way."""
    if target == "dev":
        return PASSWORD if environ.get("REDSHIFT_PASSWORD") else SERVERLESS
    return {"local": PASSWORD, "prod": SERVERLESS, "cluster": CLUSTER}[target]


@dataclass(frozen=True)
class Names:
    """Everything that a smoke test makes in the warehouse, by one random name."""

    name: str

    @property
    def landing(self) -> str:
        """The landing schema."""
        return f"{self.name}_landing"

    @property
    def marts(self) -> str:
        """The schema that dbt builds."""
        return f"{self.name}_marts"

    @property
    def probes(self) -> str:
        """The schema of the probes."""
        return f"{self.name}_probes"

    @property
    def pipeline(self) -> str:
        """The role that owns what is built."""
        return f"{self.name}_etl"

    @property
    def analysts(self) -> str:
        """The role that reads the marts."""
        return f"{self.name}_analyst"

    @property
    def reader(self) -> str:
        """A user who has that role."""
        return f"{self.name}_reader"


class Place:
    """The schemas, roles and objects of one smoke test.

    Args:
        target: A target of dbt_project/profiles.yml.
        environ: The variables of the pipeline and of AWS.

    Raises:
        DeployError: There is no such target, or a setting is missing.
    """

    def __init__(self, target: str, environ: Mapping[str, str]) -> None:
        if target not in TARGETS:
            names = f"{', '.join(TARGETS[:-1])} or {TARGETS[-1]}"
            raise DeployError(f"TARGET is {target!r}: give a target of dbt_project/profiles.yml ({names}).")
        self.target = target
        self.names = Names(f"smoke_{uuid.uuid4().hex[:12]}")
        prefix = environ.get("KPI_RAW_PREFIX", "").strip("/")
        self.environ = {
            **environ,
            "KPI_LANDING_SCHEMA": self.names.landing,
            "KPI_SCHEMA": self.names.marts,
            # Below the pipeline's prefix, the only one that COPY's role may read; no streams file's name begins so.
            "KPI_RAW_PREFIX": "/".join(filter(None, [prefix, self.names.name])),
            "KPI_DBT_TARGET": target,
            "KPI_ANALYST_ROLE": "",
        }
        try:
            self.settings = settings.load(self.environ)
            self.settings.require_buckets()
        except settings.SettingsError as error:
            raise DeployError(str(error)) from None
        self._way = way_to_log_in(target, environ)
        if missing := [variable for variable in NEEDED[self._way] if not environ.get(variable)]:
            raise DeployError(f"The environment variable {missing[0]} is not set: the target {target} needs it.")
        self._aws = {
            argument: environ.get(variable)
            for argument, variable in (
                ("aws_access_key_id", "AWS_ACCESS_KEY_ID"),
                ("aws_secret_access_key", "AWS_SECRET_ACCESS_KEY"),
                ("aws_session_token", "AWS_SESSION_TOKEN"),
                ("region_name", "AWS_DEFAULT_REGION"),
            )
        }
        self.s3 = boto3.Session(**self._aws).client("s3", endpoint_url=environ.get("AWS_ENDPOINT_URL") or None)
        self.has_roles = False
        self._put: set[tuple[str, str]] = set()
        for operation in ("PutObject", "CreateMultipartUpload"):
            self.s3.meta.events.register(f"provide-client-params.s3.{operation}", self._note)
        self._scratch = tempfile.TemporaryDirectory(prefix="kpi-smoke-")
        self.scratch = Path(self._scratch.name)

    def _note(self, params: dict[str, Any], **_: Any) -> None:
        self._put.add((params["Bucket"], params["Key"]))

    # -- the warehouse ----------------------------------------------------------------------------------------------

    @contextmanager
    def connected(self, user: str | None = None, password: str | None = None) -> Iterator[Any]:
        """Open a connection of redshift_connector, as the target logs in, or as a user of one's own.

        Args:
            user: Another user.
            password: That user's password.
        """
        environ = self.environ
        arguments: dict[str, Any] = {
            "host": environ["REDSHIFT_HOST"],
            "port": int(environ.get("REDSHIFT_PORT") or 5439),
            "database": environ.get("REDSHIFT_DATABASE") or "dev",
        }
        if user or self._way == PASSWORD:
            arguments |= {
                "user": user or environ["REDSHIFT_USER"],
                "password": password or environ["REDSHIFT_PASSWORD"],
                "ssl": environ.get("REDSHIFT_SSLMODE") != "disable",
            }
        else:
            arguments |= {"iam": True, "region": environ["AWS_DEFAULT_REGION"]}
            if endpoint := environ.get("AWS_ENDPOINT_URL"):
                arguments["endpoint_url"] = endpoint
            names = {"aws_access_key_id": "access_key_id", "aws_secret_access_key": "secret_access_key"}
            names["aws_session_token"] = "session_token"
            arguments |= {argument: self._aws[name] for name, argument in names.items() if self._aws[name]}
            if self._way == SERVERLESS:
                arguments |= {"is_serverless": True, "serverless_work_group": environ["REDSHIFT_WORKGROUP"]}
            else:
                arguments |= {"cluster_identifier": environ["REDSHIFT_CLUSTER"], "db_user": environ["REDSHIFT_USER"]}
        with closing(redshift_connector.connect(**arguments)) as connection:
            yield connection

    def make_reader(self, query: Any) -> str:
        """Make a user who has the analysts' role; returns the password, which nothing keeps.

        Args:
            query: Runs a statement as somebody who may make users.
        """
        password = f"Aa1{secrets.token_hex(16)}"
        # Redshift takes a digest, so the password is in no log of statements.
        digest = hashlib.md5(f"{password}{self.names.reader}".encode(), usedforsecurity=False).hexdigest()
        query(f"create user {identifier(self.names.reader)} password 'md5{digest}'")
        query(f"grant role {identifier(self.names.analysts)} to {identifier(self.names.reader)}")
        return password

    # -- dbt --------------------------------------------------------------------------------------------------------

    def start_dbt(self, *words: str, folder: str = "dbt") -> subprocess.Popen[str]:
        """Start a dbt of its own process.

        Args:
            words: The command and its options.
            folder: Where its artifacts and logs go, below the scratch directory.
        """
        project, target = REPO / "dbt_project", self.scratch / folder
        command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "--quiet", *words]
        command += ["--project-dir", str(project), "--profiles-dir", str(project), "--target", self.target]
        command += ["--target-path", str(target), "--log-path", str(target / "logs")]
        return subprocess.Popen(
            command, env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=project
        )

    def dbt(self, *commands: Sequence[str]) -> None:
        """Run dbt's commands side by side, each a process, and wait for all of them.

        Raises:
            DeployError: One of them failed.
        """
        folders = ["dbt", *(f"dbt_{number}" for number in range(1, len(commands)))]
        running = [
            (words, self.start_dbt(*words, folder=folder)) for words, folder in zip(commands, folders, strict=True)
        ]
        failed = []
        for words, process in running:
            output, _ = process.communicate()
            if process.returncode != 0:
                failed.append(f"dbt {words[0]} failed:\n{output.strip()}")
        if failed:
            raise DeployError("\n".join(failed))

    def artifact(self, name: str) -> dict[str, Any]:
        """Return an artifact of the last dbt command, manifest.json for example."""
        return json.loads((self.scratch / "dbt" / name).read_text(encoding="utf-8"))

    # -- S3 ---------------------------------------------------------------------------------------------------------

    def put(self, name: str, content: bytes | Path) -> str:
        """Put a raw file below the test's own prefix; returns its key.

        Args:
            name: The key below the prefix.
            content: The bytes, or a file that may be large.
        """
        key = self.settings.raw_prefix + name
        if isinstance(content, Path):
            self.s3.upload_file(str(content), self.settings.raw_bucket, key)
        else:
            self.s3.put_object(Bucket=self.settings.raw_bucket, Key=key, Body=content)
        return key

    def delete(self, key: str) -> None:
        """Delete a raw file; its versions go at the end."""
        self.s3.delete_object(Bucket=self.settings.raw_bucket, Key=key)

    # -- the end ----------------------------------------------------------------------------------------------------

    def clean_up(self) -> list[str]:
        """Drop and delete whatever there is of the test; returns a sentence for each thing that could not be."""
        left = []
        names, database = self.names, self.environ.get("REDSHIFT_DATABASE") or "dev"
        role = f"role {identifier(names.pipeline)}"
        with self.connected() as connection:
            connection.autocommit = True
            schemas = (names.landing, names.marts, names.probes)
            statements = [f"drop schema if exists {name} cascade" for name in schemas]
            if self.has_roles:
                statements += [
                    f"drop user if exists {identifier(names.reader)}",
                    f"revoke create on database {identifier(database)} from {role}",
                    f"revoke {role} from {identifier(str(_fetch(connection, 'select current_user')[0][0]))}",
                    f"drop {role}",
                    f"drop role {identifier(names.analysts)}",
                ]
            for statement in statements:
                try:
                    _fetch(connection, statement)
                except redshift_connector.Error as error:
                    # What a test that broke off had not made yet.
                    if "does not exist" not in str(error):
                        left.append(f"{statement}: {_words(error)}")
        for bucket, key in sorted(self._put):
            listed = self.s3.list_object_versions(Bucket=bucket, Prefix=key)
            for entry in [*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())]:
                if entry["Key"] == key:
                    self.s3.delete_object(Bucket=bucket, Key=key, VersionId=entry["VersionId"])
        self._scratch.cleanup()
        return left


def _fetch(connection: Any, statement: str) -> list[tuple[Any, ...]]:
    with closing(connection.cursor()) as cursor:
        cursor.execute(statement)
        return [tuple(row) for row in cursor.fetchall()] if cursor.description else []


def _words(error: redshift_connector.Error) -> str:
    fields = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    return str(fields.get("M", error))
