"""MWAA's situation on this machine: its Python, its packages, its environment, a read-only dags/, and no network.

The upload is made as the deploy command makes it and laid out as MWAA lays it out. What then runs is in `mwaa_inside`.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from deploy import build, release
from deploy.errors import DeployError
from deploy.sandbox import Sandbox

REPO = Path(__file__).resolve().parent.parent
STATE = REPO / ".local" / "mwaa-check"
ESSENTIAL = Path(__file__).parent / "mwaa_essential_constraints.txt"
MWAA_PYTHON = (3, 12)
FETCH_MINUTES, INSTALL_MINUTES = 15, 20
Progress = Callable[[str], None]


def check(progress: Progress) -> int:
    """Build MWAA's situation and run the DAG in it.

    Args:
        progress: Is called with a line for each step.

    Returns:
        The exit status: 0 if the DAG imports without an error and a whole run succeeds.

    Raises:
        DeployError: The situation can't be built; the message says what is missing.
    """
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise DeployError("make mwaa-check installs the wheels that MWAA gets: it needs Linux on x86-64.")
    python = find_python()
    if python is None:
        progress(
            "Python 3.12, which MWAA has, is not installed (PYTHON312=... names one): checking with the one of .venv"
        )
        python = Path(sys.executable)
    home = STATE / "airflow"
    wheels = _wheels(python, progress)
    lay_out(home, wheels)
    sandbox = Sandbox.of_this_machine(home / "dags", needs(python))
    if sandbox.lacks:
        progress(sandbox.lacks)
    environment = _install(python, home, wheels, sandbox, progress)
    inside = [sys.executable, "-m", "deploy.mwaa_inside", str(home), str(environment), json.dumps(asdict(sandbox))]
    return subprocess.call(sandbox.around(inside), cwd=REPO)


def needs(python: Path) -> list[Path]:
    """Return what a process of the check has to reach: the interpreter's own files, and what is made here."""
    return [Path(_ask(python, "sys.base_prefix")), STATE]


def find_python() -> Path | None:
    """Return an installed Python of MWAA's version, if there is one that really runs.

    PYTHON312 names it; else it is the `python3.12` on PATH, or one that pyenv has but has not put there.

    Raises:
        DeployError: PYTHON312 names none.
    """
    probe = f"import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != {MWAA_PYTHON})"
    named = os.environ.get("PYTHON312")
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    installed = map(str, sorted(pyenv.glob("3.12.*/bin/python3.12"), reverse=True))
    for candidate in filter(None, [named, "python3.12", sys.executable, *installed]):
        found = shutil.which(candidate)
        # A pyenv shim is on PATH for versions that are not installed, too.
        if found and subprocess.run([found, "-c", probe], capture_output=True, check=False).returncode == 0:
            return Path(found)
        if candidate == named:
            raise DeployError(f"PYTHON312 is {named!r}, which is no Python 3.12 with venv.")
    return None


def lay_out(home: Path, wheels: Path) -> None:
    """Write the upload as MWAA has it on disk, dags/ read-only.

    Args:
        home: Airflow's home there.
        wheels: Those of plugins.zip.
    """
    _writable(home)
    shutil.rmtree(home, ignore_errors=True)
    parse_environment = {"REDSHIFT_HOST": "", "REDSHIFT_WORKGROUP": "", "AWS_DEFAULT_REGION": "us-east-1"}
    for item in release.items(REPO, parse_environment):
        if item.key in (release.PLUGINS, release.DOCS, release.REQUIREMENTS):
            continue
        path = home / ("startup/startup.sh" if item.key == release.STARTUP else item.key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(item.read())
    text = (REPO / "requirements.txt").read_text(encoding="utf-8")
    (home / "requirements.txt").write_text(release.requirements(text, home=str(home)), encoding="utf-8")
    (home / "plugins").mkdir()
    for file in [*wheels.glob("*.whl"), *build.plugin_files(REPO)]:
        # The wheels have more than 100 MB: a link does. The confined process can't read the checkout's own files.
        place = home / "plugins" / file.name
        place.symlink_to(file) if file.suffix == ".whl" else shutil.copy(file, place)
    for path in [*sorted((home / "dags").rglob("*"), reverse=True), home / "dags"]:
        path.chmod(0o555 if path.is_dir() else 0o444)


def _wheels(python: Path, progress: Progress) -> Path:
    """Return a directory with the wheels of plugins.zip, downloaded once for each state of the requirements."""
    version = _ask(python, "'%d.%d' % sys.version_info[:2]")
    directory = STATE / f"wheels-{_digest(python, (version, *build.TARGET))}"
    if not directory.is_dir():
        progress("downloading the wheels of plugins.zip")
        draft = directory.with_name("wheels-draft")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        build.download(REPO, draft, python, version=version, minutes=FETCH_MINUTES)
        draft.rename(directory)
    return directory


def _install(python: Path, home: Path, wheels: Path, sandbox: Sandbox, progress: Progress) -> Path:
    """Install requirements.txt alone, from the wheels alone, under MWAA's constraints; returns the Python to use."""
    directory = STATE / f"venv-{_digest(python, (str(wheels),))}"
    interpreter = directory / "bin" / "python"
    if not (directory / "complete").exists():
        progress("installing the requirements, without an index")
        shutil.rmtree(directory, ignore_errors=True)
        _run([str(python), "-m", "venv", str(directory)])
        pip = [str(interpreter), "-m", "pip", "--disable-pip-version-check", "--quiet"]
        requirements = ["--requirement", str(home / "requirements.txt"), "--constraint", str(ESSENTIAL)]
        _run(sandbox.around([*pip, "install", *requirements]))
        _run([*pip, "check"])
        (directory / "complete").touch()
    return interpreter


def _run(command: list[str]) -> None:
    # A pip configuration of this machine is none of MWAA's.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    words = f"{' '.join(command[:6])} ..."
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment, timeout=INSTALL_MINUTES * 60
        )
    except subprocess.TimeoutExpired:
        raise DeployError(f"{words} did not end within {INSTALL_MINUTES} minutes.") from None
    if result.returncode != 0:
        raise DeployError(f"{words} failed:\n{(result.stdout + result.stderr).strip()}")


def _ask(python: Path, expression: str) -> str:
    """Return what another Python says to an expression."""
    command = [str(python), "-c", f"import sys; print({expression})"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _digest(python: Path, more: tuple[str, ...]) -> str:
    content = hashlib.sha256("\0".join([str(python), *more]).encode())
    for path in (REPO / "requirements.txt", REPO / "constraints.txt", ESSENTIAL):
        content.update(path.read_bytes())
    return content.hexdigest()[:12]


def _writable(home: Path) -> None:
    """Give back the right to delete what the last check laid out."""
    for path in [home / "dags", *(home / "dags").rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
