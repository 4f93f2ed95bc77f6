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
    from workbench.lint import Lint

    known = changes.models()
    names = changes.named(arguments.models, known)
    if not arguments.models:
        names, others = changes.changed(known)
        if names and not others:
            _progress(f"changed: {', '.join(names)}")
        else:
            what = f"{others[0].name} concerns every model" if others else "git sees no change"
            _progress(f"{what}: checking everything")
            names = []
    lint = Lint([file for name in names or known for file in (known[name], known[name].with_suffix(".yml"))])
    target = warehouse.local if arguments.target == "local" else warehouse.team
    from workbench.check import check

    return 0 if check(target(_progress), names, lint) else 1


def _compare(arguments: argparse.Namespace) -> int:
    from workbench import changes, warehouse
    from workbench.compare import compare

    (model,) = changes.named([arguments.model], changes.models())
    target = warehouse.local if arguments.target == "local" else warehouse.team
    return 0 if compare(target(_progress), model, arguments.key or []) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
