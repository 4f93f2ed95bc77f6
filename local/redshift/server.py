"""The listener: start-up, TLS, log-in, cancel requests; a thread for each client."""

from __future__ import annotations

import contextlib
import hmac
import json
import logging
import os
import socket
import struct
import threading
from pathlib import Path

from . import login
from .errors import RedshiftError
from .load import Loader
from .postgres import OWNER, Postgres
from .session import Session
from .wire import Channel, pack

log = logging.getLogger(__name__)

PROTOCOL_3, CANCEL, TLS, GSS = 196608, 80877102, 80877103, 80877104
PASSED_ON = ("application_name", "client_encoding", "options")  # PostgreSQL refuses a parameter that it does not know


class LocalRedshift:
    """A local Redshift: `with LocalRedshift(data, s3_endpoint=...) as redshift: connect(port=redshift.port)`.

    Args:
        data: Where the database is kept; made on the first start.
        port: The port on 127.0.0.1; 0 takes a free one.
        s3_endpoint: The address of the local S3, for COPY.
        user: The administrator's name.
        password: The administrator's password; held in memory, never written.

    Raises:
        PostgresError: PostgreSQL cannot be made or started.
        OSError: The port is taken.
    """

    def __init__(self, data: Path, port: int = 0, s3_endpoint: str = "", user: str = "", password: str = "") -> None:
        self.user = (user or os.environ["REDSHIFT_USER"]).lower()
        self.password = password or os.environ["REDSHIFT_PASSWORD"]
        self.data = data
        data.mkdir(parents=True, exist_ok=True)
        self.listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self.port: int = self.listener.getsockname()[1]
        self.postgres = Postgres(data)
        self.loader = Loader(s3_endpoint, data / "load_log")
        self.tls, self.certificate = login.tls_context(data / "tls")
        self.clients: set[Channel] = set()

    def __enter__(self) -> LocalRedshift:
        self.postgres.start()
        self._make_user(self.user, "superuser")
        rows = self._ask(
            "select name from pg_redshift.functions except select proname from pg_proc"
            " where pronamespace = 'pg_catalog'::regnamespace"
        )
        self.loader.absent = {str(name) for (name,) in rows}
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.listener.close()
        for client in list(self.clients):
            client.close()
        self.postgres.stop()

    def write_ready_file(self, path: Path) -> None:
        """Says, in one step, that connections are accepted: {"port", "pid", "ca"} as JSON."""
        text = json.dumps({"port": self.port, "pid": os.getpid(), "ca": str(self.certificate)})
        half = path.with_suffix(f".{os.getpid()}")
        half.write_text(text)
        half.replace(path)

    def _make_user(self, name: str, rights: str = "") -> None:
        quoted = name.replace('"', '""')
        self._ask(
            f"""do $$ begin create role "{quoted}" login {rights}; exception when duplicate_object then null; end $$"""
        )

    def _ask(self, sql: str) -> list[list[str | None]]:
        with contextlib.closing(self.postgres.connect(OWNER)[0]) as channel:
            return Session(channel, channel, self.loader).query(sql)

    def _listen(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:  # closed: we are stopping
                return
            threading.Thread(target=self._serve, args=(Channel(sock),), daemon=True).start()

    def _serve(self, client: Channel) -> None:
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.clients.add(client)
        session = None
        try:
            if parameters := self._start_up(client):
                session = Session(client, self._log_in(client, parameters), self.loader)
                session.run()
        except RedshiftError as error:
            with contextlib.suppress(OSError):  # it may be gone as well
                client.send_error(error)
        except OSError as gone:
            log.debug("connection ended: %s", gone)
        finally:
            self.clients.discard(client)
            client.close()
            if session:
                session.postgres.close()

    def _start_up(self, client: Channel) -> dict[str, str]:
        """The client's parameters; none when it only wanted to cancel a query."""
        while True:
            body = client.startup()
            (code,) = struct.unpack_from("!i", body)
            if code == TLS:
                client.send(b"S")
                client.sock = self.tls.wrap_socket(client.sock, server_side=True)
            elif code == GSS:
                client.send(b"N")
            elif code == CANCEL:
                with self.postgres.open_socket() as sock:
                    sock.sendall(struct.pack("!i", len(body) + 4) + body)
                return {}
            elif code == PROTOCOL_3:
                words = body[4:].decode().split("\0")
                return dict(zip(words[::2], words[1::2], strict=False))
            else:
                raise RedshiftError(f"unsupported frontend protocol {code >> 16}.{code & 0xFFFF}", "0A000")

    def _log_in(self, client: Channel, parameters: dict[str, str]) -> Channel:
        """Checks the password and opens the client's PostgreSQL session.

        Raises:
            RedshiftError: Wrong password, unknown database.
        """
        client.send(pack(b"R", struct.pack("!i", 3)))  # in clear: it stays on this machine
        kind, body = client.message()
        if kind != b"p":
            raise RedshiftError("expected a password", "08P01")
        requested = parameters.get("user", "")
        name = login.user_name(requested).lower()
        if not self._is_password(requested, name, body[:-1].decode()):
            raise RedshiftError(f'password authentication failed for user "{name}"', "28000")
        if requested.startswith("IAMA:"):
            self._make_user(name)
        passed = {key: parameters[key] for key in PASSED_ON if parameters.get(key)}
        postgres, greeting = self.postgres.connect(name, parameters.get("database") or name, **passed)
        client.send(greeting)
        return postgres

    def _is_password(self, requested: str, name: str, password: str) -> bool:
        if requested != login.user_name(requested):
            return login.is_temporary_password(self.password, requested, password)
        if name == self.user:
            return hmac.compare_digest(password.encode(), self.password.encode())
        quoted = name.replace("\\", "\\\\").replace("'", "''")
        rows = self._ask(f"select rolpassword from pg_catalog.pg_authid where rolcanlogin and rolname = '{quoted}'")
        return bool(rows and rows[0][0]) and login.is_scram_password(str(rows[0][0]), password)
