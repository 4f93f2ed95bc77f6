"""The clients: redshift_connector, dbt-redshift and the amazon provider's hook."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from airflow.models import Connection
from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook

from emulator_client import PASSWORD, USER


def test_redshift_connector_reads_the_catalogue(run, tmp_path) -> None:
    schema = run.value("select current_schema()")
    run("create table t (id int, name varchar(20))")
    path = tmp_path / "rows.csv"
    path.write_text("id,name\n1,a\n2,b\n")
    run.cursor.insert_data_bulk(str(path), "t", [0, 1], ["id", "name"], ",", 2)
    assert run("select count(*) from t") == [(2,)]
    assert run(f"select table_name from svv_all_tables where schema_name = '{schema}'") == [("t",)]


def test_redshift_connector_many_statements(run) -> None:
    run("create table t (id int)")
    run.cursor.executemany("insert into t values (%s)", [(1,), (2,), (3,)])
    assert run("select sum(id) from t") == [(6,)]
    run.cursor.execute("select id from t order by id")
    assert [column[0] for column in run.cursor.description] == ["id"]
    assert [list(row) for row in run.cursor.fetchmany(2)] == [[1], [2]]


@pytest.fixture
def dbt(redshift, connect, tmp_path):
    project = tmp_path / "project"
    shutil.copytree(Path(__file__).parent / "dbt_project", project)
    admin = connect()
    admin("create user reader password 'Abcdef123'")

    def run_dbt(*arguments: str) -> str:
        done = subprocess.run(
            [str(Path(sys.executable).parent / "dbt"), *arguments, "--profiles-dir", "."],
            cwd=project,
            env=os.environ
            | {"REDSHIFT_PORT": str(redshift.port), "DBT_SEND_ANONYMOUS_USAGE_STATS": "0", "NO_COLOR": "1"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-4000:]
        return done.stdout

    yield run_dbt, project
    admin("drop schema if exists mini cascade")
    admin("drop user reader")


def test_dbt(dbt, connect) -> None:
    run_dbt, project = dbt
    assert "ERROR=0" in run_dbt("build")
    admin = connect()
    admin("insert into mini.people values (3, 'c', '2024-01-03')")
    run_dbt("build", "--exclude", "resource_type:seed")
    assert admin("select id, name, n, mean from mini.merged order by id")[-1] == (3, "c", 1, 3.0)
    assert admin("select count(*) from mini.by_append") == [(5,)]
    assert admin("select count(*) from mini.by_delete_insert") == [(3,)]
    assert admin("select count(*) from mini.runs") == [(2,)]
    run_dbt("build", "--full-refresh", "--select", "merged", "typed")
    assert admin("select has_table_privilege('reader', 'mini.copied', 'select')") == [(True,)]
    assert admin("select loud from mini.typed order by id limit 1") == [("A",)]
    assert "PASS freshness of mini.people" in run_dbt("source", "freshness")
    run_dbt("docs", "generate")
    nodes = json.loads((project / "target" / "catalog.json").read_text())["nodes"]
    merged = nodes["model.mini.merged"]
    assert {name: column["type"] for name, column in merged["columns"].items()} == {
        "id": "integer",
        "name": "character varying(20)",
        "at": "date",
        "n": "bigint",
        "mean": "double precision",
    }
    assert merged["metadata"]["comment"] == "merged"
    assert merged["columns"]["id"]["comment"] == "the key"
    assert merged["stats"]["sortkey1"]["value"] == "at"
    assert nodes["model.mini.copied"]["stats"]["diststyle"]["value"] == "KEY(id)"
    assert nodes["model.mini.typed"]["columns"]["loud"]["type"].startswith("character varying")


def test_the_hook_of_the_amazon_provider(redshift, run) -> None:
    extra = json.dumps({"ssl": False})
    connection = Connection(
        conn_id="local", conn_type="redshift", host="127.0.0.1", port=redshift.port, login=USER, password=PASSWORD,
        schema="dev", extra=extra,
    )  # fmt: skip
    hook = RedshiftSQLHook()
    hook.conn = connection
    hook.get_connection = lambda conn_id: connection
    schema = run.value("select current_schema()")
    hook.run(
        f"create table {schema}.t (a int, b varchar(10)); insert into {schema}.t values (1, 'x');",
        split_statements=True,
    )
    hook.insert_rows(f"{schema}.t", [(2, "y")], target_fields=["a", "b"])
    assert [tuple(row) for row in hook.get_records(f"select * from {schema}.t order by a")] == [(1, "x"), (2, "y")]
    assert tuple(hook.get_first(f"select nvl(max(a), 0) from {schema}.t where b = %s", parameters=("y",))) == (2,)
    with pytest.raises(Exception, match="require a frame clause"):
        hook.run(f"select sum(a) over (order by b) from {schema}.t")
