"""A TCP proxy before Redshift that breaks what a test asks it to, at the statement that the test names."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

NODE = re.compile(r'"node_id": "([^"]+)"')
UNPARSABLE = b"this is no sql"


class At(Enum):
    """Where a connection breaks: before Redshift has the statement, while it works, after it is done and unheard."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"
    ERROR = "error"  # the statement fails with Redshift's own words


@dataclass(frozen=True)
class Statement:
    """A statement on its way.

    Attributes:
        sql: Its text.
        node: The dbt node that its connection works for, if any.
    """

    sql: str
    node: str = ""


@dataclass
class Fault:
    """What breaks, once unless said otherwise.

    Attributes:
        when: Which statement; it is asked for each one.
        at: Where.
        message: Redshift's words, for an error.
        instead: Called in place of cutting the connection: kills a process, say.
        times: How often.
    """

    when: Callable[[Statement], bool]
    at: At
    message: str = ""
    instead: Callable[[], None] | None = None
    times: int = 1
    injected: int = 0


def text(pattern: str, node: str = "") -> Callable[[Statement], bool]:
    """Statements whose text has the pattern, of a dbt node if one is named."""
    compiled = re.compile(pattern, re.IGNORECASE)
    return lambda statement: bool(compiled.search(statement.sql)) and node in statement.node


class RedshiftProxy:
    """`with RedshiftProxy(port) as proxy:` listens on `proxy.port` and passes on to Redshift's port."""

    def __init__(self, upstream_port: int) -> None:
        self.upstream_port = upstream_port
        self.faults: list[Fault] = []
        self.seen: list[Statement] = []
        self.rewrites: list[tuple[str, str]] = []
        self.refusing = 0  # connections to refuse from now on; negative: all
        self.hold_before_answering: Callable[[], None] | None = None  # a workgroup that wakes up
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> RedshiftProxy:
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def add(self, when: Callable[[Statement], bool], at: At, message: str = "", **options: object) -> Fault:
        fault = Fault(when, at, message, **options)  # type: ignore[arg-type]
        with self._lock:
            self.faults.append(fault)
        return fault

    def rewrite(self, words: str, others: str) -> None:
        """From now on, Redshift gets other words in place of these: what it answers is not what it should be."""
        with self._lock:
            self.rewrites.append((words, others))

    def rewritten(self, sql: str) -> str:
        with self._lock:
            for words, others in self.rewrites:
                sql = sql.replace(words, others)
        return sql

    def calm(self) -> None:
        """No more faults; what was seen is forgotten."""
        with self._lock:
            self.faults.clear()
            self.seen.clear()
            self.rewrites.clear()
        self.refusing, self.hold_before_answering = 0, None

    def fault_for(self, statement: Statement, at_parse: bool) -> Fault | None:
        with self._lock:
            if not at_parse:
                self.seen.append(statement)
            for fault in self.faults:
                if fault.injected < fault.times and (fault.at is At.ERROR) == at_parse and fault.when(statement):
                    fault.injected += 1
                    return fault
        return None

    def _listen(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.refusing:
                self.refusing -= 1
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()  # with a reset
                continue
            threading.Thread(target=_Link(self, client).run, daemon=True).start()


@dataclass
class _Link:
    """One client's connection."""

    proxy: RedshiftProxy
    client: socket.socket
    server: socket.socket = field(init=False)
    node: str = ""
    withheld: Fault | None = None  # answers stay here until Redshift is ready, then this breaks
    silent: bool = False  # nothing more is passed on to the client, so that an answer cannot outrun the cut
    replaced: Fault | None = None  # the next error gets this text

    def run(self) -> None:
        with contextlib.suppress(OSError, EOFError, struct.error):
            if self.proxy.hold_before_answering:
                self.proxy.hold_before_answering()
            self.server = socket.create_connection(("127.0.0.1", self.proxy.upstream_port))
            for end in (self.client, self.server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.server.sendall(_startup(self.client))
            threading.Thread(target=self._answers, daemon=True).start()
            self._requests()
        self._cut()

    def _cut(self) -> None:
        for end in (self.client, getattr(self, "server", None)):
            if end is not None:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                with contextlib.suppress(OSError):
                    end.close()

    def _requests(self) -> None:
        statements: dict[bytes, str] = {}
        portals: dict[bytes, str] = {}
        breaking: Fault | None = None
        while True:
            kind, body = _message(self.client)
            fault = None
            if kind == b"P":
                name, sql, rest = body.split(b"\0", 2)
                statements[name] = sql.decode()
                fault = self.proxy.fault_for(self._statement(statements[name]), at_parse=True)
                text_sent = self.proxy.rewritten(statements[name]).encode()
                if fault:
                    self.replaced, text_sent = fault, UNPARSABLE
                body = b"\0".join((name, text_sent, rest))
            elif kind == b"B":
                portal, name, _ = body.split(b"\0", 2)
                portals[portal] = statements.get(name, "")
            elif kind in (b"E", b"Q"):
                sql = portals.get(body.split(b"\0", 1)[0], "") if kind == b"E" else body[:-1].decode()
                fault = self.proxy.fault_for(self._statement(sql), at_parse=False)
                if fault and fault.at is At.BEFORE:
                    self._break(fault)
                    return
                if fault and fault.at is At.AFTER:
                    self.withheld = fault
                elif fault:
                    breaking, self.silent = fault, True
            self.server.sendall(kind + struct.pack("!i", len(body) + 4) + body)
            if breaking and kind in (b"S", b"Q"):
                self._break(breaking)
                return

    def _statement(self, sql: str) -> Statement:
        if found := NODE.search(sql):
            self.node = found[1]
        return Statement(sql, self.node)

    def _break(self, fault: Fault) -> None:
        if fault.instead:
            fault.instead()
        self._cut()

    def _answers(self) -> None:
        with contextlib.suppress(OSError, EOFError, struct.error):
            while True:
                kind, body = _message(self.server)
                if self.withheld:
                    # Parse and Bind were answered before; the end of the statement itself is what is waited for.
                    if kind == b"Z":
                        self._break(self.withheld)
                        return
                    continue
                if self.silent:
                    continue
                if kind == b"E" and self.replaced:
                    fields = {b"S": "ERROR", b"C": "XX000", b"M": self.replaced.message}
                    body = b"".join(code + value.encode() + b"\0" for code, value in fields.items()) + b"\0"
                    self.replaced = None
                self.client.sendall(kind + struct.pack("!i", len(body) + 4) + body)
        self._cut()


def _startup(sock: socket.socket) -> bytes:
    head = _read(sock, 4)
    return head + _read(sock, struct.unpack("!i", head)[0] - 4)


def _message(sock: socket.socket) -> tuple[bytes, bytes]:
    kind = _read(sock, 1)
    # The log-in's messages have the same form, but for the very first, which `_startup` has read.
    (length,) = struct.unpack("!i", _read(sock, 4))
    return kind, _read(sock, length - 4)


def _read(sock: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = sock.recv(min(count - len(parts), 1 << 16))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)
