"""What is imported before Airflow forks tasks, seen from a component's own start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"


@pytest.mark.parametrize(("component", "forks_tasks"), [("scheduler", True), ("triggerer", False)])
def test_a_component_that_forks_tasks_has_dbt_at_hand(tmp_path, component, forks_tasks):
    """`lazy_load_plugins` is off as the deployment has it; on the local stack the scheduler loads plugins by itself."""
    env = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PLUGINS),
        "AIRFLOW__CORE__LAZY_LOAD_PLUGINS": "False",
    }
    command = [sys.executable, "-X", "importtime", "-m", "airflow", component, "--help"]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert ({"dbt.cli.main", "dbt.adapters.redshift.impl"} <= imported) is forks_tasks
    assert "airflow.plugins_manager" in imported
    assert "Failed to import plugin" not in done.stdout + done.stderr


def last_line(code: str, home: Path, dags: Path = PLUGINS.parent / "dags") -> str:
    """What a component prints last that runs the code; before it Airflow and Cosmos log what they import."""
    env = {**os.environ, "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__DAGS_FOLDER": str(dags)}
    command = [sys.executable, "-c", code, str(PLUGINS / "preload.py")]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_what_dbt_records_of_a_task_is_the_tasks_own(tmp_path):
    """dbt reads DBT_ENV_CUSTOM_ENV_* once a process, when it first logs."""
    code = """
import os, runpy, sys
from dbt_common.events.functions import get_metadata_vars
sys.argv = ["airflow", "scheduler"]
runpy.run_path(sys.orig_argv[-1])
os.environ["DBT_ENV_CUSTOM_ENV_RUN_ID"] = "the run"
assert "dbt.cli.main" in sys.modules
print(get_metadata_vars())
"""
    assert last_line(code, tmp_path) == "{'RUN_ID': 'the run'}"


def test_what_was_prepared_before_the_fork_is_not_prepared_again_by_the_task(tmp_path):
    """A task's process loads the plugins anew."""
    code = """
import gc, runpy, sys
sys.argv = ["airflow", "worker"]
counts = []
for _ in range(2):
    runpy.run_path(sys.orig_argv[-1])
    counts.append(gc.get_freeze_count())
    kept = [list() for _ in range(1000)]
from dbt.contracts.project import Project
print(counts[0] > 10_000, counts[0] == counts[1], Project.json_schema.cache_info().currsize > 0)
"""
    assert last_line(code, tmp_path) == "True True True"


@pytest.mark.parametrize("is_there", [True, False])
def test_the_macros_of_the_project_are_compiled_where_there_is_one(tmp_path, is_there):
    code = """
import runpy, sys
sys.argv = ["airflow", "worker"]
runpy.run_path(sys.orig_argv[-1])
from dbt_common.clients.jinja import template_cache
print(sum("raise_versions" in text or "macro redshift__" in text for text in template_cache.file_cache))
"""
    dags = PLUGINS.parent / "dags" if is_there else tmp_path / "dags"
    assert (int(last_line(code, tmp_path, dags)) > 20) is is_there
