"""Messages of the PostgreSQL protocol, version 3, which Redshift speaks too.

Source: PostgreSQL documentation, 'Message Formats'.
"""

from __future__ import annotations

import struct

PROTOCOL_3, CANCEL_REQUEST, SSL_REQUEST, GSS_REQUEST = 196608, 80877102, 80877103, 80877104
SSL_ACCEPTED, REFUSED = b"S", b"N"  # one byte, the answer to SSL_REQUEST and GSS_REQUEST
CLEAR_TEXT_PASSWORD = 3  # the kind of log-in that AuthenticationCleartextPassword asks for
IDLE, IN_TRANSACTION, FAILED = b"I", b"T", b"E"  # the state of the transaction, in ReadyForQuery
SERVER_VERSION = b"8.0.2"  # what Redshift reports; drivers decide by it
VARCHAR, UNKNOWN, TEXT, INTERVAL, CSTRING = 1043, 705, 25, 1186, 2275  # numbers of types
EXTENDED_RESULT_METADATA = 1  # the version of Redshift's protocol that adds metadata to RowDescription
# The schema, table, column and database of a result's column, not known here, and that it can be null and searched for
EXTENDED_FIELD = b"\0\0\0\0" + struct.pack("!H", 0x1001)
BYTEA, VARBYTE, INTERVAL_YEAR_TO_MONTH, INTERVAL_DAY_TO_SECOND = 17, 6551, 1188, 1190
YEAR_TO_MONTH_FIELDS = 0b110  # of the modifier of an interval's type
# TEXT is VARCHAR in Redshift. An interval of no kind is described as a type that is sent as text
OTHER_TYPES = {TEXT: VARCHAR, INTERVAL: CSTRING, BYTEA: VARBYTE}


class Frontend:
    """The kinds of message that a client sends."""

    BIND = b"B"
    CLOSE = b"C"
    COPY_DATA = b"d"
    COPY_DONE = b"c"
    COPY_FAIL = b"f"
    DESCRIBE = b"D"
    EXECUTE = b"E"
    FLUSH = b"H"
    PARSE = b"P"
    PASSWORD = b"p"
    QUERY = b"Q"
    SYNC = b"S"
    TERMINATE = b"X"


class Backend:
    """The kinds of message that a server sends."""

    AUTHENTICATION = b"R"
    BIND_COMPLETE = b"2"
    CLOSE_COMPLETE = b"3"
    COMMAND_COMPLETE = b"C"
    COPY_IN_RESPONSE = b"G"
    DATA_ROW = b"D"
    EMPTY_QUERY_RESPONSE = b"I"
    ERROR_RESPONSE = b"E"
    NO_DATA = b"n"
    NOTICE_RESPONSE = b"N"
    PARAMETER_STATUS = b"S"
    PARSE_COMPLETE = b"1"
    PORTAL_SUSPENDED = b"s"
    READY_FOR_QUERY = b"Z"
    ROW_DESCRIPTION = b"T"


def pack(kind: bytes, body: bytes = b"") -> bytes:
    """Return one message as it is sent."""
    return kind + struct.pack("!i", len(body) + 4) + body


def pack_fields(kind: bytes, fields: dict[str, str]) -> bytes:
    """Return an ErrorResponse or a NoticeResponse."""
    return pack(kind, b"".join(name.encode() + text.encode() + b"\0" for name, text in fields.items()) + b"\0")


def unpack_fields(body: bytes) -> dict[str, str]:
    """Return the fields of an ErrorResponse or NoticeResponse, by their one-letter names."""
    return {part[:1].decode(): part[1:].decode("utf-8", "replace") for part in body.split(b"\0") if part}


def unpack_row(body: bytes) -> list[str | None]:
    """Return the values of a DataRow in text format."""
    values: list[str | None] = []
    at = 2
    for _ in range(struct.unpack_from("!h", body)[0]):
        (size,) = struct.unpack_from("!i", body, at)
        at += 4
        values.append(None if size < 0 else body[at : at + size].decode())
        at += max(size, 0)
    return values


def parameter_status(name: str, value: str) -> bytes:
    """Return a ParameterStatus message."""
    return pack(Backend.PARAMETER_STATUS, f"{name}\0{value}\0".encode())


def as_redshift(kind: bytes, body: bytes, protocol: int = 0) -> bytes:
    """Return the body of a message as Redshift would send it: its version, types of columns, and metadata of these."""
    if kind == Backend.PARAMETER_STATUS and body.startswith(b"server_version\0"):
        return b"server_version\0" + SERVER_VERSION + b"\0"
    return redshift_description(body, protocol) if kind == Backend.ROW_DESCRIPTION else body


def redshift_type(oid: int, modifier: int) -> int:
    """Return the number that a type of PostgreSQL has in Redshift."""
    if oid == INTERVAL and modifier != -1:
        fields = (modifier >> 16) & 0x7FFF
        return INTERVAL_YEAR_TO_MONTH if fields == YEAR_TO_MONTH_FIELDS else INTERVAL_DAY_TO_SECOND
    return OTHER_TYPES.get(oid, oid)


def redshift_description(body: bytes, protocol: int) -> bytes:
    """Return a RowDescription with the types that Redshift's drivers know, and the metadata of a protocol version."""
    out, start = bytearray(body[:2]), 2
    for _ in range(struct.unpack_from("!h", body)[0]):
        at = body.index(b"\0", start) + 1
        field = bytearray(body[start : at + 18])
        oid, _, modifier = struct.unpack_from("!ihi", body, at + 6)
        struct.pack_into("!i", field, at - start + 6, redshift_type(oid, modifier))
        out += field + (EXTENDED_FIELD if protocol >= EXTENDED_RESULT_METADATA else b"")
        start = at + 18
    return bytes(out)
