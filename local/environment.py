"""Every environment variable that a client, dbt or Airflow needs to work with the stack, and the secrets among them."""

import base64
import hashlib
import hmac
import json
import os
import socket
import uuid
from collections.abc import Mapping
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
DBT_PROJECT = REPO / "dbt_project"
RAW_BUCKET, ARTIFACT_BUCKET = "kpi-raw", "kpi-artifacts"
REGION = "us-east-1"
DATABASE, USER = "dev", "awsuser"
# What `python -m local env` prints, for one's own client.
CLIENT_VARIABLES = (
    "REDSHIFT_HOST",
    "REDSHIFT_PORT",
    "REDSHIFT_DATABASE",
    "REDSHIFT_USER",
    "REDSHIFT_PASSWORD",
    "REDSHIFT_SSLMODE",
    "AWS_ENDPOINT_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_DEFAULT_REGION",
)
# A profile or a session token of the caller's would send a client of the stack to a real AWS account; a setting of
# another Airflow would change this one.
FOREIGN_PREFIXES = ("AWS_", "REDSHIFT_", "AIRFLOW", "DBT_")


def secret(state: Path, purpose: str) -> str:
    """Derive a secret of this machine, user and state directory, so that none has to be stored.

    Args:
        state: The stack's state directory.
        purpose: What the secret is for; each purpose has its own.

    Returns:
        64 characters, letters of both cases and digits among them: what Redshift takes at most and SHA-512 asks for.
    """
    scope = f"{os.getuid()}:{state.resolve()}:{purpose}"
    return "Kp1" + hmac.new(_machine_id().encode(), scope.encode(), hashlib.sha256).hexdigest()[:61]


def _machine_id() -> str:
    for file in (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id")):
        if file.is_file() and (text := file.read_text().strip()):
            return text
    node = uuid.getnode()
    # With the multicast bit set it is a random number of this process, not the address of a network card.
    return socket.gethostname() if node >> 40 & 1 else f"{node:012x}"


def client(*, state: Path, s3_port: int, redshift_port: int) -> dict[str, str]:
    """Return the endpoints and credentials, CLIENT_VARIABLES."""
    return {
        "REDSHIFT_HOST": "127.0.0.1",
        "REDSHIFT_PORT": str(redshift_port),
        "REDSHIFT_DATABASE": DATABASE,
        "REDSHIFT_USER": USER,
        "REDSHIFT_PASSWORD": secret(state, "redshift"),
        "REDSHIFT_SSLMODE": "disable",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{s3_port}",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": REGION,
    }


def dbt(*, state: Path) -> dict[str, str]:
    """Return what dbt by itself needs beside the endpoints, so that it writes below the state directory only.

    Not for Airflow: Cosmos runs dbt in a temporary copy of the project and looks for the results there.
    """
    return {
        "DBT_PROJECT_DIR": str(DBT_PROJECT),
        "DBT_PROFILES_DIR": str(DBT_PROJECT),
        "DBT_TARGET_PATH": str(state / "dbt" / "target"),
        "DBT_LOG_PATH": str(state / "dbt" / "logs"),
    }


def airflow(*, state: Path, dags: Path, ui_port: int, client: Mapping[str, str]) -> dict[str, str]:
    """Return what the DAG and Airflow need beside the endpoints; Airflow's own state lies below the state directory."""
    ui = f"http://127.0.0.1:{ui_port}"
    redshift = {
        "conn_type": "redshift",
        "host": client["REDSHIFT_HOST"],
        "port": int(client["REDSHIFT_PORT"]),
        "schema": client["REDSHIFT_DATABASE"],
        "login": client["REDSHIFT_USER"],
        "password": client["REDSHIFT_PASSWORD"],
        "extra": {"ssl": False},
    }
    aws = {
        "conn_type": "aws",
        "login": client["AWS_ACCESS_KEY_ID"],
        "password": client["AWS_SECRET_ACCESS_KEY"],
        "extra": {"endpoint_url": client["AWS_ENDPOINT_URL"], "region_name": client["AWS_DEFAULT_REGION"]},
    }
    docs = {"dir": f"s3://{ARTIFACT_BUCKET}/docs", "index": "index.html", "conn_id": "aws_default", "name": "dbt docs"}
    return {
        "KPI_RAW_BUCKET": RAW_BUCKET,
        "KPI_RAW_PREFIX": "",
        "KPI_ARTIFACT_BUCKET": ARTIFACT_BUCKET,
        "KPI_PAGES_URL": f"{client['AWS_ENDPOINT_URL']}/{ARTIFACT_BUCKET}",
        "KPI_COPY_IAM_ROLE": "default",
        "KPI_DBT_TARGET": "local",
        "KPI_RETRIES": "1",  # somebody is watching: the reason of a failure is wanted soon
        "KPI_RETRY_DELAY_SECONDS": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "AIRFLOW_HOME": str(state / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPO / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",  # by default an end is seen half a second late
        "AIRFLOW__CORE__PARALLELISM": "4",  # each slot is a process
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{ui}/execution/",
        # Without these three Airflow would make keys of its own and write them into airflow.cfg in clear.
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secret(state, "fernet")[-32:].encode()).decode(),
        "AIRFLOW__API__SECRET_KEY": secret(state, "api"),
        "AIRFLOW__API_AUTH__JWT_SECRET": secret(state, "jwt"),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(ui_port),
        "AIRFLOW__API__BASE_URL": ui,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{state / 'airflow' / 'airflow.db'}",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(state / "airflow" / "logs"),
        "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
        "AIRFLOW__COSMOS__CACHE_DIR": str(state / "cosmos"),  # its default is one for the whole machine
        "AIRFLOW__COSMOS__DBT_DOCS_PROJECTS": json.dumps({"streaming_kpis": docs}),
        "AIRFLOW_CONN_REDSHIFT_DEFAULT": json.dumps(redshift),
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(aws),
    }


def inherited() -> dict[str, str]:
    """Return the caller's environment without what would lead the stack's programs elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_PREFIXES)}
    kept.pop("KPI_SCHEDULE", None)
    kept.pop("PYTHONDONTWRITEBYTECODE", None)  # each process would compile Airflow and dbt again
    hosts = [kept[name] for name in ("NO_PROXY", "no_proxy") if kept.get(name)]
    no_proxy = ",".join([*hosts, "127.0.0.1", "localhost"])
    return {
        **kept,
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONUNBUFFERED": "1",
    }
