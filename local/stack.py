"""The stack: S3, Redshift and Airflow on one machine, below one state directory, beside any number of others."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from signal import SIGINT
from typing import Any

import redshift_connector

from local import buckets, environment, manifest, processes, runs
from local.airflow_api import AirflowApi
from local.daemons import Daemon, locked
from local.environment import REPO
from local.errors import LocalError
from local.runs import RunResult


@dataclass(frozen=True)
class Service:
    """What `status` tells of one daemon."""

    name: str
    running: bool
    address: str


class Stack:
    """One stack. Several stand side by side: all they have in common is the checkout.

    Args:
        state: The directory of all that it keeps: data, logs, pids, Airflow's home.
        dags: The DAGs folder.
        settings: Environment variables for the DAG, on top of the stack's own.
        progress: Is called with a line for each step of what takes time.
    """

    def __init__(
        self,
        state: Path = REPO / ".local",
        *,
        dags: Path = REPO / "dags",
        settings: Mapping[str, str] | None = None,
        progress: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.state = state.resolve()
        self.dags = dags.resolve()
        self.settings = dict(settings or {})
        self.progress = progress
        self.s3 = Daemon("s3", self.state)
        self.redshift = Daemon("redshift", self.state)
        self.airflow = Daemon("airflow", self.state, stop_signal=SIGINT)  # what `airflow standalone` ends on

    # -- what a client, dbt and Airflow need ------------------------------------------------------------------------

    def client_env(self) -> dict[str, str]:
        """Return the endpoints and credentials of S3 and Redshift."""
        with self._locked():
            return self._client_env()

    def env(self) -> dict[str, str]:
        """Return every variable that the DAG, dbt and Airflow need, the endpoints and credentials included."""
        with self._locked():
            return self._env()

    def process_env(self) -> dict[str, str]:
        """Return the whole environment of a process that works with the stack: the caller's, then `env`."""
        return {**environment.inherited(), **self.env()}

    def dbt_env(self) -> dict[str, str]:
        """Return the whole environment of a dbt that runs by itself, outside Airflow."""
        return {**self.process_env(), **environment.dbt(state=self.state)}

    def ui_address(self) -> str:
        """Return the address of Airflow's UI."""
        with self._locked():
            return f"http://127.0.0.1:{self.airflow.port()}"

    def connect(self) -> redshift_connector.Connection:
        """Open a connection to the warehouse."""
        client = self.client_env()
        return redshift_connector.connect(
            host=client["REDSHIFT_HOST"],
            port=int(client["REDSHIFT_PORT"]),
            database=client["REDSHIFT_DATABASE"],
            user=client["REDSHIFT_USER"],
            password=client["REDSHIFT_PASSWORD"],
            ssl=False,
        )

    # -- up and down ------------------------------------------------------------------------------------------------

    def up(self, airflow: bool = False) -> None:
        """Start what does not run yet and return when all of it answers.

        Args:
            airflow: Airflow with its UI as well.

        Raises:
            LocalError: a port is taken, or a daemon does not start.
        """
        with self._locked():
            fresh = not (self.s3.ready() and self.redshift.ready())
            began = time.monotonic()
            if fresh:
                self.progress("starting S3 and Redshift")
            self._start_s3()
            self._start_redshift()
            self.s3.wait()
            buckets.make_buckets(self._s3_client())
            self.redshift.wait()
            if fresh:
                self.progress(f"S3 and Redshift are up in {time.monotonic() - began:.1f} s")
        if airflow and not (self.airflow.ready() and self._airflow_api().is_ready()):
            with self.one_run(), self._locked():  # a run that is under way would be taken up by the scheduler
                self._refresh_manifest()
                self._start_airflow()

    def down(self) -> list[str]:
        """Stop what runs of this stack, and nothing else. Returns the names of what was stopped."""
        with self._locked():
            stopped = [daemon.name for daemon in (self.airflow, self.redshift, self.s3) if daemon.stop()]
            # The emulator's PostgreSQL has a session of its own and outlives an emulator that was killed.
            if processes.stop_owner_of(self.state / "redshift" / "postgres") and "redshift" not in stopped:
                stopped.append("redshift")
            return stopped

    def status(self) -> list[Service]:
        """Tell for each daemon whether it runs and where."""
        with self._locked():
            return [
                Service("s3", self.s3.ready(), f"http://127.0.0.1:{self.s3.port()}"),
                Service("redshift", self.redshift.ready(), f"127.0.0.1:{self.redshift.port()}"),
                Service("airflow", self.airflow.ready(), f"http://127.0.0.1:{self.airflow.port()}"),
            ]

    # -- work -------------------------------------------------------------------------------------------------------

    def put_raw(self, directory: Path) -> buckets.Upload:
        """Put a directory's raw files into the raw bucket; see `buckets.put_raw`."""
        return buckets.put_raw(self.s3_client, directory, self.env()["KPI_RAW_PREFIX"])

    def run(self, conf: dict | None = None) -> RunResult:
        """Run the DAG once and wait for its end.

        Args:
            conf: The run's params.
        """
        self.up()
        with self.one_run():
            self.refresh_manifest()
            if self.airflow.ready():
                if not self._airflow_api().becomes_ready():
                    raise LocalError(
                        f"Airflow is up but not well: `make down`, then `make up` (log: {self.airflow.log})"
                    )
                started = time.monotonic()
                logs = self.state / "airflow" / "logs"
                return runs.follow(self._airflow_api().run(conf, logs), logs, self.progress, started)
            self._prepare_airflow_home()
            return runs.run_dag(self.process_env(), self.state / "logs", conf, self.progress)

    def reset(self) -> None:
        """Start over with empty buckets and a new warehouse.

        The warehouse is made anew rather than emptied: one that another version of the emulator has made, or that
        is damaged, does not start.
        """
        with self.one_run():
            with self._locked():
                self.redshift.stop()
                shutil.rmtree(self.state / "redshift", ignore_errors=True)
                shutil.rmtree(self.state / "pages", ignore_errors=True)  # they show what is no longer there
            self.up()
            buckets.empty_buckets(self.s3_client)

    def refresh_manifest(self) -> None:
        """Make the dbt manifest anew if the dbt project has changed."""
        with self._locked():
            self._refresh_manifest()

    @cached_property
    def s3_client(self) -> Any:
        """A boto3 client of the stack's S3, whose endpoint stays as long as the stack is up."""
        return buckets.s3_client(self.client_env())

    # -- the parts, with the lock held ------------------------------------------------------------------------------

    def _locked(self) -> Any:
        return locked(self.state / "run" / "stack.lock")

    def _client_env(self) -> dict[str, str]:
        return environment.client(state=self.state, s3_port=self.s3.port(), redshift_port=self.redshift.port())

    def one_run(self) -> Any:
        """Runs of one stack, and what must not happen beside one, take turns."""
        return locked(self.state / "run" / "dag.lock")

    def _refresh_manifest(self) -> None:
        if not manifest.is_stale():
            return
        began = time.monotonic()
        self.progress("parsing the dbt project")
        manifest.refresh({**environment.inherited(), **self._env(), **environment.dbt(state=self.state)})
        self.progress(f"parsed the dbt project in {time.monotonic() - began:.1f} s")

    def _airflow_api(self) -> AirflowApi:
        return AirflowApi(f"http://127.0.0.1:{self.airflow.port()}", runs.DAG_ID)

    def _env(self) -> dict[str, str]:
        client = self._client_env()
        ui_port = self.airflow.port()
        airflow = environment.airflow(state=self.state, dags=self.dags, ui_port=ui_port, client=client)
        return {**client, **airflow, **self.settings}

    def _s3_client(self) -> Any:
        return buckets.s3_client(self._client_env())

    def _start_s3(self) -> None:
        port = self.s3.port()
        data = self.state / "s3"
        command = [sys.executable, "-m", "local.s3", "--data", str(data), "--port", str(port)]
        command += ["--ready-file", str(self.s3.ready_file)]
        # It signs the temporary passwords of IAM log-ins with the password that the emulator has.
        env = {**environment.inherited(), "REDSHIFT_PASSWORD": self._client_env()["REDSHIFT_PASSWORD"]}
        self.s3.start(command, env=env, cwd=REPO, port=port, fingerprint="")

    def _start_redshift(self) -> None:
        client = self._client_env()
        port = self.redshift.port()
        endpoint = client["AWS_ENDPOINT_URL"]
        command = [
            sys.executable,
            "-m",
            "redshift_emulator",
            "--data",
            str(self.state / "redshift"),
            "--port",
            str(port),
        ]
        command += ["--s3-endpoint", endpoint, "--ready-file", str(self.redshift.ready_file)]
        env = {**environment.inherited(), **client}
        self.redshift.start(command, env=env, cwd=REPO, port=port, fingerprint=endpoint)

    def _prepare_airflow_home(self) -> None:
        """Give Airflow an empty configuration file: without one it writes one that holds keys in clear."""
        home = self.state / "airflow"
        home.mkdir(parents=True, exist_ok=True)
        (home / "airflow.cfg").touch()

    def _start_airflow(self) -> None:
        """Start Airflow with its UI, which takes about half a minute."""
        if self.airflow.ready():
            if self._airflow_api().is_ready():  # another `up` was quicker
                return
            self.airflow.stop()  # one of its processes is gone
        began = time.monotonic()
        self.progress("starting Airflow")
        self._prepare_airflow_home()
        env = {**environment.inherited(), **self._env(), "KPI_SCHEDULE": "none"}  # on a laptop a run is asked for
        # `airflow standalone` calls `airflow` by name.
        env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", "")])
        port = self.airflow.port()
        if not self.airflow.alive():
            prepare = [sys.executable, "-m", "local.dag_test", "--prepare"]
            with self.airflow.log.open("ab") as log:
                subprocess.run(prepare, env=env, cwd=REPO, check=True, stdout=log, stderr=log)
        fingerprint = " ".join([env["AWS_ENDPOINT_URL"], env["REDSHIFT_PORT"], str(self.dags)])
        command = [sys.executable, "-m", "airflow", "standalone"]
        self.airflow.start(command, env=env, cwd=REPO, port=port, fingerprint=fingerprint)
        self.airflow.wait(self._airflow_api().is_ready)
        self.progress(f"Airflow is up in {time.monotonic() - began:.1f} s")
