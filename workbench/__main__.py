"""The command line: `python -m workbench COMMAND`. The Makefile's targets call it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from workbench.errors import WorkbenchError


def main(argv: Sequence[str]) -> int:
    """Run one command.

    Args:
        argv: The arguments after the program's name.

    Returns:
        The exit status: 0, 1 when the work failed, 2 when it was not understood.
    """
    from local.errors import LocalError

    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a terminal that is not UTF-8 gets "?" for a name, not a stack trace
    arguments = _parser().parse_args(argv)
    try:
        return arguments.command(arguments)
    except (WorkbenchError, LocalError) as error:
        print(error, file=sys.stderr)
    except BrokenPipeError:  # `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workbench", description="What an analyst calls.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: object, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        added.set_defaults(command=command)
        return added

    dev = add("dev", _dev, "make a local warehouse with weeks of sample data, built")
    dev.add_argument("--days", type=int, default=28, help="of sample data (default: %(default)s)")
    check = add("check", _check, "lint, build and test models and what depends on them")
    compare = add("compare", _compare, "show the rows of a model that differ from production's")
    for added in (check, compare):
        added.add_argument(
            "--target", choices=["local", "dev"], default="local", help="local, or dev: the team's warehouse"
        )
    check.add_argument("models", nargs="*", metavar="MODEL", help="without one, those that git sees as changed")
    compare.add_argument("model", metavar="MODEL")
    kpi = add("kpi", _kpi, "write the files of a new KPI, to be edited from there")
    kpi.add_argument("name", metavar="NAME")
    add("rules", _rules, "check that every model and column is described, tested and exposed, on the manifest alone")
    compare.add_argument("--key", nargs="+", metavar="COLUMN", help="for a model without a unique_key")
    return parser


def _progress(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)


def _dev(arguments: argparse.Namespace) -> int:
    from workbench.dev import dev

    dev(arguments.days, _progress)
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from workbench import changes, warehouse
    from workbench.explain import described_in
    from workbench.lint import Lint

    known = changes.models()
    names = changes.named(arguments.models, known) or None
    files = changes.changed()
    if names:
        linted = [file for name in names for file in (known[name], *described_in(name))]
    else:
        linted = [file for file in files if file.is_file() and file.is_relative_to(changes.PROJECT / "models")]
        linted = linted or sorted(changes.PROJECT.joinpath("models").rglob("*"))
    lint = Lint(list(dict.fromkeys(file for file in linted if file.suffix in (".sql", ".yml", ".yaml"))))
    target = warehouse.local if arguments.target == "local" else warehouse.team
    from workbench.check import Check

    return 0 if Check(target(_progress), names, files, lint).run() else 1


def _kpi(arguments: argparse.Namespace) -> int:
    from workbench.skeleton import make_kpi

    for line in make_kpi(arguments.name):
        print(line)
    print(f"\nEdit the two files (grain, columns, tests), then: make check MODEL={arguments.name}")
    return 0


def _rules(arguments: argparse.Namespace) -> int:
    import json

    from workbench.changes import PROJECT
    from workbench.rules import findings

    found = findings(json.loads((PROJECT / "target" / "manifest.json").read_text()))
    for finding in found:
        print(finding)
    return 1 if found else 0


def _compare(arguments: argparse.Namespace) -> int:
    from workbench import changes, warehouse
    from workbench.compare import compare

    (model,) = changes.named([arguments.model], changes.models())
    target = warehouse.local if arguments.target == "local" else warehouse.team
    return 0 if compare(target(_progress), model, arguments.key or []) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
