"""What has to be made before it can be uploaded: dbt's manifest and docs, and the wheels that MWAA installs from."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from deploy.errors import DeployError

# What MWAA's image of Airflow 3.3.1 runs on.
TARGET = ("3.12", "manylinux_2_28_x86_64", "manylinux2014_x86_64", "manylinux_2_17_x86_64")


class DbtArtifacts:
    """The manifest and the docs of a dbt project, made once and only if somebody asks.

    Args:
        tree: The version's files.
        environment: The variables that the project reads.
    """

    def __init__(self, tree: Path, environment: Mapping[str, str]) -> None:
        self._project = tree / "dbt_project"
        self._environment = dict(environment)

    def manifest(self) -> bytes:
        """Return manifest.json, from which Cosmos renders the DAG."""
        return self._made["manifest.json"]

    def docs(self) -> bytes:
        """Return the docs as one page: models, columns and tests. What the warehouse knows comes with each run."""
        return self._made["static_index.html"]

    @cached_property
    def _made(self) -> dict[str, bytes]:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("DBT_", "KPI_", "REDSHIFT_"))
        }
        with tempfile.TemporaryDirectory(prefix="kpi-dbt-") as scratch:
            # The docs need no warehouse either: their catalogue is empty, and the models' SQL stays uncompiled.
            for words in (["parse"], ["docs", "generate", "--no-compile", "--empty-catalog", "--static"]):
                command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "--quiet", *words]
                command += [
                    "--project-dir",
                    str(self._project),
                    "--profiles-dir",
                    str(self._project),
                    "--target",
                    "prod",
                ]
                command += ["--target-path", scratch, "--log-path", f"{scratch}/logs"]
                environment = {**inherited, **self._environment}
                result = subprocess.run(
                    command, env=environment, cwd=self._project, capture_output=True, text=True, check=False
                )
                if result.returncode != 0:
                    raise DeployError(f"dbt {words[0]} failed:\n{(result.stdout + result.stderr).strip()}")
            names = ("manifest.json", "static_index.html")
            return {name: Path(scratch, name).read_bytes() for name in names}


def plugins(tree: Path, wheels: Path | None) -> bytes:
    """Return plugins.zip: Airflow's plugins, and every wheel that requirements.txt needs, for MWAA's Python.

    Args:
        tree: The version's files.
        wheels: A directory that has them already; None to download them from pip's index.

    Raises:
        DeployError: The directory has none, or pip can't get them.
    """
    if wheels is not None:
        return _zip(tree, wheels)
    with tempfile.TemporaryDirectory(prefix="kpi-wheels-") as directory:
        download(tree, Path(directory))
        return _zip(tree, Path(directory))


def plugin_files(tree: Path) -> list[Path]:
    """Return the files of a version's plugins/."""
    return sorted((tree / "plugins").glob("*.py"))


def download(
    tree: Path, directory: Path, python: Path = Path(sys.executable), version: str = TARGET[0], minutes: float = 20
) -> None:
    """Download every wheel that requirements.txt needs, for MWAA's Python, and no source: MWAA could not build it.

    Args:
        tree: The version's files.
        directory: Where to.
        python: Runs pip. Its version decides which of the packages' conditions (`python_version < "3.12"`) hold.
        version: The Python that the wheels are for.
        minutes: How long it may take.

    Raises:
        DeployError: pip can't get them, or not in time.
    """
    _, *platforms = TARGET
    command = [str(python), "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--dest", str(directory)]
    command += ["--only-binary", ":all:", "--implementation", "cp", "--python-version", version]
    command += [word for platform in platforms for word in ("--platform", platform)]
    command += ["--requirement", str(tree / "requirements.txt"), "--constraint", str(tree / "constraints.txt")]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=minutes * 60)
    except subprocess.TimeoutExpired:
        slow = "the package index is slow or out of reach"
        raise DeployError(f"pip did not download the wheels within {minutes:.4g} minutes: {slow}. Try again.") from None
    if result.returncode != 0:
        lines = [line for line in result.stderr.splitlines() if "ERROR" in line] or result.stderr.splitlines()
        raise DeployError(f"pip can't download the wheels: {(lines or ['no reason'])[-1].strip()}")


def _zip(tree: Path, wheels: Path) -> bytes:
    """Pack plugins and wheels so that the same ones always give the same bytes."""
    files = sorted(wheels.glob("*.whl"))
    if not files:
        raise DeployError(f"There is no wheel in {wheels}.")
    files += plugin_files(tree)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            archive.writestr(zipfile.ZipInfo(file.name, date_time=(2020, 1, 1, 0, 0, 0)), file.read_bytes())
    return packed.getvalue()
