"""The command line: `python -m deploy COMMAND`. The Makefile's targets call it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.errors import DeployError

if TYPE_CHECKING:  # its import costs a second that --help need not pay
    from deploy.commands import Target

REPO = Path(__file__).resolve().parent.parent


def main(argv: Sequence[str]) -> int:
    """Run one command.

    Args:
        argv: The arguments after the program's name.

    Returns:
        The exit status: 0, 1 when something stopped it or is not healthy, 2 when it was not understood.
    """
    arguments = _parser().parse_args(argv)
    try:
        return arguments.command(arguments)
    except DeployError as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted; the next deployment goes on from here", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy", description="The way to production.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: object, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        added.set_defaults(command=command)
        return added

    for name, command, text in (
        ("deploy", _deploy, "bring an environment to a version"),
        ("plan", _plan, "tell what a deployment would change, and change nothing"),
    ):
        added = add(name, command, text)
        _target(added)
        added.add_argument("--version", default=None, metavar="REF", help="a tag, branch or commit; without it HEAD")
    erase = add("erase", _erase, "delete a person's rows, from landing to marts")
    _target(erase)
    erase.add_argument("--user-id", required=True, metavar="ID", help="the user_id, as the files have it")
    add("mwaa-check", _mwaa_check, "run the DAG as MWAA would, against the local stack")
    smoke = add("smoke", _smoke, "run each pass of the pipeline in scratch schemas of a real warehouse")
    smoke.add_argument("target", metavar="TARGET", help="a target of dbt_project/profiles.yml")
    smoke.add_argument(
        "--large-megabytes", type=float, metavar="N", help="size of the large file (140; for TARGET=local 2)"
    )
    slim = add("slim-ci", _slim_ci, "build the models that differ from a base version, with defer")
    slim.add_argument("base", metavar="REF", help="a branch, tag or commit")
    add("docs", _docs, "write the dbt docs as one page to .local/docs/index.html")
    return parser


def _target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("environment", metavar="ENV", help="a file of deploy/environments, without its ending")
    parser.add_argument("--environments", type=Path, default=REPO / "deploy" / "environments", help=argparse.SUPPRESS)
    parser.add_argument("--repository", type=Path, default=REPO, help=argparse.SUPPRESS)


def _open(arguments: argparse.Namespace) -> Target:
    from deploy import environment
    from deploy.commands import Target

    return Target(environment.load(arguments.environments, arguments.environment), _progress)


def _deploy(arguments: argparse.Namespace) -> int:
    from deploy import commands, health

    wheels = os.environ.get("WHEELS")
    target = _open(arguments)
    checks = commands.deploy(target, arguments.repository, arguments.version or None, Path(wheels) if wheels else None)
    return int(any(check.state == health.FAILED for check in checks))


def _plan(arguments: argparse.Namespace) -> int:
    from deploy import commands

    commands.plan(_open(arguments), arguments.repository, arguments.version or None)
    return 0


def _erase(arguments: argparse.Namespace) -> int:
    from deploy import commands, erase

    erased = erase.erase(commands.open_warehouse(_open(arguments)), arguments.user_id)
    for line in erased.lines():
        _progress(line)
    return 0


def _mwaa_check(arguments: argparse.Namespace) -> int:
    from deploy import mwaa_check

    return mwaa_check.check(_progress)


def _smoke(arguments: argparse.Namespace) -> int:
    from deploy import smoke

    return smoke.smoke(arguments.target, _progress, arguments.large_megabytes)


def _slim_ci(arguments: argparse.Namespace) -> int:
    from deploy import slim_ci

    return slim_ci.slim_ci(arguments.base, _progress)


def _docs(arguments: argparse.Namespace) -> int:
    from deploy import slim_ci

    return slim_ci.docs(_progress)


def _progress(line: str) -> None:
    print(f"  {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
