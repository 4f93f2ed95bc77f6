"""`python -m local.redshift`: the stand-in in the foreground, until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path

from .postgres import PostgresError
from .server import LocalRedshift


def main() -> int:
    """Runs the stand-in; the administrator comes from REDSHIFT_USER and REDSHIFT_PASSWORD, S3's keys from AWS_*."""
    parser = argparse.ArgumentParser(prog="python -m local.redshift", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="where the database is kept; made on the first start")
    parser.add_argument("--port", type=int, default=5439, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--s3-endpoint", required=True, help="the local S3, for COPY")
    parser.add_argument("--ready-file", type=Path, help="written as JSON (port, pid, ca) when connections are accepted")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s redshift: %(message)s")
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    try:
        with LocalRedshift(arguments.data, arguments.port, arguments.s3_endpoint) as redshift:
            if arguments.ready_file:
                redshift.write_ready_file(arguments.ready_file)
            logging.info("listening on 127.0.0.1:%d", redshift.port)
            done.wait()
    except KeyError as absent:
        sys.exit(f"the environment has no {absent}")
    except (PostgresError, OSError) as error:
        sys.exit(f"the local Redshift does not start: {error}")
    finally:
        if arguments.ready_file:
            arguments.ready_file.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
