"""What confines the processes of `make mwaa-check`: each tries what it must not be able to do."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from deploy import sandbox
from deploy.errors import DeployError
from deploy.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]
PREFIX = Path(sys.base_prefix)
PYTHON = PREFIX / "bin" / f"python3.{sys.version_info.minor}"
IS_ROOT = os.geteuid() == 0
PROVE = """
import json, sys
from pathlib import Path
from deploy.errors import DeployError
from deploy.sandbox import Sandbox
read_only, python, *needs = map(Path, sys.argv[2:])
try:
    print(Sandbox(**json.loads(sys.argv[1])).prove(python, {}, read_only, needs))
except DeployError as error:
    sys.exit(str(error))
"""


@pytest.fixture
def folder(tmp_path):
    """A folder that its owner alone may write, below one that its owner alone may enter."""
    tmp_path.chmod(0o700)
    made = tmp_path / "airflow" / "dags"
    made.mkdir(parents=True)
    (made / "a_dag.py").write_text("")
    return made


@pytest.fixture
def machine(folder):
    found = Sandbox.of_this_machine(folder, [PREFIX, folder.parent])
    if not found.namespaces:
        pytest.skip("this machine's kernel allows no namespaces")
    return found


def proving(confining, folder):
    """The command that has a confined process try."""
    words = [json.dumps(asdict(confining)), str(folder), str(PYTHON), str(PREFIX), str(folder.parent)]
    return confining.around([str(PYTHON), "-c", PROVE, *words])


def run(command):
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )


CONFINED = "no capability, dags/ can't be written, no network but the loopback interface\n"


def test_a_process_is_confined_whoever_starts_it(machine, folder):
    done = run(proving(machine, folder))
    uid = sandbox.UID if IS_ROOT else os.geteuid()
    assert (done.stdout, done.stderr) == (f"confined: uid {uid}, {CONFINED}", "")


@pytest.mark.skipif(not IS_ROOT, reason="only root can become an ordinary user")
def test_an_ordinary_user_is_confined_by_a_user_namespace(machine, folder, tmp_path_factory):
    os.chown(folder, sandbox.UID, sandbox.UID)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    ordinary = Sandbox(root=False, namespaces=True)
    needs = [PREFIX, folder.parent, ROOT, elsewhere]
    done = run(machine.inside(proving(ordinary, folder), elsewhere, needs))
    assert (done.stdout, done.stderr) == (f"confined: uid {sandbox.UID}, {CONFINED}", "")
    # Without the mount the owner writes: it is the mount that keeps the folder.
    free = machine.inside([str(PYTHON), "-c", sandbox._PROBE, str(folder)], elsewhere, needs)
    assert "a new file" in json.loads(run(free).stdout)["writes"]


@pytest.mark.skipif(not IS_ROOT, reason="others have no capability to lose")
def test_without_namespaces_root_loses_its_capabilities(folder):
    (folder / "a_dag.py").chmod(0o444)
    folder.chmod(0o555)
    done = run(proving(Sandbox(root=True, namespaces=False, stays_root=True), folder))
    assert done.stdout == "confined: uid 0, no capability, dags/ can't be written, this machine's network\n"


def test_what_this_machine_lacks_is_one_sentence():
    assert Sandbox(root=True, namespaces=True).lacks is None
    lacks = Sandbox(root=True, namespaces=False, stays_root=True).lacks
    assert lacks == (
        "this machine's kernel allows no namespaces: the DAG runs with its network, "
        "and as root without capabilities, since only root reaches Python"
    )


def test_a_process_that_is_not_confined_is_found(folder):
    done = run([str(PYTHON), "-c", sandbox._PROBE, str(folder)])
    found = json.loads(done.stdout)
    exceeded = Sandbox(root=IS_ROOT, namespaces=True).exceeded(found)
    assert {"can write dags/ (a new file)", "can write dags/ (an old file)"} <= set(exceeded)
    assert {"may gain privileges", "reaches a network"} <= set(exceeded)
    assert ("runs as root" in exceeded) is IS_ROOT
    assert any(line.startswith("has CapEff") for line in exceeded) is IS_ROOT


def test_a_check_that_is_not_confined_ends(monkeypatch, folder):
    monkeypatch.setattr(Sandbox, "inside", lambda self, command, *_: list(command))
    with pytest.raises(DeployError, match=r"not confined as on MWAA: it .*can write dags/"):
        Sandbox(root=IS_ROOT, namespaces=True).prove(PYTHON, {}, folder)


def test_an_interpreter_that_can_not_be_started_is_named(folder):
    with pytest.raises(DeployError, match=r"An unprivileged process can't start /bin/false: no reason given"):
        Sandbox(root=IS_ROOT, namespaces=False).prove(Path("/bin/false"), {}, folder)
