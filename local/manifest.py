"""The dbt manifest that Cosmos renders the DAG from: made by `dbt parse`, again whenever the project differs."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from local.daemons import locked
from local.environment import DBT_PROJECT
from local.errors import LocalError

GENERATED = {"target", "logs", "dbt_packages"}
# Cosmos hands the second to dbt, which then need not parse the project again in each task.
ARTIFACTS = ("partial_parse.msgpack", "manifest.json")
# dbt parses anew where one of these differs: they are what the DAG's tasks give.
PROFILE, TARGET = "streaming_kpis", "local"
VARS = {"test_scope": "run"}


def fingerprint(project: Path = DBT_PROJECT) -> str:
    """Hash all that the manifest depends on: the project's files, what dbt is told, and dbt's versions."""
    told = f"{PROFILE} {TARGET} {json.dumps(VARS)}"
    digest = hashlib.sha256(f"{version('dbt-core')} {version('dbt-redshift')} {told}".encode())
    for file in sorted(project.rglob("*")):
        path = file.relative_to(project)
        if file.is_file() and path.parts[0] not in GENERATED and not path.name.startswith("."):
            content = file.read_bytes()
            digest.update(f"\0{path.as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def is_stale(project: Path = DBT_PROJECT) -> bool:
    """Whether there is no manifest, or one of another state of the project."""
    stamp = project / "target" / "manifest.sha256"
    manifest = project / "target" / "manifest.json"
    return not (manifest.exists() and stamp.exists() and stamp.read_text() == fingerprint(project))


def refresh(env: Mapping[str, str], project: Path = DBT_PROJECT) -> bool:
    """Make the manifest anew if it is stale. Needs no database.

    Args:
        env: The environment for dbt.
        project: The dbt project.

    Returns:
        Whether it was made anew.

    Raises:
        LocalError: dbt can't parse the project; the message is dbt's own.
    """
    target = project / "target"
    with locked(target / ".lock"):  # tests and commands of one checkout share the file
        if not is_stale(project):
            return False
        made_from = fingerprint(project)
        with tempfile.TemporaryDirectory(prefix="kpi-dbt-parse-") as scratch:
            command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "--quiet", "parse"]
            command += ["--project-dir", str(project), "--profiles-dir", str(project)]
            command += ["--profile", PROFILE, "--target", TARGET, "--vars", json.dumps(VARS), "--no-static-parser"]
            command += ["--no-use-colors", "--target-path", f"{scratch}/target", "--log-path", f"{scratch}/logs"]
            result = subprocess.run(command, env=dict(env), capture_output=True, text=True, cwd=project)
            if result.returncode != 0:
                raise LocalError(_explain(result.stdout + result.stderr))
            for name in ARTIFACTS:
                draft = target / f".{name}"
                shutil.copyfile(Path(scratch, "target", name), draft)
                draft.replace(target / name)  # never half a file: Airflow may be reading it
        (target / "manifest.sha256").write_text(made_from)
        return True


def _explain(said: str) -> str:
    """Return what dbt says in place of parsing, without its clock; a package that is not installed in one sentence."""
    if "installed in dbt_packages" in said:
        return (
            "dbt_project names dbt packages that are not installed: run `.venv/bin/python -m local dbt deps` once, "
            "which downloads them."
        )
    lines = [re.sub(r"^\d\d:\d\d:\d\d +", "", line) for line in said.strip().splitlines()]
    return "\n".join(["dbt can't parse the project:", *(line for line in lines if line != "Encountered an error:")])
