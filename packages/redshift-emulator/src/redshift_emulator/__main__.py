"""Run the emulator in the foreground, until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path

from .emulator import RedshiftEmulator
from .knobs import Fault, Knobs
from .postgres.cluster import PostgresError


def fault(text: str) -> Fault:
    """Return a fault from N:REGEX.

    Raises:
        ArgumentTypeError: It is written differently.
    """
    try:
        return Fault.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def parser() -> argparse.ArgumentParser:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        prog="redshift-emulator",
        description="Run an emulator of Amazon Redshift in the foreground, until SIGTERM or SIGINT.",
        epilog="The administrator's name and password come from REDSHIFT_USER and REDSHIFT_PASSWORD, S3's keys "
        "from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
    )
    parser.add_argument("--data", type=Path, required=True, help="where the database is kept; made on the first start")
    parser.add_argument("--port", type=int, default=5439, help="on 127.0.0.1; 0 takes a free one (default: 5439)")
    parser.add_argument("--s3-endpoint", default="", help="the address of the S3 that COPY reads (default: AWS's own)")
    parser.add_argument("--ready-file", type=Path, help="written as JSON (port, pid, ca) when connections are accepted")
    tests = parser.add_argument_group("knobs for tests")
    tests.add_argument("--connect-latency", type=float, default=0, metavar="SECONDS", help="of each log-in")
    tests.add_argument("--statement-latency", type=float, default=0, metavar="SECONDS", help="of each statement")
    tests.add_argument("--commit-latency", type=float, default=0, metavar="SECONDS", help="of each COMMIT")
    tests.add_argument("--system-view-lag", type=float, default=0, metavar="SECONDS", help="of the SYS views")
    tests.add_argument("--split-bytes", type=int, default=0, metavar="BYTES", help="size from which COPY splits files")
    tests.add_argument(
        "--fail-at", type=fault, action="append", default=[], metavar="N:REGEX", help="the N-th match fails"
    )
    return parser


def main() -> int:
    """Run the emulator and return the exit status."""
    arguments = parser().parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s redshift: %(message)s")
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    try:
        knobs = Knobs(
            connect_seconds=arguments.connect_latency,
            statement_seconds=arguments.statement_latency,
            commit_seconds=arguments.commit_latency,
            system_view_lag_seconds=arguments.system_view_lag,
            split_bytes=arguments.split_bytes,
            faults=arguments.fail_at,
        )
        with RedshiftEmulator(arguments.data, arguments.port, arguments.s3_endpoint, knobs=knobs) as redshift:
            if arguments.ready_file:
                redshift.write_ready_file(arguments.ready_file)
            logging.info("listening on 127.0.0.1:%d", redshift.port)
            done.wait()
    except KeyError as absent:
        sys.exit(f"the environment has no {absent.args[0]}")
    except (PostgresError, OSError) as error:
        sys.exit(f"the emulator does not start: {error}")
    finally:
        if arguments.ready_file:
            arguments.ready_file.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
