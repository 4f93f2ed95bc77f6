"""Values that Redshift sends and takes in another form than PostgreSQL: VARBYTE and the two types of intervals."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable

from .long_names import restored_rows
from .messages import (
    INTERVAL,
    INTERVAL_DAY_TO_SECOND,
    INTERVAL_YEAR_TO_MONTH,
    VARBYTE,
    Backend,
    Frontend,
    pack,
    redshift_type,
)

TEXT_FORMAT, BINARY_FORMAT = 0, 1
MONTH_US, DAY_US = 30 * 86_400_000_000, 86_400_000_000
# PostgreSQL's interval in binary: microseconds, days, months
POSTGRES_INTERVAL = "!qii"


def varbyte(value: bytes, is_binary: bool) -> bytes:
    """Return a VARBYTE: hexadecimal digits without PostgreSQL's prefix."""
    return value if is_binary else value.removeprefix(b"\\x")


def year_to_month(value: bytes, is_binary: bool) -> bytes:
    """Return an INTERVAL YEAR TO MONTH: in binary the number of its months."""
    return struct.pack("!i", struct.unpack(POSTGRES_INTERVAL, value)[2]) if is_binary else value


def day_to_second(value: bytes, is_binary: bool) -> bytes:
    """Return an INTERVAL DAY TO SECOND: in binary the number of its microseconds."""
    if not is_binary:
        return value
    microseconds, days, months = struct.unpack(POSTGRES_INTERVAL, value)
    return struct.pack("!q", microseconds + days * DAY_US + months * MONTH_US)


WRITTEN: dict[int, Callable[[bytes, bool], bytes]] = {
    VARBYTE: varbyte,
    INTERVAL_YEAR_TO_MONTH: year_to_month,
    INTERVAL_DAY_TO_SECOND: day_to_second,
}


def from_months(value: bytes) -> bytes:
    """Return PostgreSQL's interval of a number of months."""
    return struct.pack(POSTGRES_INTERVAL, 0, 0, *struct.unpack("!i", value))


def from_microseconds(value: bytes) -> bytes:
    """Return PostgreSQL's interval of a number of microseconds."""
    days, microseconds = divmod(struct.unpack("!q", value)[0], DAY_US)
    return struct.pack(POSTGRES_INTERVAL, microseconds, days, 0)


# The types of parameters that PostgreSQL does not have
READ = {INTERVAL_YEAR_TO_MONTH: from_months, INTERVAL_DAY_TO_SECOND: from_microseconds}


class Values:
    """Knows which parameters and columns of a session's statements are of these types.

    Attributes:
        parameters: The parameters of these types, by their place, of each prepared statement.
        columns: The columns of these types, by their place, of each statement (S) and portal (P) that was described.
        portals: The statement of each portal, and the formats of its columns.
        awaited: What PostgreSQL will describe or run next, in this order.
        given: The values of the last Bind message.
        latest: The columns of these types of the simple protocol's answer.
    """

    def __init__(self) -> None:
        self.parameters: dict[bytes, dict[int, int]] = {}
        self.columns: dict[bytes, dict[int, int]] = {}
        self.portals: dict[bytes, tuple[bytes, list[int]]] = {}
        self.awaited: deque[tuple[bytes, bytes]] = deque()
        self.given: list[bytes | None] = []
        self.latest: dict[int, int] = {}

    def parse(self, name: bytes, types: bytes) -> bytes:
        """Take the types of a statement's parameters, and return them as PostgreSQL knows them."""
        (count,) = struct.unpack_from("!h", types)
        numbers = struct.unpack_from(f"!{count}i", types, 2)
        self.parameters[name] = {place: oid for place, oid in enumerate(numbers) if oid in READ}
        return struct.pack(f"!h{count}i", count, *(INTERVAL if oid in READ else oid for oid in numbers))

    def bind(self, body: bytes) -> bytes:
        """Take a Bind message, and return it with the values that PostgreSQL knows."""
        portal, name, rest = body.split(b"\0", 2)
        given, at = shorts(rest, 0)
        (count,) = struct.unpack_from("!h", rest, at)
        at += 2
        values = bytearray()
        self.given = []
        kinds = self.parameters.get(name, {})
        for place in range(count):
            (size,) = struct.unpack_from("!i", rest, at)
            value = rest[at + 4 : at + 4 + max(size, 0)]
            at += 4 + len(value)
            self.given.append(value if size >= 0 else None)
            if place in kinds and value and format_of(given, place) == BINARY_FORMAT:
                value = READ[kinds[place]](value)
                size = len(value)
            values += struct.pack("!i", size) + value
        formats, _ = shorts(rest, at)
        self.portals[portal] = name, formats
        if not kinds:
            return body
        head = portal + b"\0" + name + b"\0" + struct.pack(f"!h{len(given)}h", len(given), *given)
        return head + struct.pack("!h", count) + values + rest[at:]

    def await_answer(self, kind: bytes, body: bytes) -> None:
        """Take a message that PostgreSQL gets: Describe and Execute are answered by columns and rows."""
        if kind == Frontend.DESCRIBE:
            self.awaited.append((kind, body[:-1]))
        elif kind == Frontend.EXECUTE:
            self.awaited.append((kind, body.split(b"\0", 1)[0]))

    def take(self, kind: bytes, body: bytes) -> None:
        """Take a message of PostgreSQL's answer."""
        if kind in (Backend.ROW_DESCRIPTION, Backend.NO_DATA):
            found = columns_of(body) if kind == Backend.ROW_DESCRIPTION else {}
            if self.awaited and self.awaited[0][0] == Frontend.DESCRIBE:
                self.columns[self.awaited.popleft()[1]] = found
            else:
                self.latest = found
        elif kind in ENDS_ROWS and self.awaited and self.awaited[0][0] == Frontend.EXECUTE:
            self.awaited.popleft()
        elif kind in (Backend.ERROR_RESPONSE, Backend.READY_FOR_QUERY):
            self.awaited.clear()

    def rows(self, messages: bytes) -> bytes:
        """Return DataRow messages as Redshift sends them."""
        messages = restored_rows(messages)
        columns, formats = self.latest, [TEXT_FORMAT]
        if self.awaited:
            portal = self.awaited[0][1]
            name, formats = self.portals.get(portal, (b"", []))
            columns = self.columns.get(b"P" + portal) or self.columns.get(b"S" + name, {})
        if not columns or not messages:
            return messages
        out, at = bytearray(), 0
        while at < len(messages):
            (size,) = struct.unpack_from("!i", messages, at + 1)
            out += written_row(messages[at + 5 : at + 1 + size], columns, formats)
            at += 1 + size
        return bytes(out)


ENDS_ROWS = (Backend.COMMAND_COMPLETE, Backend.EMPTY_QUERY_RESPONSE, Backend.PORTAL_SUSPENDED)


def shorts(body: bytes, at: int) -> tuple[list[int], int]:
    """Return a list of two-byte numbers behind their count, and where it ends."""
    (count,) = struct.unpack_from("!h", body, at)
    return list(struct.unpack_from(f"!{count}h", body, at + 2)), at + 2 + 2 * count


def format_of(formats: list[int], place: int) -> int:
    """Return the format of a value: none given is text, one is that of all."""
    return formats[place if len(formats) > 1 else 0] if formats else TEXT_FORMAT


def written_row(body: bytes, columns: dict[int, int], formats: list[int]) -> bytes:
    """Return a DataRow message with the values of some columns as Redshift sends them."""
    (count,) = struct.unpack_from("!h", body)
    out, at = bytearray(body[:2]), 2
    for place in range(count):
        (size,) = struct.unpack_from("!i", body, at)
        value = body[at + 4 : at + 4 + max(size, 0)]
        at += 4 + len(value)
        if size >= 0 and place in columns:
            value = WRITTEN[columns[place]](value, format_of(formats, place) == BINARY_FORMAT)
            size = len(value)
        out += struct.pack("!i", size) + value
    return pack(Backend.DATA_ROW, bytes(out))


def columns_of(body: bytes) -> dict[int, int]:
    """Return the columns of a RowDescription whose values differ, by their place."""
    found, at = {}, 2
    for place in range(struct.unpack_from("!h", body)[0]):
        at = body.index(b"\0", at) + 1
        oid, _, modifier = struct.unpack_from("!ihi", body, at + 6)
        kind = redshift_type(oid, modifier)
        if kind in WRITTEN:
            found[place] = kind
        at += 18
    return found
