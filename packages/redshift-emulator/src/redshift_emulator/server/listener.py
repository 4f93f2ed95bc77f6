"""The listener: start-up, TLS, log-in, cancel requests, and a thread for each client."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import struct
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass, field

from ..errors import RedshiftError
from ..knobs import Knobs
from ..load.files import Loader
from ..names import fold
from ..postgres.cluster import Cluster
from ..postgres.connection import Connection
from ..protocol.channel import Channel
from ..protocol.messages import (
    CANCEL_REQUEST,
    CLEAR_TEXT_PASSWORD,
    EXTENDED_RESULT_METADATA,
    GSS_REQUEST,
    PROTOCOL_3,
    REFUSED,
    SSL_ACCEPTED,
    SSL_REQUEST,
    Backend,
    Frontend,
    pack,
    parameter_status,
)
from . import login
from .session import Session
from .users import Users

log = logging.getLogger(__name__)

PASSED_ON = ("application_name", "client_encoding", "options")  # PostgreSQL refuses a parameter that it does not know
SHOW_DISCOVERY = "4"  # the version of SHOW from which redshift_connector binds the names as parameters


def protocol_version(parameters: dict[str, str]) -> int | None:
    """Return the version of Redshift's protocol for a client, none for one that asks for none (PostgreSQL's drivers).

    Version 2 sends NUMERIC in binary, and describes the scale of each column before the query runs; PostgreSQL knows
    the scale of a computed column only from its values. So no client gets more than version 1.
    """
    asked = parameters.get("client_protocol_version", "")
    return min(int(asked), EXTENDED_RESULT_METADATA) if asked.isdecimal() else None


@dataclass
class Listener:
    """Accepts clients on a port and serves each in a thread.

    Attributes:
        socket: Bound to the port.
        tls: The certificate for clients that want TLS.
        cluster: Where the sessions of the clients are opened.
        users: Who may log in.
        loader: Reads the objects that COPY loads.
        knobs: What a test makes worse.
        absent_functions: The functions that Redshift has and the emulator lacks.
    """

    socket: socket.socket
    tls: ssl.SSLContext
    cluster: Cluster
    users: Users
    loader: Loader
    knobs: Knobs
    absent_functions: Collection[str] = ()
    clients: set[Channel] = field(default_factory=set)

    def start(self) -> None:
        """Accept clients from now on."""
        threading.Thread(target=self._listen, daemon=True).start()

    def stop(self) -> None:
        """Accept no more clients, and end the sessions of those that are there."""
        self.socket.close()
        for client in list(self.clients):
            client.close()

    def _listen(self) -> None:
        while True:
            try:
                sock, _ = self.socket.accept()
            except OSError:  # closed by `stop`
                return
            threading.Thread(target=self._serve, args=(Channel(sock),), daemon=True).start()

    def _serve(self, client: Channel) -> None:
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.clients.add(client)
        postgres = None
        try:
            if parameters := self._start_up(client):
                protocol = protocol_version(parameters)
                postgres = self._log_in(client, parameters, protocol)
                Session(client, postgres, self.loader, self.absent_functions, self.knobs, protocol).run()
        except RedshiftError as error:
            with contextlib.suppress(OSError):  # the client may be gone as well
                client.send_error(error.fields())
        except OSError as gone:
            log.debug("connection ended: %s", gone)
        finally:
            self.clients.discard(client)
            client.close()
            if postgres:
                postgres.close()

    def _start_up(self, client: Channel) -> dict[str, str]:
        """Return the client's parameters; an empty dict when it only wanted to cancel a query."""
        while True:
            body = client.startup()
            (code,) = struct.unpack_from("!i", body)
            if code == SSL_REQUEST:
                client.send(SSL_ACCEPTED)
                client.sock = self.tls.wrap_socket(client.sock, server_side=True)
            elif code == GSS_REQUEST:
                client.send(REFUSED)
            elif code == CANCEL_REQUEST:
                with self.cluster.open_socket() as sock:
                    sock.sendall(struct.pack("!i", len(body) + 4) + body)
                return {}
            elif code == PROTOCOL_3:
                words = body[4:].decode().split("\0")
                return dict(zip(words[::2], words[1::2], strict=False))
            else:
                raise RedshiftError(f"unsupported frontend protocol {code >> 16}.{code & 0xFFFF}", "0A000")

    def _log_in(self, client: Channel, parameters: dict[str, str], protocol: int | None) -> Connection:
        """Check the password and open the client's PostgreSQL session.

        Raises:
            RedshiftError: Wrong password, unknown database.
        """
        client.send(pack(Backend.AUTHENTICATION, struct.pack("!i", CLEAR_TEXT_PASSWORD)))  # it stays on this machine
        kind, body = client.message()
        if kind != Frontend.PASSWORD:
            raise RedshiftError("expected a password", "08P01")
        requested = parameters.get("user", "")
        name = self.users.find(login.user_name(requested))
        if not self.users.is_password(requested, name, body[:-1].decode()):
            raise RedshiftError(f'password authentication failed for user "{name}"', "28000")
        if requested.startswith("IAMA:"):
            self.users.make(name)
        time.sleep(self.knobs.connect_seconds)
        passed = {key: parameters[key] for key in PASSED_ON if parameters.get(key)}
        channel, greeting = self.cluster.connect(name, fold(parameters.get("database") or name), **passed)
        if protocol is not None:
            client.send(parameter_status("server_protocol_version", str(protocol)))
            client.send(parameter_status("show_discovery", SHOW_DISCOVERY))
            client.send(parameter_status("datashare_enabled", "on"))  # SHOW can name another database
        client.send(greeting)
        return Connection(channel, lambda database: self.cluster.connect(name, database)[0])
