"""What MWAA gets and how it starts there: startup.sh, the options, the upload. `make mwaa-check` shows the whole."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from kpi_pipeline import settings

from deploy import build, mwaa_check, mwaa_inside, release
from deploy.errors import DeployError

ROOT = Path(__file__).resolve().parents[2]
STARTUP = ROOT / "deploy" / "startup.sh"
NAMES = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AllowSmallerSnapshots": "true",
    "MaxRejectShare": "0.2",
    "ListingWindowDays": "7",
    "ArtifactBucket": "artifacts",
    "CopyRoleArn": "arn:aws:iam::123456789012:role/copy",
    "Environment": "test",
    "RawBucket": "raw",
    "RawPrefix": "incoming",
    "RedshiftDatabase": "kpi",
    "RedshiftHost": "kpi-test.123456789012.us-east-1.redshift-serverless.amazonaws.com",
    "Schedule": "0 3 * * *",
    "Workgroup": "kpi-test",
}


def base(**more):
    return {"PATH": os.environ["PATH"], "HOME": "/", **more}


def configured():
    options = mwaa_inside.airflow_options(NAMES)
    return {f"AIRFLOW__{key.upper().replace('.', '__')}": value for key, value in options.items()}


def test_startup_turns_the_options_into_the_pipelines_settings():
    exported = mwaa_inside.startup(STARTUP, base(**configured()))
    read = settings.load(exported)
    assert (read.raw_bucket, read.raw_prefix, read.artifact_bucket) == ("raw", "incoming/", "artifacts")
    assert (read.schedule, read.dbt_target, read.allow_smaller_snapshots) == ("0 3 * * *", "prod", True)
    assert read.max_reject_share == 0.2
    assert read.copy_iam_role == NAMES["CopyRoleArn"]
    assert read.alert_topic_arn == "arn:aws:sns:us-east-1:123456789012:kpi-test-alerts"
    assert exported["REDSHIFT_HOST"] == NAMES["RedshiftHost"]


def test_every_variable_of_the_production_profile_is_set():
    profile = yaml.safe_load((ROOT / "dbt_project" / "profiles.yml").read_text())["streaming_kpis"]
    named = set(re.findall(r"env_var\('(\w+)'\)", " ".join(map(str, profile["outputs"]["prod"].values()))))
    assert {"REDSHIFT_HOST", "REDSHIFT_WORKGROUP"} <= named
    # MWAA itself sets the region.
    assert named - {"AWS_DEFAULT_REGION"} <= set(mwaa_inside.startup(STARTUP, base(**configured())))


def test_every_setting_is_one_of_the_stack_or_told_to_stay_at_its_default():
    """A new setting that nobody could change on MWAA shows up here: add it to airflow.yaml, or to the page."""
    known = set(re.findall(r"KPI_[A-Z_]+", Path(settings.__file__).read_text()))
    exported = set(mwaa_inside.startup(STARTUP, base(**configured())))
    left = known - exported
    page = (ROOT / "docs" / "production.md").read_text()
    assert len(known) > 10 and {name for name in left if f"`{name}`" not in page} == set()


def test_startup_keeps_values_as_they_are_and_needs_no_options():
    odd = "a 'b' \"c\" $HOME `id` \\ *\nsecond line"
    assert mwaa_inside.startup(STARTUP, base(AIRFLOW__KPI__SCHEDULE=odd))["KPI_SCHEDULE"] == odd
    assert mwaa_inside.startup(STARTUP, base()) == {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}


def test_startup_leaves_the_shell_that_sources_it_alone():
    text = STARTUP.read_text()
    assert len(text.splitlines()) < 20
    code = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    assert not re.search(r"\b(set -|exit|exec|pip|return)\b", "\n".join(code))
    for options in (["-e"], ["-u"], ["-eu"]):
        done = subprocess.run(["bash", *options, "-c", f"source {STARTUP}; echo here"], capture_output=True, text=True)
        assert done.stdout == "here\n" and done.stderr == ""


@pytest.mark.parametrize(("script", "words"), [("exit 0", "ends the shell"), ("exit 3", "ends the shell")])
def test_a_startup_that_ends_the_container_is_found(tmp_path, script, words):
    (tmp_path / "startup.sh").write_text(f"export A=b\n{script}\n")
    with pytest.raises(DeployError, match=words):
        mwaa_inside.startup(tmp_path / "startup.sh", base())


def test_the_upload_is_laid_out_read_only_and_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(release.build.DbtArtifacts, "_made", {"manifest.json": b"{}", "static_index.html": b""})
    home, wheels = tmp_path / "airflow", tmp_path / "wheels"
    wheels.mkdir()
    for _ in range(2):  # the second time over what the first one made read-only
        mwaa_check.lay_out(home, wheels)
    assert (home / "dags/streaming_kpis.py").is_file() and (home / "dags/dbt_project/target/manifest.json").is_file()
    assert (home / "startup/startup.sh").read_text() == STARTUP.read_text()
    assert not any(path.stat().st_mode & stat.S_IWUSR for path in (home / "dags").rglob("*"))
    lines = (home / "requirements.txt").read_text().splitlines()
    assert lines[:3] == [f'--constraint "{home}/dags/constraints.txt"', f'--find-links "{home}/plugins"', "--no-index"]
    mwaa_check._writable(home)


def test_mwaas_own_pins_are_those_of_the_constraints():
    """MWAA enforces them after ours: a version of our own would be refused there."""
    pins = dict(line.split("==") for line in mwaa_check.ESSENTIAL.read_text().splitlines() if "==" in line)
    constraints = dict(
        line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line[:1] + line
    )
    known = {name.lower().replace("_", "-"): version for name, version in constraints.items()}
    ours = {name: known[name.lower()] for name in pins if name.lower() in known}
    assert len(ours) > 15 and ours == {name: pins[name] for name in ours}


def test_a_python_that_is_none_is_refused(monkeypatch):
    monkeypatch.setenv("PYTHON312", "/nowhere/python3.12")
    with pytest.raises(DeployError, match=r"which is no Python 3\.12 with venv"):
        mwaa_check.find_python()


@pytest.mark.parametrize("status", [0, 1], ids=["runs", "is broken"])
def test_a_python_that_pyenv_has_is_found_if_it_runs(tmp_path, monkeypatch, status):
    python = tmp_path / "versions" / "3.12.7" / "bin" / "python3.12"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\nexit {status}\n")
    python.chmod(0o755)
    for name, value in {"PYENV_ROOT": str(tmp_path), "PATH": "/nowhere", "PYTHON312": ""}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "executable", "")  # the tests' own Python may be 3.12, and would be found first
    assert mwaa_check.find_python() == (python if status == 0 else None)


def test_packages_that_do_not_come_in_time_are_one_sentence(tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexec sleep 60\n")
    python.chmod(0o755)
    with pytest.raises(
        DeployError, match=r"did not download the wheels within 0\.001 minutes: the package index is slow"
    ):
        build.download(ROOT, tmp_path, python, minutes=0.001)
