"""What a newcomer does: install the package into an environment of its own, and run the README's two tests there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1]
PROJECT_FILES = {
    "shop/dbt_project.yml": "name: shop\nprofile: shop\nmodels: {shop: {+materialized: table}}\n",
    "shop/models/orders.sql": "select 1 as id, getdate() as placed_at\nunion all\nselect 2, getdate()\n",
}


def blocks(language: str) -> list[str]:
    """The README's blocks of code in a language."""
    return re.findall(rf"```{language}\n(.*?)```", (PACKAGE / "README.md").read_text(), re.S)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment into which the package was installed; its requirements are those of this environment.

    Nothing is downloaded: a .pth file shows the requirements, and does not carry an editable install along.
    """
    root = tmp_path_factory.mktemp("newcomer")
    shutil.copytree(PACKAGE, root / "package", ignore=shutil.ignore_patterns("*.egg-info", "build", "tests"))
    venv.create(root / "venv", with_pip=False)
    python = root / "venv" / "bin" / "python"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    requirements = root / "venv" / "lib" / version / "site-packages" / "requirements.pth"
    requirements.write_text(sysconfig.get_path("purelib") + "\n")
    install = ["install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", str(root / "package")]
    subprocess.run([sys.executable, "-m", "pip", "--python", str(python), *install], check=True)
    return python


def test_the_readmes_tests_pass_in_a_project_of_ones_own(python: Path, tmp_path: Path) -> None:
    (profile,) = blocks("yaml")
    tests = [block for block in blocks("python") if "def test_" in block]
    files = PROJECT_FILES | {"shop/profiles.yml": profile, "pytest.ini": "[pytest]\n"}
    for name, text in (files | {f"test_{number}.py": test for number, test in enumerate(tests)}).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("REDSHIFT_", "PYTHON"))}
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_the_command_is_installed(python: Path) -> None:
    for command in ([str(python.parent / "redshift-emulator")], [str(python), "-m", "redshift_emulator"]):
        done = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
        assert "usage: redshift-emulator" in done.stdout
    where = "import redshift_emulator; print(redshift_emulator.__file__)"
    found = subprocess.run([str(python), "-c", where], capture_output=True, text=True, check=True).stdout
    assert Path(found.strip()).is_relative_to(python.parents[1]), "it is the installed copy that runs"
