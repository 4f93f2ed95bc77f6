"""Run a suite that other people have written against the emulator, count, and write the counts into the README."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import redshift_connector
from moto.server import ThreadedMotoServer

from redshift_emulator import RedshiftEmulator, iam
from redshift_emulator.postgres.cluster import BINARIES

from .suites import Outcome, Suite, judge, read

USER, PASSWORD, DATABASE, CLUSTER = "awsuser", "Conformance-1", "dev", "conformance"
README = Path(__file__).parent.parent / "README.md"
START, END = "<!-- conformance: made by make conformance -->\n", "<!-- end of conformance -->"
HEAD = (
    "| suite | passed | gaps | out of scope | ran nothing | skipped by the suite | of | on |\n"
    "|---|---|---|---|---|---|---|---|\n"
)


def parser() -> argparse.ArgumentParser:
    """Return the options of the command line."""
    options = argparse.ArgumentParser(prog="conformance", description=__doc__)
    options.add_argument("suite", choices=sorted(read()), help="as conformance.toml names it")
    options.add_argument("checkout", type=Path, help="the path of a checkout of its repository, at its commit")
    options.add_argument("--python", default=sys.executable, help="the interpreter that has what the suite needs")
    options.add_argument("--only", default="", help="run the tests that pytest's -k selects; the README stays as it is")
    options.add_argument("--log", type=Path, help="keep what became of each test in this file, a JSON object per line")
    return options


@contextmanager
def services(port: int) -> Iterator[dict[str, str]]:
    """Run the emulator, S3 and IAM, and yield what fills in a suite's configuration."""
    root = Path(tempfile.mkdtemp(prefix="conformance-"))
    root.chmod(0o755)  # PostgreSQL, which does not run as root, has to reach it
    os.environ |= {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": "us-east-1"}
    os.environ |= {"REDSHIFT_USER": USER, "REDSHIFT_PASSWORD": PASSWORD}
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line for each request
    iam.install()
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    endpoint = "http://{}:{}".format(*moto.get_host_and_port())
    client = boto3.client("redshift", endpoint_url=endpoint, region_name="us-east-1")
    client.create_cluster(
        ClusterIdentifier=CLUSTER, NodeType="ra3.large", MasterUsername=USER, MasterUserPassword=PASSWORD
    )
    try:
        with RedshiftEmulator(root / "warehouse", port, s3_endpoint=endpoint) as redshift:
            yield {
                "host": "localhost",
                "port": str(redshift.port),
                "user": USER,
                "password": PASSWORD,
                "database": DATABASE,
                "cluster": CLUSTER,
                "certificate": str(redshift.certificate),
                "endpoint": endpoint,
            }
    finally:
        moto.stop()
        shutil.rmtree(root, ignore_errors=True)


def prepare(suite: Suite, values: dict[str, str]) -> None:
    """Make the databases and users that a suite expects."""
    connection = redshift_connector.connect(
        host=values["host"], port=int(values["port"]), user=USER, password=PASSWORD, database=DATABASE, ssl=False
    )
    connection.autocommit = True
    with connection.cursor() as cursor:
        for statement in [*(f"create database {name}" for name in suite.databases), *suite.setup]:
            cursor.execute(statement)
    connection.close()


def run(suite: Suite, checkout: Path, python: str, only: str) -> list[str]:
    """Run a suite and return the lines of its log.

    Raises:
        SystemExit: The checkout or the interpreter lacks something.
    """
    directory = checkout / suite.directory
    for path in suite.tests:
        if not (directory / path).exists():
            sys.exit(f"{directory} has no {path}: CHECKOUT has to be a checkout of {suite.repository}")
    absent = [it for it in suite.requires if subprocess.run([python, "-c", f"import {it}"], stderr=-3).returncode]
    if absent:
        sys.exit(f"{python} lacks {', '.join(absent)}: name an interpreter that has them, with SUITE_PYTHON=path")
    with services(suite.port) as values, tempfile.TemporaryDirectory() as scratch:
        prepare(suite, values)
        for path, text in suite.files.items():
            (directory / path).write_text(text.format(**values))
        log = Path(scratch) / "log"
        log.touch()
        environment = os.environ | {name: text.format(**values) for name, text in suite.environment.items()}
        environment |= {
            "CONFORMANCE_LOG": str(log),
            "CONFORMANCE_SECONDS": str(suite.seconds),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PATH": f"{BINARIES}:{os.environ['PATH']}",  # psql
            "PYTHONPATH": f"{directory}:{Path(__file__).parent}",
            "SSL_CERT_FILE": values["certificate"],
        }
        options = ["-p", "plugin", "-p", "no:cacheprovider", "-o", "addopts=", "-q", "--tb=no", "--disable-warnings"]
        options.append("--continue-on-collection-errors")
        options += [word for name in suite.plugins for word in ("-p", name)]
        selected = ["-k", only] if only else []
        command = [python, "-m", "pytest", *options, *selected, *suite.tests]
        status = subprocess.run(command, cwd=directory, env=environment, check=False).returncode
        if status not in (0, 1):  # all passed, some failed
            sys.exit(f"pytest ends with status {status}: see what it says above")
        return log.read_text().splitlines()


def reasons(counts: Counter[str]) -> str:
    """Return reasons with their counts, the most frequent first."""
    return "; ".join(f"{reason} {count}" for reason, count in counts.most_common())


def row(suite: Suite, outcome: Outcome) -> str:
    """Return the suite's row of the table."""
    gaps = outcome.gaps + Counter({"not yet named": len(outcome.unnamed)} if outcome.unnamed else {})
    cells = (
        f"{suite.name}",
        outcome.passed,
        f"{gaps.total()}: {reasons(gaps)}" if gaps else 0,
        f"{outcome.out_of_scope.total()}: {reasons(outcome.out_of_scope)}" if outcome.out_of_scope else 0,
        len(outcome.vacuous),
        outcome.skipped,
        f"`{suite.repository}` {suite.commit[:10]}",
        time.strftime("%Y-%m-%d"),
    )
    return f"| {' | '.join(map(str, cells))} |\n"


def with_row(text: str, name: str, line: str) -> str:
    """Return the README with a suite's row in the place of the one that it had."""
    before, rest = text.split(START)
    table, after = rest.split(END)
    rows = [it for it in table.splitlines(keepends=True)[2:] if not it.startswith(f"| {name} |")]
    return before + START + HEAD + "".join(sorted([*rows, line])) + END + after


def summary(outcome: Outcome) -> str:
    """Return the outcome for the terminal, the unnamed failures with their errors."""
    lines = [
        f"passed {outcome.passed}, gaps {outcome.gaps.total() + len(outcome.unnamed)}, "
        f"out of scope {outcome.out_of_scope.total()}, ran nothing {len(outcome.vacuous)}, "
        f"skipped by the suite {outcome.skipped}"
    ]
    lines += [f"  gap: {reason}: {count}" for reason, count in outcome.gaps.most_common()]
    lines += [f"  out of scope: {reason}: {count}" for reason, count in outcome.out_of_scope.most_common()]
    lines += [f"  ran nothing: {test}" for test in outcome.vacuous]
    lines += [f"  no test fails any more for: {reason}" for reason in outcome.stale]
    for test, message in outcome.unnamed.items():
        lines.append(f"  not named in conformance.toml: {test}: {' '.join(message.split())[:300]}")
    return "\n".join(lines)


def main() -> int:
    """Run a suite; the status is 1 if a test fails that conformance.toml does not name, or if a reason is stale."""
    arguments = parser().parse_args()
    suite = read()[arguments.suite]
    lines = run(suite, arguments.checkout.resolve(), arguments.python, arguments.only)
    if arguments.log:
        arguments.log.write_text("".join(f"{line}\n" for line in lines))
    outcome = judge(suite, lines)
    print(summary(outcome))
    if arguments.only:
        return bool(outcome.unnamed)
    README.write_text(with_row(README.read_text(), suite.name, row(suite, outcome)))
    return bool(outcome.unnamed or outcome.stale)


if __name__ == "__main__":
    sys.exit(main())
