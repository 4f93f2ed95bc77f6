"""Names of 64 to 127 bytes, which Redshift takes and PostgreSQL would cut: PostgreSQL gets a short name for each.

The short name follows from the long one, so that it is the same after a restart. What goes to the client has the long
names again, as far as a statement since the start has had them.
"""

from __future__ import annotations

import hashlib
import re
import struct

from .messages import Backend, pack

MARK_IN_BYTES = re.compile(rb"~[0-9a-f]{16}~")
KNOWN: dict[str, str] = {}  # the long name of each short one


def shortened(name: str) -> str:
    """Return the short name that stands for a long one."""
    start = name.encode()[:40].decode(errors="ignore")
    short = f"{start}~{hashlib.sha256(name.encode()).hexdigest()[:16]}~"
    KNOWN[short] = name
    return short


def is_known(name: str) -> bool:
    """Return whether a statement since the start has had a long name."""
    return name in KNOWN.values()


def restored(text: str) -> str:
    """Return a text with long names in the place of short ones."""
    for short, name in KNOWN.items() if "~" in text else ():
        text = text.replace(short, name)
    return text


def restored_rows(messages: bytes) -> bytes:
    """Return DataRow messages with long names in the place of short ones."""
    if not KNOWN or not MARK_IN_BYTES.search(messages):
        return messages
    out, at = bytearray(), 0
    while at < len(messages):
        (size,) = struct.unpack_from("!i", messages, at + 1)
        out += restored_row(messages[at + 5 : at + 1 + size])
        at += 1 + size
    return bytes(out)


def restored_row(body: bytes) -> bytes:
    """Return a DataRow whose values have long names in the place of short ones."""
    (count,) = struct.unpack_from("!h", body)
    out, at = bytearray(body[:2]), 2
    for _ in range(count):
        (size,) = struct.unpack_from("!i", body, at)
        value = body[at + 4 : at + 4 + max(size, 0)]
        at += 4 + len(value)
        if MARK_IN_BYTES.search(value):
            value = restored(value.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        out += struct.pack("!i", size if size < 0 else len(value)) + value
    return pack(Backend.DATA_ROW, bytes(out))


def restored_description(body: bytes) -> bytes:
    """Return a RowDescription whose columns have their long names."""
    if not KNOWN or not MARK_IN_BYTES.search(body):
        return body
    out, at = bytearray(body[:2]), 2
    for _ in range(struct.unpack_from("!h", body)[0]):
        end = body.index(b"\0", at)
        out += restored(body[at:end].decode()).encode() + body[end : end + 19]
        at = end + 19
    return bytes(out)
