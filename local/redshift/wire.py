"""Messages of the PostgreSQL protocol, version 3: framing, and a channel that sends and receives them.

Source: PostgreSQL documentation, 'Frontend/Backend Protocol'. Redshift speaks the same protocol.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
from collections.abc import Callable, Iterable

from .errors import RedshiftError

SERVER_VERSION = b"8.0.2"  # what Redshift reports; drivers decide by it
READ_SIZE = 1 << 18  # bytes
DATA_ROW, ERROR_RESPONSE = ord("D"), ord("E")
# TEXT is VARCHAR in Redshift; of INTERVAL its drivers expect other bytes, so it goes as a type that is sent as text
OTHER_TYPES = {25: 1043, 1186: 2275}
SYNC = b"S\0\0\0\4"
FLUSH = b"H\0\0\0\4"
COPY_DONE = b"c\0\0\0\4"


def pack(kind: bytes, body: bytes = b"") -> bytes:
    """One message on the wire."""
    return kind + struct.pack("!i", len(body) + 4) + body


def pack_fields(kind: bytes, fields: dict[str, str]) -> bytes:
    """An ErrorResponse ('E') or NoticeResponse ('N')."""
    return pack(kind, b"".join(name.encode() + text.encode() + b"\0" for name, text in fields.items()) + b"\0")


def unpack_fields(body: bytes) -> dict[str, str]:
    """The fields of an ErrorResponse or NoticeResponse, by their one-letter names."""
    return {part[:1].decode(): part[1:].decode("utf-8", "replace") for part in body.split(b"\0") if part}


def unpack_row(body: bytes) -> list[str | None]:
    """The values of a DataRow in text format."""
    values: list[str | None] = []
    at = 2
    for _ in range(struct.unpack_from("!h", body)[0]):
        (size,) = struct.unpack_from("!i", body, at)
        at += 4
        values.append(None if size < 0 else body[at : at + size].decode())
        at += max(size, 0)
    return values


def as_redshift(kind: bytes, body: bytes) -> bytes:
    """The body of a message as Redshift would send it: its version, and its types of columns."""
    if kind == b"S" and body.startswith(b"server_version\0"):
        return b"server_version\0" + SERVER_VERSION + b"\0"
    return with_other_types(body) if kind == b"T" else body


def with_other_types(body: bytes) -> bytes:
    """A RowDescription with the types that Redshift's drivers know."""
    out = bytearray(body)
    at = 2
    for _ in range(struct.unpack_from("!h", body)[0]):
        at = body.index(b"\0", at) + 1
        (oid,) = struct.unpack_from("!i", body, at + 6)
        struct.pack_into("!i", out, at + 6, OTHER_TYPES.get(oid, oid))
        at += 18
    return bytes(out)


class Channel:
    """A socket that speaks in messages."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.received = bytearray()

    def fill(self) -> None:
        """Reads what is there, waiting for at least one byte.

        Raises:
            ConnectionError: The other side is gone.
        """
        data = self.sock.recv(READ_SIZE)
        if not data:
            raise ConnectionError("the other side closed the connection")
        self.received += data

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        while len(self.received) < size:
            self.fill()
        data = bytes(self.received[:size])
        del self.received[:size]
        return data

    def message(self) -> tuple[bytes, bytes]:
        """The next message: its one-byte kind and its body."""
        head = self.take(5)
        return head[:1], self.take(struct.unpack("!i", head[1:])[0] - 4)

    def startup(self) -> bytes:
        """A message of the start-up phase, which has no kind; its body."""
        (size,) = struct.unpack("!i", self.take(4))
        if not 8 <= size <= 10_000:
            raise ConnectionError(f"{size} bytes of start-up message: no PostgreSQL client")
        return self.take(size - 4)

    def send(self, data: bytes | bytearray) -> None:
        """Sends all of it."""
        self.sock.sendall(data)

    def exchange(self, outgoing: bytearray, watched: Iterable[socket.socket] = ()) -> list[socket.socket]:
        """Waits until something can be sent or has come, and does both.

        PostgreSQL stops reading while its answers wait, so a long batch that is only sent would hang.

        Args:
            outgoing: What to send; what was sent is taken out of it.
            watched: Other sockets to wake up for.

        Returns:
            The sockets on which something has come; what came on this one is received.

        Raises:
            ConnectionError: The other side is gone.
        """
        readable, writable, _ = select.select([self.sock, *watched], [self.sock] if outgoing else [], [])
        if writable:
            with contextlib.suppress(BlockingIOError):
                del outgoing[: self.sock.send(outgoing, socket.MSG_DONTWAIT)]
        if self.sock in readable:
            self.fill()
        return readable

    def send_until_error(self, data: bytes) -> bool:
        """Sends all of it, also if an error comes: half a message would swallow the next one.

        Returns:
            Whether to go on: no error has come.
        """
        outgoing = bytearray(data)
        while outgoing:
            self.exchange(outgoing)
        return not self.has_error()

    def has_error(self) -> bool:
        """Whether an ErrorResponse is among the messages that wait."""
        at = 0
        while len(self.received) - at >= 5:
            if self.received[at] == ERROR_RESPONSE:
                return True
            at += 1 + struct.unpack_from("!i", self.received, at + 1)[0]
        return False

    def send_error(self, error: RedshiftError) -> None:
        """Sends an ErrorResponse."""
        self.send(pack_fields(b"E", error.fields()))

    def is_gone(self) -> bool:
        """Whether the other side has closed; to be asked when the socket is readable."""
        if isinstance(self.sock, ssl.SSLSocket):
            return False  # TLS cannot look ahead; the next write finds out
        return self.sock.recv(1, socket.MSG_PEEK) == b""

    def close(self) -> None:
        """Closes the socket; one that is closed or broken already is no error."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


def wait_for(source: Channel, other: Channel, outgoing: bytearray) -> None:
    """Sends `outgoing` to `source` and waits until `source` has something to say.

    Raises:
        ConnectionError: Either side is gone.
    """
    watched = [other.sock]
    while source.sock not in (readable := source.exchange(outgoing, watched)):
        if other.sock in readable:
            if other.is_gone():
                raise ConnectionError("the client is gone")
            watched = []  # the client sends ahead: that waits its turn


def relay(
    source: Channel, other: Channel, outgoing: bytearray, handle: Callable[[bytes, bytes], tuple[bytes, bool]]
) -> bytearray:
    """Passes messages from `source` to `other` until `handle` says stop.

    Args:
        source: PostgreSQL.
        other: The client.
        outgoing: What to send to PostgreSQL first; emptied.
        handle: Called for each message that is not a row: returns what to send for it, and whether to stop there.

    Returns:
        The end of the answer, which the caller sends: it can have something to add to it.

    Raises:
        ConnectionError: Either side is gone.
    """
    answer = bytearray()
    received = source.received
    while True:
        at = rows_from = 0
        while len(received) - at >= 5:
            end = at + 1 + struct.unpack_from("!i", received, at + 1)[0]
            if len(received) < end:
                break
            if received[at] != DATA_ROW:
                answer += received[rows_from:at]
                replacement, stop = handle(bytes(received[at : at + 1]), bytes(received[at + 5 : end]))
                rows_from = end
                answer += replacement
                if stop:
                    del received[:end]
                    return answer
            at = end
        answer += received[rows_from:at]
        del received[:at]
        if len(answer) > READ_SIZE:
            other.send(answer)
            answer.clear()
        wait_for(source, other, outgoing)
