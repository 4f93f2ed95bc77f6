"""What runs in MWAA's situation: startup.sh as MWAA runs it, the import of dags/, and a whole run of the DAG.

Run as `python -m deploy.mwaa_inside HOME PYTHON SANDBOX`, inside `Sandbox.around`, by `deploy.mwaa_check`.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from deploy import cloudformation
from deploy.errors import DeployError
from deploy.mwaa_check import REPO, STATE, needs
from deploy.sandbox import UID, Sandbox
from local import buckets
from local.dag_test import EVENT
from local.environment import ARTIFACT_BUCKET, RAW_BUCKET, REGION
from local.errors import LocalError
from local.sample import Sample
from local.stack import Stack

DAG, PREFIX, ENVIRONMENT = "streaming_kpis", "raw", "check"
STARTUP_SECONDS, RUN_SECONDS = 300, 1800
IMPORT = """
import json, pathlib, sys
from airflow.dag_processing.dagbag import BundleDagBag
folder = pathlib.Path(sys.argv[1])
bag = BundleDagBag(dag_folder=folder, bundle_path=folder, bundle_name="dags-folder")
files = [str(stat.file) for stat in bag.dagbag_stats]
print("@bag " + json.dumps({"errors": bag.import_errors, "dags": sorted(bag.dags), "files": files}))
"""


@dataclass(frozen=True)
class Worker:
    """What stands for an Airflow worker: its home and interpreter, and how its processes are confined."""

    home: Path
    python: Path
    sandbox: Sandbox

    def command(self, words: Sequence[str]) -> list[str]:
        """Return a command that runs confined."""
        return self.sandbox.inside(words, self.home / "dags", needs(self.python))

    def give(self, *folders: Path) -> None:
        """Let the confined processes write into folders that were made for them."""
        if self.sandbox.root and not self.sandbox.stays_root:
            for folder in folders:
                os.chown(folder, UID, UID)


def main(worker: Worker) -> int:
    """Check; returns the exit status."""
    _loopback_up()
    Stack(STATE / "stack").down()  # what a check that was killed left behind
    stack = Stack(_emptied(STATE / "stack"), dags=worker.home / "dags", progress=_say)
    try:
        stack.up()
        contents = Sample(days=2, rows=4_000).write(_emptied(STATE / "sample"))
        buckets.put_raw(stack.s3_client, STATE / "sample", f"{PREFIX}/")
        environ = mwaa_environment(worker, stack)
        _say(worker.sandbox.prove(worker.python, environ, worker.home / "dags", needs(worker.python)))
        _check_import(worker, environ)
        _run(worker, environ)
        # analytics and landing are the schemas' names in production, too.
        with stack.connect() as connection:
            cursor = connection.cursor()
            cursor.execute("select sum(listen_count) from analytics.listening_kpis_daily")
            counted = int(cursor.fetchone()[0])
        if counted != sum(contents.listens.values()):
            raise DeployError(f"The KPIs count {counted} listens, and the files hold {sum(contents.listens.values())}.")
        _say(f"the run succeeded; the KPIs count the {counted:,} listens of the files")
    finally:
        stack.down()
    return 0


def mwaa_environment(worker: Worker, stack: Stack) -> dict[str, str]:
    """Return the environment of an Airflow component, as MWAA puts it together.

    The options come from the template; what stands there for AWS's own resources is the stack's here. What startup.sh
    exports comes before the options and after nothing else of MWAA's own.
    """
    home, client = worker.home, stack.client_env()
    aws = {
        name: boto3.client(
            name,
            endpoint_url=client["AWS_ENDPOINT_URL"],
            region_name=REGION,
            aws_access_key_id=client["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=client["AWS_SECRET_ACCESS_KEY"],
        )
        for name in ("secretsmanager", "sns")
    }
    topic = aws["sns"].create_topic(Name=f"kpi-{ENVIRONMENT}-alerts")["TopicArn"]
    connection = {
        "conn_type": "redshift",
        "host": client["REDSHIFT_HOST"],
        "port": int(client["REDSHIFT_PORT"]),
        "schema": client["REDSHIFT_DATABASE"],
        # The Redshift emulator has no IAM.
        "login": client["REDSHIFT_USER"],
        "password": client["REDSHIFT_PASSWORD"],
        "extra": {"ssl": False},
    }
    name = f"kpi-{ENVIRONMENT}/connections/redshift_default"
    known = [entry["Name"] for entry in aws["secretsmanager"].list_secrets()["SecretList"]]
    store = aws["secretsmanager"].update_secret if name in known else aws["secretsmanager"].create_secret
    store(**{"SecretId" if name in known else "Name": name}, SecretString=json.dumps(connection))
    options = airflow_options(
        {
            "AWS::AccountId": topic.split(":")[4],
            "AllowSmallerSnapshots": "false",
            "MaxRejectShare": "0.05",
            "ListingWindowDays": "0",
            "AWS::Partition": "aws",
            "AWS::Region": REGION,
            "ArtifactBucket": ARTIFACT_BUCKET,
            "CopyRoleArn": "arn:aws:iam::123456789012:role/kpi-check-copy",
            "Environment": ENVIRONMENT,
            "RawBucket": RAW_BUCKET,
            "RawPrefix": PREFIX,
            "RedshiftDatabase": client["REDSHIFT_DATABASE"],
            "RedshiftHost": client["REDSHIFT_HOST"],
            "Schedule": "@daily",
            "Workgroup": f"kpi-{ENVIRONMENT}",
        }
    )
    # The one thing that is another here than there: how to log in. dbt's target says it.
    options |= {"kpi.dbt_target": "local", "redshift.port": client["REDSHIFT_PORT"], "kpi.analyst_role": ""}
    options["kpi.retries"] = "0"  # what fails here fails each time
    options = {key: value for key, value in options.items() if value}
    configured = {f"AIRFLOW__{key.upper().replace('.', '__')}": value for key, value in options.items()}
    base = {
        "PATH": os.pathsep.join([str(worker.python.parent), "/usr/bin", "/bin"]),
        "HOME": str(_emptied(STATE / "home")),
        "USER": "airflow",
        "LANG": "C.UTF-8",
        "TMPDIR": str(_emptied(STATE / "tmp")),
        "PYTHONUNBUFFERED": "1",
        "AIRFLOW_HOME": str(home),
        "MWAA_AIRFLOW_COMPONENT": "worker",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        # What the execution role is there.
        **{name: client[name] for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")},
        **{name: client[name] for name in ("REDSHIFT_USER", "REDSHIFT_PASSWORD", "REDSHIFT_SSLMODE")},
    }
    worker.give(home, STATE / "home", STATE / "tmp")
    essential = {
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__EXECUTE_TASKS_NEW_PYTHON_INTERPRETER": "True",
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        "AIRFLOW__API_AUTH__JWT_SECRET": base64.b64encode(os.urandom(32)).decode(),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    exported = startup(home / "startup" / "startup.sh", {**base, **configured, **essential}, worker.command)
    return {**base, **exported, **configured, **essential}


def airflow_options(names: Mapping[str, str]) -> dict[str, str]:
    """Return the Airflow options of the template, with its parameters filled in.

    Args:
        names: What each parameter stands for.
    """
    template = cloudformation.parse((REPO / "deploy" / "templates" / "airflow.yaml").read_text(encoding="utf-8"))
    found: Mapping[str, Any] = template["Resources"]["Airflow"]["Properties"]["AirflowConfigurationOptions"]

    def value(entry: Any) -> str:
        if isinstance(entry, str):
            return entry
        if "Ref" in entry:
            return names[entry["Ref"]]
        return re.sub(r"\$\{([\w:]+)\}", lambda match: names[match[1]], entry["Fn::Sub"])

    return {key: value(entry) for key, entry in found.items()}


def startup(
    script: Path, environ: Mapping[str, str], confined: Callable[[Sequence[str]], list[str]] = list
) -> dict[str, str]:
    """Source startup.sh as MWAA does and return what it exported.

    Args:
        script: startup.sh.
        environ: What MWAA has put together before.
        confined: Makes a confined command of the one that sources it.

    Raises:
        DeployError: It failed, took too long, or left no environment: MWAA's container would end.
    """
    # What is read is written after the script, by the same shell: an `exit` in the script would leave nothing.
    command = ["bash", "-c", 'source "$1" >&2; env -0', "bash", str(script)]
    try:
        done = subprocess.run(
            confined(command), env=dict(environ), capture_output=True, check=False, timeout=STARTUP_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise DeployError(f"startup.sh takes more than {STARTUP_SECONDS} seconds: MWAA kills it.") from None
    if done.returncode != 0 or not done.stdout:
        raise DeployError(f"startup.sh ends the shell that sources it: {done.stderr.decode().strip() or 'no reason'}")
    after = dict(line.split("=", 1) for line in done.stdout.decode().split("\0") if "=" in line)
    shell = {"_", "SHLVL", "PWD", "OLDPWD"}
    return {name: text for name, text in after.items() if environ.get(name) != text and name not in shell}


def _check_import(worker: Worker, environ: Mapping[str, str]) -> None:
    command = worker.command([str(worker.python), "-c", IMPORT, str(worker.home / "dags")])
    try:
        done = subprocess.run(
            command,
            env=dict(environ),
            cwd=worker.home,
            capture_output=True,
            text=True,
            check=False,
            timeout=RUN_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise DeployError(f"dags/ is not imported within {RUN_SECONDS // 60} minutes.") from None
    lines = [line for line in done.stdout.splitlines() if line.startswith("@bag ")]
    if not lines:
        raise DeployError(f"Airflow does not start:\n{done.stderr.strip()[-2000:]}")
    bag = json.loads(lines[0].removeprefix("@bag "))
    for file, trace in bag["errors"].items():
        raise DeployError(f"{file} can't be imported: {trace.strip().splitlines()[-1]}")
    if DAG not in bag["dags"]:
        raise DeployError(f"dags/ has no DAG {DAG}, only {bag['dags']}.")
    if strange := [file for file in bag["files"] if "dbt_project" in file or "kpi_pipeline" in file]:
        raise DeployError(f"Airflow looks for DAGs in {strange[0]}: .airflowignore does not keep it out.")
    _say(f"dags/ imports without an error: {', '.join(bag['dags'])} in {len(bag['files'])} files")


def _run(worker: Worker, environ: Mapping[str, str]) -> None:
    """Run the DAG once with MWAA's Python and packages, from dags/ alone."""
    runner = _emptied(STATE / "runner")
    (runner / "local").mkdir()
    for name in ("__init__.py", "dag_test.py"):
        shutil.copy(REPO / "local" / name, runner / "local" / name)
    command = worker.command([str(worker.python), "-m", "local.dag_test", DAG])
    log, environ = STATE / "run.log", {**environ, "PYTHONPATH": str(runner)}
    with (
        log.open("w") as written,
        # A session of its own, so that what the run started ends with it.
        subprocess.Popen(
            command, env=environ, cwd=runner, stdout=written, stderr=subprocess.STDOUT, start_new_session=True
        ) as running,
    ):
        try:
            status = running.wait(RUN_SECONDS)
        except BaseException as reason:
            os.killpg(running.pid, signal.SIGKILL)
            if not isinstance(reason, subprocess.TimeoutExpired):
                raise
            raise DeployError(f"The run did not end within {RUN_SECONDS // 60} minutes (log: {log})") from None
    events = [
        json.loads(line.removeprefix(EVENT))
        for line in log.read_text(errors="replace").splitlines()
        if line.startswith(EVENT)
    ]
    for event in events:
        if event["event"] == "failed":
            raise DeployError(f"{event['task']} failed: {event['error']} (log: {log})")
    if status != 0 or not events or events[-1].get("state") != "success":
        reason = events[-1].get("reason") if events else "Airflow ended early"
        raise DeployError(f"The run failed: {reason or 'no reason given'} (log: {log})")
    _say(f"{len([event for event in events if event['event'] == 'success'])} tasks succeeded")


def _loopback_up() -> None:
    """Switch the loopback interface on: in a new network namespace it is off."""
    if sys.platform != "linux":
        return
    get_flags, set_flags, up = 0x8913, 0x8914, 0x1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        request = struct.pack("16sh", b"lo", 0)
        flags = struct.unpack("16sh", fcntl.ioctl(handle, get_flags, request))[1]
        if not flags & up:
            fcntl.ioctl(handle, set_flags, struct.pack("16sh", b"lo", flags | up))


def _emptied(directory: Path) -> Path:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


def _say(line: str) -> None:
    print(f"  {line}", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(Worker(Path(sys.argv[1]), Path(sys.argv[2]), Sandbox(**json.loads(sys.argv[3])))))
    except (DeployError, LocalError) as failure:
        sys.exit(str(failure))
