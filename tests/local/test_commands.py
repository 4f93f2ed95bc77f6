import csv
import io
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from local.__main__ import main
from local.environment import CLIENT_VARIABLES, DBT_PROJECT, REPO
from local.runs import RunResult
from local.stack import Stack

Command = Callable[..., subprocess.CompletedProcess[str]]


def test_sql_csv_is_rfc_4180_alone_with_nulls_empty(stack: Stack, command: Command) -> None:
    statement = (
        "SELECT 1 AS a, CAST(NULL AS VARCHAR) AS b, '' AS c, 'x,\"y' || CHR(10) || 'z' AS d, 'é' AS \"E f\", TRUE AS g"
    )

    done = command(stack, "sql", statement, "--csv")

    assert (done.returncode, done.stderr) == (0, "")
    rows = list(csv.reader(io.StringIO(done.stdout, newline="")))
    assert rows == [["a", "b", "c", "d", "e f", "g"], ["1", "", "", 'x,"y\nz', "é", "True"]]


def test_sql_prints_a_table_and_nothing_of_a_long_value_is_cut(stack: Stack, command: Command) -> None:
    done = command(stack, "sql", "SELECT 1 AS a, REPEAT('x', 300) AS b UNION ALL SELECT 2, '[red]'")

    assert done.returncode == 0
    assert "x" * 300 in done.stdout
    assert "[red]" in done.stdout
    assert "2 rows" in done.stdout
    assert "\x1b" not in done.stdout


def test_sql_shows_redshifts_own_words_and_no_stack_trace(stack: Stack, command: Command) -> None:
    done = command(stack, "sql", "SELECT * FROM nowhere")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip() == 'Redshift says: relation "nowhere" does not exist'


def test_env_is_enough_for_a_client_of_ones_own(stack: Stack, command: Command) -> None:
    exports = command(stack, "env").stdout
    assert [line.split("=")[0] for line in exports.splitlines()] == [f"export {name}" for name in CLIENT_VARIABLES]
    client = """
import os, boto3, redshift_connector
print(sorted(bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]))
connection = redshift_connector.connect(
    host=os.environ["REDSHIFT_HOST"], port=int(os.environ["REDSHIFT_PORT"]), database=os.environ["REDSHIFT_DATABASE"],
    user=os.environ["REDSHIFT_USER"], password=os.environ["REDSHIFT_PASSWORD"], ssl=False)
cursor = connection.cursor()
cursor.execute("SELECT current_database()")
print(cursor.fetchone()[0])
"""
    script = f'{exports}\nexec "$0" -c "$1"'
    done = subprocess.run(
        ["sh", "-c", script, sys.executable, client], capture_output=True, text=True, env={"PATH": os.environ["PATH"]}
    )

    assert done.stdout.splitlines() == ["['kpi-artifacts', 'kpi-raw']", "dev"], done.stderr


def test_dbt_reaches_the_warehouse_and_its_exit_status_is_passed_on(stack: Stack, command: Command) -> None:
    debug = command(stack, "dbt", "debug")
    assert debug.returncode == 0, debug.stdout
    assert "All checks passed" in debug.stdout
    assert command(stack, "dbt", "no-such-command").returncode == 2


def test_run_puts_raw_files_in_and_tells_what_it_ignores(stack: Stack, tmp_path: Path, command: Command) -> None:
    for path in ("songs.csv", "streams7.csv", "streams/a/b.csv", "streams/a/b.txt", "notes.md", "x/streams1.csv"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("id\n")

    upload = stack.put_raw(tmp_path)

    assert upload.keys == ["songs.csv", "streams/a/b.csv", "streams7.csv"]
    assert upload.ignored == ["notes.md", "streams/a/b.txt", "x/streams1.csv"]
    (tmp_path / "empty").mkdir()
    for directory, sentence in ((tmp_path / "empty", "holds none of"), (tmp_path / "none", "is not a directory")):
        done = command(stack, "run", "--raw", str(directory))
        assert done.returncode == 1
        assert sentence in done.stderr
        assert "Traceback" not in done.stderr


def test_a_run_names_its_pages_and_a_reset_takes_the_old_ones_away(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run is played: what counts is that the files are those of this run, and none of an earlier one."""
    stack.up()
    old = stack.state / "pages" / "kpi_page.html"
    old.parent.mkdir(exist_ok=True)
    old.write_text("of an earlier run")
    stack.reset()
    assert not old.exists()

    def run(conf: object = None) -> RunResult:
        for key in ("kpis/index.html", "docs/index.html"):
            stack.s3_client.put_object(Bucket="kpi-artifacts", Key=key, Body=f"the new {key}".encode())
        return RunResult("success", "", 1.0, stack.state)

    monkeypatch.setattr(stack, "run", run)
    monkeypatch.setattr("local.__main__._stack", lambda: stack)
    assert main(["run"]) == 0
    printed = capsys.readouterr().out
    assert f"KPI page  {old.as_uri()}" in printed
    assert f"dbt docs  {old.with_name('dbt_docs.html').as_uri()}" in printed
    assert old.read_text() == "the new kpis/index.html"


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("run", "--conf", "{"), 1, "--conf is no JSON"),
        (("fly",), 2, "invalid choice: 'fly'"),
        (("sql",), 2, "the following arguments are required: SQL"),
    ],
)
def test_a_mistake_is_answered_in_a_sentence(
    stack: Stack, command: Command, arguments: tuple[str, ...], status: int, sentence: str
) -> None:
    done = command(stack, *arguments)

    assert done.returncode == status
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_killed_shell_pipeline_is_no_error(stack: Stack) -> None:
    line = f"'{sys.executable}' -m local sql 'SELECT 1' | true"
    done = subprocess.run(
        ["sh", "-c", line],
        cwd=REPO,
        env={**os.environ, "LOCAL_STATE": str(stack.state)},
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""


def test_make_takes_the_first_python_that_runs(tmp_path: Path) -> None:
    def program(name: str, script: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)

    program("python3.12", "echo 'pyenv: python3.12: command not found' >&2; exit 127")
    program("python3.11", "exit 0")

    def chosen(**environ: str) -> str:
        show = subprocess.run(
            ["make", "--no-print-directory", "-C", str(REPO), "--eval", "show: ; @echo $(PYTHON)", "show"],
            capture_output=True,
            text=True,
            env={"PATH": f"{tmp_path}:/usr/bin:/bin", **environ},
        )
        return show.stdout.strip()

    assert chosen() == "python3.11"
    assert chosen(PYTHON="/opt/python3.12") == "/opt/python3.12"


def test_make_without_a_python_says_what_is_needed(tmp_path: Path) -> None:
    for name in ("python3.12", "python3.11", "python3", "python"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 127\n")
        (tmp_path / name).chmod(0o755)
    package = "packages/redshift-emulator/pyproject.toml"
    (tmp_path / package).parent.mkdir(parents=True)
    for name in ("Makefile", "requirements.txt", "requirements-local.txt", "constraints.txt", package):
        (tmp_path / name).write_bytes((REPO / name).read_bytes())

    done = subprocess.run(
        ["make", "-C", str(tmp_path), "setup"],
        capture_output=True,
        text=True,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
    )

    assert done.returncode != 0
    assert "Python 3.12 or 3.11 is needed" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_make_help_names_every_target() -> None:
    text = (REPO / "Makefile").read_text()
    phony = next(line for line in text.splitlines() if line.startswith(".PHONY:")).split()[1:]

    shown = subprocess.run(["make", "-C", str(REPO)], capture_output=True, text=True).stdout

    assert [line.split()[1] for line in shown.splitlines() if line.startswith("  make")] == phony
    assert stat.S_IMODE((REPO / ".ci" / "run").stat().st_mode) & 0o111


def test_the_manifest_is_made_again_exactly_when_the_project_differs(stack: Stack, tmp_path: Path) -> None:
    import shutil

    from local import manifest
    from local.errors import LocalError

    project = tmp_path / "dbt_project"
    shutil.copytree(DBT_PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    env = stack.dbt_env()
    assert manifest.is_stale(project)
    assert manifest.refresh(env, project)
    assert not manifest.refresh(env, project)
    assert not manifest.is_stale(project)

    model = next((project / "models" / "staging").glob("*.sql"))
    model.write_text(model.read_text() + "-- a change\n")
    assert manifest.is_stale(project)
    (project / "models" / "one_more.sql").write_text("select 1 as one\n")
    assert manifest.refresh(env, project)
    nodes = json.loads((project / "target" / "manifest.json").read_text())["nodes"]
    assert "model.streaming_kpis.one_more" in nodes

    (project / "models" / "one_more.sql").write_text("select {{ nonsense\n")
    before = (project / "target" / "manifest.json").read_bytes()
    with pytest.raises(LocalError, match="dbt can't parse the project"):
        manifest.refresh(env, project)
    assert (project / "target" / "manifest.json").read_bytes() == before
    assert manifest.is_stale(project)
