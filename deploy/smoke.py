"""The pipeline against a real warehouse, in schemas and under a prefix of its own, and nothing left behind.

It lands and builds two batches, runs once more with nothing due, puts files again, rebuilds a day, refreshes
everything, puts a file that COPY gives up on, tests all that there is, generates the docs, and sends the probes.

It reads what the pipeline reads (KPI_RAW_BUCKET, KPI_ARTIFACT_BUCKET, REDSHIFT_HOST, ...), and needs a route to
Redshift. Airflow has no part in it: what differs between a warehouse and the local one is SQL.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import boto3
import redshift_connector
import sqlparse

from deploy.errors import DeployError

REPO = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPO / "dags"))  # the DAG's own package, as Airflow finds it

from kpi_pipeline import landing, requests, settings  # noqa: E402
from kpi_pipeline.landing.warehouse import Warehouse  # noqa: E402
from kpi_pipeline.sql import render  # noqa: E402

from local.sample import Sample  # noqa: E402

Progress = Callable[[str], None]
# A unit test of an incremental model reads the columns of its table, which a new schema does not have yet.
BUILD = ("build", "--exclude-resource-types", "unit_test")


def smoke(target: str, progress: Progress) -> int:
    """Run the smoke test; returns the exit status.

    Args:
        target: A target of dbt_project/profiles.yml; `local` starts the local stack, to try this out.
        progress: Is called with a line for each step.

    Raises:
        DeployError: A setting is missing, or the warehouse does not do what it should.
    """
    environ = dict(os.environ)
    if target == "local":
        from local.stack import Stack

        stack = Stack(progress=progress)
        stack.up()
        environ |= stack.env()
    if target not in ("local", "dev", "prod", "cluster"):
        raise DeployError(
            f"TARGET is {target!r}: give a target of dbt_project/profiles.yml (local, dev, prod or cluster)."
        )
    Smoke(target, environ, progress).run()
    return 0


class Smoke:
    """One smoke test.

    Args:
        target: A target of dbt_project/profiles.yml.
        environ: The variables of the pipeline and of AWS.
        progress: Is called with a line for each step.
        dbt: How dbt builds the models. By default it tests them as well; the tests of everything and the docs follow.

    Raises:
        DeployError: A setting is missing.
    """

    def __init__(self, target: str, environ: Mapping[str, str], progress: Progress, dbt: Sequence[str] = BUILD) -> None:
        self._target, self._progress, self._build_words = target, progress, dbt
        name = f"smoke_{uuid.uuid4().hex[:12]}"
        self.schemas = (f"{name}_landing", f"{name}_marts", f"{name}_probes")
        prefix = environ.get("KPI_RAW_PREFIX", "").strip("/")
        self._environ = {
            **environ,
            "KPI_LANDING_SCHEMA": self.schemas[0],
            "KPI_SCHEMA": self.schemas[1],
            # Below the pipeline's prefix, the only one that COPY's role may read; no streams file's name begins so.
            "KPI_RAW_PREFIX": "/".join(filter(None, [prefix, name])),
            "KPI_DBT_TARGET": target,
            "KPI_ANALYST_ROLE": "",
        }
        try:
            self._settings = settings.load(self._environ)
            self._settings.require_buckets()
        except settings.SettingsError as error:
            raise DeployError(str(error)) from None
        self._by_iam = target in ("prod", "cluster") or (target == "dev" and not environ.get("REDSHIFT_PASSWORD"))
        log_in = ["REDSHIFT_USER", "REDSHIFT_PASSWORD"]
        if target == "cluster":
            log_in = ["REDSHIFT_CLUSTER", "REDSHIFT_USER", "AWS_DEFAULT_REGION"]
        elif self._by_iam:
            log_in = ["REDSHIFT_WORKGROUP", "AWS_DEFAULT_REGION"]
        wanted = ["REDSHIFT_HOST", *log_in]
        if missing := [variable for variable in wanted if not environ.get(variable)]:
            raise DeployError(f"The environment variable {missing[0]} is not set: the target {target} needs it.")
        credentials = {
            argument: environ.get(variable)
            for argument, variable in (
                ("aws_access_key_id", "AWS_ACCESS_KEY_ID"),
                ("aws_secret_access_key", "AWS_SECRET_ACCESS_KEY"),
                ("aws_session_token", "AWS_SESSION_TOKEN"),
                ("region_name", "AWS_DEFAULT_REGION"),
            )
        }
        self._s3 = boto3.Session(**credentials).client("s3", endpoint_url=environ.get("AWS_ENDPOINT_URL") or None)
        self._put: list[tuple[str, str]] = []
        self._s3.meta.events.register("provide-client-params.s3.PutObject", self._note)

    def run(self) -> None:
        """Run each pass, then the probes; clean up whatever happens.

        Raises:
            DeployError: dbt failed, or the KPIs are not those of the files.
        """
        try:
            with tempfile.TemporaryDirectory() as directory, self._connected() as connection:
                for statement in sqlparse.split(render("create_landing", schema=self.schemas[0])):
                    self._execute(connection, statement)
                sample, expected = Sample(days=2, rows=5_000), Counter()
                for batch, title in ((1, "full"), (2, "incremental")):
                    folder = Path(directory, str(batch))
                    contents = sample.write(folder, batch)
                    expected.update({str(day): count for day, count in contents.listens.items()})
                    self._put_files(folder)
                    self._land(connection, title)
                    self._pass(connection, title, expected)
                self._put_files(folder)
                if self._land(connection, "the same files again"):
                    raise DeployError("Files that were put again, as they were, have landed again.")
                self._pass(connection, "nothing due", expected)
                for title, asked in (
                    ("rebuild", {"rebuild_from": min(expected), "rebuild_to": min(expected)}),
                    ("full refresh", {"full_refresh": True}),
                ):
                    requests.record(connection, self.schemas[0], self.schemas[1], f"smoke {title}", asked)
                    self._pass(connection, title, expected)
                self._refuse_a_file(connection)
            if self._build_words == BUILD:
                self._dbt("test", "--exclude", "test_type:unit")
                self._progress("every test holds over everything")
                self._dbt("test", "--select", "test_type:unit")
                self._progress("every unit test passes")
                self._dbt("docs", "generate")
                self._progress("the docs are generated")
            self._probe()
        finally:
            self._clean_up()

    def _note(self, params: dict[str, Any], **_: Any) -> None:
        self._put.append((params["Bucket"], params["Key"]))

    @contextmanager
    def _connected(self) -> Any:
        environ = self._environ
        arguments: dict[str, Any] = {
            "host": environ["REDSHIFT_HOST"],
            "port": int(environ.get("REDSHIFT_PORT") or 5439),
            "database": environ.get("REDSHIFT_DATABASE") or "dev",
        }
        if self._by_iam:
            arguments |= {"iam": True, "region": environ["AWS_DEFAULT_REGION"]}
        if self._target == "cluster":
            arguments |= {"cluster_identifier": environ["REDSHIFT_CLUSTER"], "db_user": environ["REDSHIFT_USER"]}
        elif self._by_iam:
            arguments |= {"is_serverless": True, "serverless_work_group": environ["REDSHIFT_WORKGROUP"]}
        else:
            arguments |= {"user": environ["REDSHIFT_USER"], "password": environ["REDSHIFT_PASSWORD"]}
            arguments |= {"ssl": environ.get("REDSHIFT_SSLMODE") != "disable"}
        with closing(redshift_connector.connect(**arguments)) as connection:
            yield connection

    def _execute(self, connection: Any, statement: str) -> list[tuple[Any, ...]]:
        rows = self._send(connection, statement)
        connection.commit()
        return rows

    def _send(self, connection: Any, statement: str) -> list[tuple[Any, ...]]:
        with closing(connection.cursor()) as cursor:
            cursor.execute(statement)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def _put_files(self, folder: Path) -> None:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            key = self._settings.raw_prefix + path.relative_to(folder).as_posix()
            self._s3.put_object(Bucket=self._settings.raw_bucket, Key=key, Body=path.read_bytes())

    def _pass(self, connection: Any, title: str, expected: Mapping[str, int]) -> None:
        self._dbt(*self._build_words)
        self._compare(connection, title, expected)

    def _refuse_a_file(self, connection: Any) -> None:
        """Put a file of which COPY takes no line; nothing of it may land."""
        key = f"{self._settings.raw_prefix}streams/broken.csv"
        body = "user_id,track_id,listen_time\n" + "one,field,too,many\n" * 200
        self._s3.put_object(Bucket=self._settings.raw_bucket, Key=key, Body=body.encode())
        try:
            self._land(connection, "a broken file")
        except landing.LandingError as error:
            self._progress(f"a broken file is refused: {error}")
        else:
            raise DeployError("A file of which COPY can take no line has landed.")
        self._s3.delete_object(Bucket=self._settings.raw_bucket, Key=key)

    def _land(self, connection: Any, title: str) -> int:
        """Land what is new and return the number of rows."""
        rows = 0
        for table in ("songs", "users", "streams"):
            landed = landing.land(table, self._settings, self._s3, Warehouse(connection, self.schemas[0], "smoke"))
            if landed.rows is not None:
                rows += landed.rows
                self._progress(f"{title}: landed {landed.rows:,} rows of {table}")
        return rows

    def _dbt(self, *words: str) -> None:
        project = REPO / "dbt_project"
        with tempfile.TemporaryDirectory() as scratch:
            command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "--quiet", *words]
            command += ["--project-dir", str(project), "--profiles-dir", str(project), "--target", self._target]
            command += ["--target-path", scratch, "--log-path", scratch]
            done = subprocess.run(command, env=self._environ, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise DeployError(f"dbt {words[0]} failed:\n{(done.stdout + done.stderr).strip()}")

    def _compare(self, connection: Any, title: str, expected: Mapping[str, int]) -> None:
        days = "to_char(listen_date, 'YYYY-MM-DD')"
        rows = self._execute(connection, f"select {days}, listen_count from {self.schemas[1]}.listening_kpis_daily")
        found = {day: int(count) for day, count in rows}
        wrong = [day for day in sorted({*found, *expected}) if found.get(day) != expected.get(day)]
        if wrong:
            day = wrong[0]
            raise DeployError(
                f"The {title} run counts {found.get(day, 0)} listens on {day}, and the files hold "
                f"{expected.get(day, 0)} ({len(wrong)} days differ)."
            )
        self._progress(
            f"{title}: the KPIs count the {sum(found.values()):,} listens of the files, on {len(found)} days"
        )

    def _probe(self) -> None:
        """Send the probes that the emulator is tested with, and tell each one that is answered differently."""
        from redshift_emulator.probes import PROBES, SETUP, Refusal

        # Who logs in is no property of the dialect, and what only the emulator refuses Redshift may take.
        probes = [
            probe
            for probe in PROBES
            if not any("current_user" in statement for statement in probe.statements)
            and not (isinstance(probe.expected, Refusal) and "emulator" in probe.expected.text)
        ]
        differences = []
        with self._connected() as connection:
            connection.autocommit = True  # some probes begin and end transactions of their own
            for statement in (f"create schema {self.schemas[2]}", f"set search_path to {self.schemas[2]}", *SETUP):
                self._send(connection, statement)
            for probe in probes:
                expected: Any = probe.expected if isinstance(probe.expected, list | Refusal) else [(probe.expected,)]
                try:
                    answer: Any = [self._send(connection, statement) for statement in probe.statements][-1]
                except redshift_connector.Error as error:
                    connection.rollback()
                    fields = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
                    answer = Refusal(fields.get("C", ""), fields.get("M", str(error)))
                if answer != expected:
                    sent = "; ".join(probe.statements)
                    differences.append(f"{sent}\n      answers {answer}\n      not     {expected} ({probe.page})")
        for difference in differences:
            self._progress(difference)
        self._progress(
            f"{len(probes) - len(differences)} of {len(probes)} probes are answered as by the Redshift emulator"
        )

    def _clean_up(self) -> None:
        """Drop the schemas and delete the objects, all their versions too, whatever of them there is."""
        with self._connected() as connection:
            for schema in self.schemas:
                self._execute(connection, f"drop schema if exists {schema} cascade")
        for bucket, key in sorted(set(self._put)):
            listed = self._s3.list_object_versions(Bucket=bucket, Prefix=key)
            for entry in [*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())]:
                if entry["Key"] == key:
                    self._s3.delete_object(Bucket=bucket, Key=key, VersionId=entry["VersionId"])
        self._progress("the schemas are dropped and the objects deleted")
