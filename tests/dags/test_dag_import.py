"""The DAG file is parsed every half minute, by several processes, from a folder that may be read-only."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import health
from local import dag_test, manifest

REPOSITORY = Path(__file__).resolve().parents[2]

IMPORT = """
import json, socket, sys

def refuse(*arguments, **options):
    raise AssertionError(f"a socket was used while the DAG was parsed: {arguments}")

sys.path.insert(0, sys.argv[1])
import airflow.sdk, cosmos  # what they do at import is theirs
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = socket.create_connection = refuse
before = set(sys.modules)
import streaming_kpis
dag = streaming_kpis.dag
print(json.dumps({
    "tasks": {task.task_id: {"pool": [task.pool, task.pool_slots], "retries": task.retries,
                             "upstream": sorted(task.upstream_task_ids)} for task in dag.tasks},
    "dbt": [[task.vars, task.profile_config.profile_name] for task in dag.tasks if getattr(task, "vars", None)],
    "slow": sorted({"boto3", "botocore", "dbt", "fastapi", "redshift_connector"} & (set(sys.modules) - before)),
    "max_active_runs": dag.max_active_runs, "catchup": dag.catchup, "doc": dag.doc_md, "params": list(dag.params),
}))
"""


@pytest.fixture(scope="module")
def read_only_copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mwaa")
    shutil.copytree(REPOSITORY / "dags", folder / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(REPOSITORY / "dbt_project", folder / "dags" / "dbt_project", ignore=shutil.ignore_patterns("logs"))
    writable = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
    paths = [folder / "dags", *(folder / "dags").rglob("*")]
    for path in paths:
        path.chmod(path.stat().st_mode & ~writable)
    yield folder / "dags"
    for path in paths:
        path.chmod(path.stat().st_mode | stat.S_IWUSR)


def import_dag(dags: Path, tmp_path: Path, code: str = IMPORT, **environment: str) -> subprocess.CompletedProcess:
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("KPI_", "REDSHIFT_", "AWS_"))
    }
    own = {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
        # The folder stays as it is; a cache elsewhere would have all of Airflow compiled anew for each import.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(
        [sys.executable, "-c", code, str(dags)],
        env=inherited | own | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def imported(read_only_copy, tmp_path_factory):
    before = sorted(str(path) for path in read_only_copy.rglob("*"))
    done = import_dag(read_only_copy, tmp_path_factory.mktemp("home"))
    assert done.returncode == 0, done.stderr[-3000:]
    assert sorted(str(path) for path in read_only_copy.rglob("*")) == before
    return json.loads(done.stdout.splitlines()[-1])


def test_imports_without_io_and_without_a_single_setting(imported):
    assert imported["tasks"]


def test_imports_nothing_that_takes_long_beside_airflow_and_cosmos(imported):
    assert imported["slow"] == []


def test_one_run_at_a_time_and_no_catch_up(imported):
    assert imported["max_active_runs"] == 1
    assert imported["catchup"] is False


def test_the_page_of_the_dag_leads_to_the_published_pages(imported, read_only_copy, tmp_path):
    assert imported["params"] == ["rebuild_from", "rebuild_to", "full_refresh"]
    assert "To rebuild days" in imported["doc"]
    for given, first in (
        ({"KPI_ARTIFACT_BUCKET": "mine"}, "https://console.aws.amazon.com/s3/object/mine?prefix="),
        ({"KPI_PAGES_URL": "https://kpis.example.com/"}, "https://kpis.example.com/"),
    ):
        done = import_dag(read_only_copy, tmp_path, **given)
        assert done.returncode == 0, done.stderr[-3000:]
        doc = json.loads(done.stdout.splitlines()[-1])["doc"]
        assert re.findall(r"\]\((\S+)\)", doc) == [f"{first}kpis/index.html", f"{first}docs/index.html"]


def test_the_three_tables_land_side_by_side(imported):
    for table in ("songs", "users", "streams"):
        assert imported["tasks"][f"land.{table}"]["upstream"] == ["land.take_turn"]


def dbt_tasks(imported):
    return {name: task for name, task in imported["tasks"].items() if name.startswith("transform.")}


@pytest.mark.parametrize(("at_once", "slots"), [("", 1), ("1", 4), ("2", 2)])
def test_the_pool_lets_as_many_models_build_as_the_setting_says(read_only_copy, tmp_path, at_once, slots):
    done = import_dag(read_only_copy, tmp_path, KPI_MODELS_AT_ONCE=at_once)
    assert done.returncode == 0, done.stderr[-3000:]
    tasks = dbt_tasks(json.loads(done.stdout.splitlines()[-1]))
    assert tasks
    assert [task["pool"] for task in tasks.values()] == [["transform", slots]] * len(tasks)
    assert dag_test.SLOTS == health.SLOTS == 4


def test_the_first_dbt_command_of_a_run_is_alone(imported):
    """It makes the schema and the bookkeeping of a new warehouse: two at once would make them twice."""
    tasks = dbt_tasks(imported)
    assert [name for name, task in tasks.items() if not any(up in tasks for up in task["upstream"])] == [
        "transform.int_batches_due_model_build"
    ]


def test_dbt_need_not_parse_what_the_manifest_was_parsed_from(imported):
    """Dbt parses anew where vars or the profile differ from those of partial_parse.msgpack, beside the manifest."""
    assert imported["dbt"]
    for variables, profile in imported["dbt"]:
        rendered = {name: "" if value.startswith("{{ params.") else value for name, value in variables.items()}
        assert rendered == manifest.VARS
        assert profile == manifest.PROFILE


def test_every_model_is_a_task(imported):
    models = {path.stem for path in (REPOSITORY / "dbt_project" / "models").rglob("*.sql")}
    tasks = {name.removeprefix("transform.").removesuffix("_model_build") for name in imported["tasks"]}
    assert models <= tasks


def test_a_rule_across_models_runs_once_after_both(imported):
    rule = "transform.assert_genres_add_up_to_the_day_test"
    assert imported["tasks"][rule]["upstream"] == [
        "transform.genre_kpis_daily_model_build",
        "transform.listening_kpis_daily_model_build",
    ]


def test_the_kpi_page_shows_the_figures_of_its_own_run(imported):
    assert imported["tasks"]["publish.kpi_page"]["upstream"] == ["publish.figures"]


def test_a_malformed_setting_is_named_in_one_sentence(read_only_copy, tmp_path):
    done = import_dag(read_only_copy, tmp_path, KPI_SCHEDULE="every day at noon")
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert "KPI_SCHEDULE is 'every day at noon'" in last and "cron expression" in last


def test_a_missing_manifest_is_named_in_one_sentence(tmp_path):
    shutil.copytree(REPOSITORY / "dags", tmp_path / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    done = import_dag(tmp_path / "dags", tmp_path)
    assert done.returncode != 0
    assert "make manifest" in done.stderr.strip().splitlines()[-1]


def test_no_dag_file_is_taken_for_a_dbt_plugin():
    """Dbt imports every module whose name starts with ``dbt_`` that it finds on the path."""
    names = [path.name for path in (REPOSITORY / "dags").rglob("*.py")]
    assert names
    assert not [name for name in names if name.startswith("dbt_")]


def test_dags_and_models_know_nothing_of_the_local_stack():
    words = ("moto", "localhost", "127.0.0.1", "emulator", "pgserver", "postgres", "import local", "from local")
    files = [
        path
        for folder in ("dags", "dbt_project/models", "dbt_project/macros", "dbt_project/tests")
        for path in (REPOSITORY / folder).rglob("*")
        if path.suffix in (".py", ".sql", ".yml", ".md")
    ]
    assert len(files) > 30
    assert not [(path.name, word) for path in files for word in words if word in path.read_text().lower()]


def test_the_weekly_audit_tests_everything_while_no_model_builds(read_only_copy, tmp_path):
    code = IMPORT.replace("streaming_kpis", "streaming_kpis_audit").replace('"params": list(dag.params),', "")
    done = import_dag(read_only_copy, tmp_path, code=code)
    assert done.returncode == 0, done.stderr[-3000:]
    tasks = json.loads(done.stdout.splitlines()[-1])["tasks"]
    assert set(tasks) == {"take_turn", "test_everything", "check_freshness", "end_turn"}
    upstream = {name: set(task["upstream"]) for name, task in tasks.items()}
    assert upstream["test_everything"] == upstream["check_freshness"] == {"take_turn"}
    assert upstream["end_turn"] >= {"test_everything", "check_freshness"}
