"""The two warehouses that a model is tried on: the local one that `make dev` fills, and the team's."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from local.stack import Stack

REPO = Path(__file__).resolve().parent.parent
PROJECT = REPO / "dbt_project"
OWN_SCHEMA = "dev"
NEEDED = ("REDSHIFT_HOST", "REDSHIFT_WORKGROUP", "AWS_DEFAULT_REGION", "KPI_ARTIFACT_BUCKET")


@dataclass(frozen=True)
class Warehouse:
    """Where to build, and what to read the rest from.

    Attributes:
        target: The target of dbt_project/profiles.yml.
        schema: The analyst's own schema.
        environ: dbt's whole environment.
        production: A directory with the manifest.json of what stands in production.
        is_local: Whether it is the local one.
        lock: Builds of one schema take turns.
    """

    target: str
    schema: str
    environ: dict[str, str]
    production: Path
    is_local: bool
    lock: AbstractContextManager[object]


def state() -> Path:
    """Return the directory of all that the local stack keeps."""
    return Path(os.environ.get("LOCAL_STATE") or REPO / ".local").resolve()


def local_stack(progress: Callable[[str], None]) -> Stack:
    """Return the checkout's local stack, up."""
    from local.stack import Stack

    stack = Stack(state(), progress=progress)
    stack.up()
    return stack


def built_from(stack_state: Path) -> Path:
    """Return where the manifest of what `make dev` built is kept: beside the data, so that it goes when they go."""
    return stack_state / "redshift" / "manifest"


def local(progress: Callable[[str], None]) -> Warehouse:
    """The local warehouse: production is the schema `analytics` as `make dev` built it, one's own is `dev`.

    Raises:
        WorkbenchError: `make dev` has not been called.
    """
    from local.daemons import locked

    production = built_from(state())
    if not (production / "manifest.json").is_file():
        raise WorkbenchError("There is no warehouse to try models on yet: run `make dev` first.")
    stack = local_stack(progress)
    environ = stack.dbt_env() | {
        "KPI_SCHEMA": OWN_SCHEMA,
        "DBT_TARGET_PATH": str(stack.state / "dbt" / "check"),
    }
    lock = locked(stack.state / "run" / "check.lock")
    return Warehouse("local", OWN_SCHEMA, environ, production, True, lock)


def team(progress: Callable[[str], None]) -> Warehouse:
    """The team's warehouse, by the caller's own environment and AWS log-in.

    Raises:
        WorkbenchError: A variable is missing, or the production manifest is out of reach.
    """
    needed = [name for name in NEEDED if name != "REDSHIFT_WORKGROUP" or not os.environ.get("REDSHIFT_PASSWORD")]
    if missing := [name for name in needed if not os.environ.get(name)]:
        raise WorkbenchError(
            f"The environment variable {missing[0]} is not set: docs/analysts.md, part 'Against the team's warehouse', "
            "says what each is."
        )
    user = re.sub("[^a-z0-9_]", "_", os.environ.get("USER", "analyst").lower())
    schema = os.environ.get("KPI_SCHEMA") or f"dev_{user}"
    directory = state() / "dbt" / "team"
    environ = {
        **os.environ,
        "KPI_SCHEMA": schema,
        "DBT_PROJECT_DIR": str(PROJECT),
        "DBT_PROFILES_DIR": str(PROJECT),
        "DBT_TARGET_PATH": str(directory / "target"),
        "DBT_LOG_PATH": str(directory / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    production = directory / "production"
    _fetch_manifest(production)
    progress("read the manifest of the last production run")
    return Warehouse("dev", schema, environ, production, False, nullcontext())


def _fetch_manifest(directory: Path) -> None:
    """Read the manifest that each run publishes with its dbt docs."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    directory.mkdir(parents=True, exist_ok=True)
    bucket = os.environ["KPI_ARTIFACT_BUCKET"]
    try:
        boto3.client("s3").download_file(bucket, "docs/manifest.json", str(directory / "manifest.json"))
    except (BotoCoreError, ClientError) as error:
        raise WorkbenchError(
            f"s3://{bucket}/docs/manifest.json, which each production run publishes, can't be read: {error}"
        ) from None
