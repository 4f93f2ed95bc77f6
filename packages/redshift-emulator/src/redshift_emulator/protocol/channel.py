"""A socket that exchanges messages, and a relay that passes them on."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
from collections.abc import Callable, Iterable

from .messages import Backend, pack_fields

READ_SIZE = 1 << 18  # bytes
DATA_ROW, ERROR_RESPONSE = Backend.DATA_ROW[0], Backend.ERROR_RESPONSE[0]


class Channel:
    """A socket that speaks in messages."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.received = bytearray()

    def fill(self) -> None:
        """Receive what is there, waiting for at least one byte.

        Raises:
            ConnectionError: The other side is gone.
        """
        data = self.sock.recv(READ_SIZE)
        if not data:
            raise ConnectionError("the other side closed the connection")
        self.received += data

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        while len(self.received) < size:
            self.fill()
        data = bytes(self.received[:size])
        del self.received[:size]
        return data

    def message(self) -> tuple[bytes, bytes]:
        """Return the next message: its one-byte kind and its body."""
        head = self.take(5)
        return head[:1], self.take(struct.unpack("!i", head[1:])[0] - 4)

    def startup(self) -> bytes:
        """Return the body of a message of the start-up phase, which has no kind."""
        (size,) = struct.unpack("!i", self.take(4))
        if not 8 <= size <= 10_000:
            raise ConnectionError(f"{size} bytes of start-up message: no PostgreSQL client")
        return self.take(size - 4)

    def send(self, data: bytes | bytearray) -> None:
        """Send all of it."""
        self.sock.sendall(data)

    def exchange(self, outgoing: bytearray, watched: Iterable[socket.socket] = ()) -> list[socket.socket]:
        """Wait until something can be sent or has arrived, then send and receive.

        PostgreSQL stops reading while its answers wait, so sending a long batch without receiving would hang.

        Args:
            outgoing: What to send; what was sent is taken out of it.
            watched: Other sockets to wake up for.

        Returns:
            The sockets on which something has arrived; what arrived on this one is received.

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
        """Send all of it, also if an error arrives: half a message would swallow the next one.

        Returns:
            True if no error arrived.
        """
        outgoing = bytearray(data)
        while outgoing:
            self.exchange(outgoing)
        return not self.has_error()

    def has_error(self) -> bool:
        """Return whether an ErrorResponse is among the messages received."""
        at = 0
        while len(self.received) - at >= 5:
            if self.received[at] == ERROR_RESPONSE:
                return True
            at += 1 + struct.unpack_from("!i", self.received, at + 1)[0]
        return False

    def send_error(self, fields: dict[str, str]) -> None:
        """Send an ErrorResponse."""
        self.send(pack_fields(Backend.ERROR_RESPONSE, fields))

    def is_gone(self) -> bool:
        """Return whether the other side has closed. Call it when the socket is readable."""
        if isinstance(self.sock, ssl.SSLSocket):
            return False  # TLS cannot look ahead; the next write finds out
        return self.sock.recv(1, socket.MSG_PEEK) == b""

    def close(self) -> None:
        """Close the socket. A socket that is closed or broken already is no error."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


def wait_for(source: Channel, other: Channel, outgoing: bytearray) -> None:
    """Send `outgoing` to `source` and wait until `source` has something to say.

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
    source: Channel,
    other: Channel,
    outgoing: bytearray,
    handle: Callable[[bytes, bytes], tuple[bytes, bool]],
    rows: Callable[[bytes], bytes],
) -> bytearray:
    """Pass messages from `source` to `other` until `handle` says stop.

    Args:
        source: PostgreSQL.
        other: The client.
        outgoing: What to send to PostgreSQL first; emptied.
        handle: Called for each message that is not a row: returns what to send for it, and whether to stop there.
        rows: Called for the rows between two of these: returns what to send for them.

    Returns:
        The end of the answer. The caller sends it, and can add to it.

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
                answer += rows(bytes(received[rows_from:at]))
                replacement, stop = handle(bytes(received[at : at + 1]), bytes(received[at + 5 : end]))
                rows_from = end
                answer += replacement
                if stop:
                    del received[:end]
                    return answer
            at = end
        answer += rows(bytes(received[rows_from:at]))
        del received[:at]
        if len(answer) > READ_SIZE:
            other.send(answer)
            answer.clear()
        wait_for(source, other, outgoing)
