"""The command line: `python -m local COMMAND`. The Makefile's targets call it."""

import argparse
import importlib.util
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.stack import Stack

REPO = Path(__file__).resolve().parent.parent


def main(argv: Sequence[str]) -> int:
    """Run one command.

    Args:
        argv: The arguments after the program's name.

    Returns:
        The exit status: 0, 1 when the work failed, 2 when it was not understood.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a terminal that is not UTF-8 gets "?" for a name, not a stack trace
    # argparse would take dbt's own options for ours.
    to_dbt = argv[1:] if argv[:1] == ["dbt"] else []
    arguments = _parser().parse_args(argv[: len(argv) - len(to_dbt)])
    arguments.to_dbt = to_dbt
    from local.errors import LocalError

    try:
        return arguments.command(arguments)
    except LocalError as error:
        print(error, file=sys.stderr)
    except BrokenPipeError:  # `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    except OSError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="The whole system on one machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: object, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        added.set_defaults(command=command)
        return added

    up = add("up", _up, "start S3, Redshift and Airflow with its UI, and print the addresses")
    up.add_argument("--no-airflow", action="store_true", help="S3 and Redshift only")
    add("down", _down, "stop what was started, and nothing else")
    add("status", _status, "tell what runs, and where")
    run = add("run", _run, "run the DAG once")
    run.add_argument("--raw", type=Path, metavar="DIR", help="put DIR's raw files into the raw bucket first")
    run.add_argument("--conf", metavar="JSON", help='the run\'s params, as {"rebuild_from": "2024-06-25"}')
    sql = add("sql", _sql, "run one SQL statement through redshift_connector")
    sql.add_argument("statement", metavar="SQL")
    sql.add_argument("--csv", action="store_true", help="print CSV (RFC 4180), nulls empty")
    add("dbt", _dbt, "run dbt with the local target; all further arguments are dbt's own")
    add("env", _env, "print export lines for the endpoints and credentials")
    add("reset", _reset, "empty the buckets and the warehouse")
    add("demo", _demo, "put sample data in, run the DAG and show the KPIs; a further day each time")
    add("page", _page, "make the KPI page from what the warehouse holds, without a run")
    add("screenshots", _screenshots, "take the README's pictures of the running system anew")
    add("manifest", _manifest, "make the dbt manifest that Cosmos renders from, if the dbt project has changed")
    return parser


def _stack() -> "Stack":
    from local.stack import Stack

    return Stack(Path(os.environ.get("LOCAL_STATE") or REPO / ".local"), progress=_progress)


def _progress(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)


def _up(arguments: argparse.Namespace) -> int:
    stack = _stack()
    stack.up(airflow=not arguments.no_airflow)
    client = stack.client_env()
    if not arguments.no_airflow:
        print(f"Airflow   {stack.ui_address()}  (no log-in)")
        print("          open the DAG streaming_kpis and trigger it; the dbt docs are under Browse > dbt docs")
    print(f"S3        {client['AWS_ENDPOINT_URL']}")
    print(f"Redshift  {client['REDSHIFT_HOST']}:{client['REDSHIFT_PORT']}, database {client['REDSHIFT_DATABASE']}")
    print()
    print(".venv/bin/python -m local run --raw DIR    put files in and run the DAG")
    print('.venv/bin/python -m local sql "SELECT * FROM analytics.listening_kpis_daily"')
    print('eval "$(.venv/bin/python -m local env)"    for a client of your own')
    print("make down                                  stop it all")
    return 0


def _down(arguments: argparse.Namespace) -> int:
    stopped = _stack().down()
    print(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    for service in _stack().status():
        print(
            f"{service.name:<9} {'up' if service.running else 'down':<5} {service.address if service.running else ''}"
        )
    return 0


def _run(arguments: argparse.Namespace) -> int:
    import json

    from local.errors import LocalError

    try:
        conf = json.loads(arguments.conf) if arguments.conf is not None else None
    except ValueError as error:
        raise LocalError(f"--conf is no JSON: {error}") from None
    if conf is not None and not isinstance(conf, dict):
        raise LocalError(f'--conf is {arguments.conf}: give it a JSON object, as {{"rebuild_from": "2024-06-25"}}.')
    stack = _stack()
    stack.up()
    if arguments.raw:
        upload = stack.put_raw(arguments.raw)
        _progress(f"put {len(upload.keys)} files into the raw bucket")
        if upload.ignored:
            _progress(f"ignored, not raw files: {', '.join(upload.ignored)}")
    result = stack.run(conf)
    if result.state != "success":
        print(f"The run failed: {result.reason} (log: {result.log})", file=sys.stderr)
        return 1
    print(f"The run succeeded in {result.seconds} s.")
    from local.pages import save_pages

    for name, file in save_pages(stack).items():
        print(f"{name:<9} {file.as_uri()}")
    return 0


def _sql(arguments: argparse.Namespace) -> int:
    from local.query import print_query

    stack = _stack()
    stack.up()
    print_query(stack, arguments.statement, csv=arguments.csv)
    return 0


def _dbt(arguments: argparse.Namespace) -> int:
    stack = _stack()
    stack.up()
    command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", *arguments.to_dbt]
    return subprocess.call(command, env=stack.dbt_env())


def _env(arguments: argparse.Namespace) -> int:
    stack = _stack()
    stack.up()
    for name, value in stack.client_env().items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def _reset(arguments: argparse.Namespace) -> int:
    _stack().reset()
    print("The buckets and the warehouse are empty.")
    return 0


def _demo(arguments: argparse.Namespace) -> int:
    from local.demo import demo

    demo(_stack())
    return 0


def _page(arguments: argparse.Namespace) -> int:
    from local.pages import make_kpi_page

    stack = _stack()
    stack.up()
    print(make_kpi_page(stack).as_uri())
    return 0


def _screenshots(arguments: argparse.Namespace) -> int:
    from local.screenshots import take

    stack = _stack()
    stack.up(airflow=True)
    for file in take(stack):
        print(f"{file.relative_to(REPO)}  {file.stat().st_size // 1000} kB")
    return 0


def _manifest(arguments: argparse.Namespace) -> int:
    _stack().refresh_manifest()
    return 0


def _in_own_environment() -> None:
    """Go on in the checkout's .venv when this Python lacks the packages."""
    venv_python = REPO / ".venv" / "bin" / "python"
    if importlib.util.find_spec("redshift_connector"):
        return
    if not venv_python.exists():
        sys.exit("The packages are not installed: run `make setup` first.")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(REPO), os.environ.get("PYTHONPATH")]))
    os.execv(venv_python, [str(venv_python), "-m", "local", *sys.argv[1:]])


if __name__ == "__main__":
    _in_own_environment()
    sys.exit(main(sys.argv[1:]))
