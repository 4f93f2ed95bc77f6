"""The emulator as a whole: PostgreSQL, the listener, and what they share."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

from .catalogue import setup_script
from .knobs import Knobs
from .load.files import Loader
from .names import quoted
from .postgres.cluster import Cluster
from .server import login
from .server.listener import Listener
from .server.users import Users

ABSENT_FUNCTIONS = (
    "select name from pg_redshift.functions except select proname from pg_proc"
    " where pronamespace = 'pg_catalog'::regnamespace"
)


class RedshiftEmulator:
    """A Redshift on this machine: `with RedshiftEmulator(data) as redshift: connect(port=redshift.port)`.

    Args:
        data: Where the database is kept; made on the first start.
        port: The port on 127.0.0.1; 0 takes a free one.
        s3_endpoint: The address of an S3, for COPY; the one that boto3 finds if empty.
        user: The administrator's name; that of the variable REDSHIFT_USER if empty.
        password: The administrator's password, held in memory and never written; REDSHIFT_PASSWORD if empty.
        knobs: What a test makes worse: latency, faults, system views that lag.

    Attributes:
        certificate: The file that a client has to trust for TLS (SSL_CERT_FILE).

    Raises:
        KeyError: There is neither a user or password nor its variable.
        PostgresError: PostgreSQL cannot be made or started.
        OSError: The port is taken.
    """

    def __init__(
        self,
        data: Path,
        port: int = 0,
        s3_endpoint: str = "",
        user: str = "",
        password: str = "",
        knobs: Knobs | None = None,
    ) -> None:
        self.knobs = knobs or Knobs()
        self.user = (user or os.environ["REDSHIFT_USER"]).lower()
        self.password = password or os.environ["REDSHIFT_PASSWORD"]
        self.host = "127.0.0.1"
        self.data = data
        data.mkdir(parents=True, exist_ok=True)
        listening = socket.create_server((self.host, port), backlog=128)
        self.port: int = listening.getsockname()[1]
        self.postgres = Cluster(data, setup_script())
        self.loader = Loader(s3_endpoint, data / "load_log", self.knobs)
        tls, self.certificate = login.tls_context(data / "tls")
        self.users = Users(self.postgres, self.user, self.password)
        self.listener = Listener(listening, tls, self.postgres, self.users, self.loader, self.knobs)

    def __enter__(self) -> RedshiftEmulator:
        self.postgres.start()
        self.users.make(self.user, "superuser")
        self.listener.absent_functions = {str(name) for (name,) in self.postgres.ask(ABSENT_FUNCTIONS)}
        self.listener.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.listener.stop()
        self.postgres.stop()

    def make_database(self, name: str) -> None:
        """Make an empty database, owned by the administrator.

        Raises:
            RedshiftError: There is one of that name.
        """
        self.postgres.ask(f"create database {quoted(name)} owner {quoted(self.user)}")

    def drop_database(self, name: str) -> None:
        """Drop a database, and end the sessions that are connected to it."""
        self.postgres.ask(f"drop database if exists {quoted(name)} with (force)")

    def write_ready_file(self, path: Path) -> None:
        """Write, in one step, that connections are accepted: {"port", "pid", "ca"} as JSON."""
        text = json.dumps({"port": self.port, "pid": os.getpid(), "ca": str(self.certificate)})
        half = path.with_suffix(f".{os.getpid()}")
        half.write_text(text)
        half.replace(path)
