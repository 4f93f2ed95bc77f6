"""The dbt project as files: the manifest that Cosmos renders is that of the project, and every model is described."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from local.environment import DBT_PROJECT

MODELS = sorted((DBT_PROJECT / "models").rglob("*.sql"))
ENVIRONMENT = {
    "REDSHIFT_HOST": "nowhere",
    "REDSHIFT_USER": "nobody",
    "REDSHIFT_PASSWORD": "none",
    "PATH": "/usr/bin:/bin",
}


@pytest.fixture(scope="module")
def parsed(tmp_path_factory) -> dict:
    """What dbt makes of the project now, from nothing, without a warehouse."""
    target = tmp_path_factory.mktemp("target")
    command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "--quiet", "--no-partial-parse", "parse"]
    command += ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT), "--target", "local"]
    command += ["--target-path", str(target), "--log-path", str(target)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout.upper(), done.stdout
    return json.loads((target / "manifest.json").read_text())


def _essence(manifest: dict) -> dict:
    """What Cosmos and dbt take from a node; what differs from parse to parse is left out."""
    fields = ("checksum", "depends_on", "config", "description", "columns", "fqn", "tags", "original_file_path")
    nodes = manifest["nodes"] | manifest["sources"]
    return {name: {field: node.get(field) for field in fields} for name, node in nodes.items()}


def test_the_manifest_that_cosmos_renders_is_that_of_the_project(parsed):
    rendered = json.loads((DBT_PROJECT / "target" / "manifest.json").read_text())
    assert _essence(rendered) == _essence(parsed)


def test_no_packages_to_download():
    assert not [name for name in ("packages.yml", "dependencies.yml") if (DBT_PROJECT / name).exists()]


@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.stem)
def test_a_model_is_a_sql_and_a_yml_of_its_name(model: Path, parsed):
    described = yaml.safe_load(model.with_suffix(".yml").read_text())["models"]
    assert [entry["name"] for entry in described] == [model.stem]
    node = parsed["nodes"][f"model.streaming_kpis.{model.stem}"]
    assert re.match(r"(The plan of the run .*)?One row is", node["description"]) or "One row is" in node["description"]
    assert node["config"]["contract"]["enforced"]
    for column in node["columns"].values():
        assert column["description"].strip(), f"{model.stem}.{column['name']} has no description"
        assert column["data_type"]


@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.stem)
def test_a_model_stays_short(model: Path):
    assert len(model.read_text().splitlines()) < 80


@pytest.mark.parametrize("model", [path for path in MODELS if path.parent.name == "kpis"], ids=lambda path: path.stem)
def test_a_kpi_is_an_incremental_merge_with_its_bookkeeping(model: Path, parsed):
    config = parsed["nodes"][f"model.streaming_kpis.{model.stem}"]["config"]
    assert (config["materialized"], config["incremental_strategy"]) == ("incremental", "merge")
    assert [hook["sql"] for hook in config["post-hook"]] == [
        "{{ require_rows_of_due_days() }}",
        "{{ delete_rows_of_rebuilt_days() }}",
        "{{ record_day_builds() }}",
    ]
    assert "kpi" in config["tags"]
    unit_tests = [test for test in parsed["unit_tests"].values() if test["model"] == model.stem]
    assert unit_tests
