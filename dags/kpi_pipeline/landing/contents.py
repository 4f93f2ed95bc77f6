"""What is inside an object: its bytes, decompressed where they are gzip, and its lines in bounded memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kpi_pipeline.landing.errors import LandingError
from kpi_pipeline.landing.files import File, asking, get

_CHUNK_BYTES = 1 << 20
_GZIP = 31  # zlib: the largest window, and a gzip header
RAW_LINE_BYTES = 16_000


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it stands in a file, without its line feed.

    Attributes:
        start: Its first bytes; a few more than 16,000 at most.
        quote_count: The double quotes in all of it.
    """

    start: bytes
    quote_count: int

    @property
    def is_blank(self) -> bool:
        """Whether nothing stands on it."""
        return self.start in (b"", b"\r")


def chunks(s3: Any, file: File) -> Iterator[bytes]:
    """Yield an object's content, decompressed where its name says that it is gzip.

    Raises:
        LandingError: It is no gzip, or the gzip is corrupt or cut off.
        TransientLandingError: The object is another one by now, or S3 did not hand it over.
    """
    with asking(file.url):
        stored = get(s3, file)["Body"].iter_chunks(_CHUNK_BYTES)
        yield from decompressed(file, stored) if file.is_gzip else stored


def decompressed(file: File, stored: Iterator[bytes], *, is_whole: bool = True) -> Iterator[bytes]:
    """Yield what gzip members hold, one after the other, in pieces of a megabyte at most.

    Args:
        file: Whose content it is.
        stored: The compressed bytes.
        is_whole: Whether ``stored`` has all of them, so that it must not end inside a member.

    Raises:
        LandingError: See :func:`chunks`.
    """
    member, is_inside, is_first = zlib.decompressobj(_GZIP), False, True
    for piece in stored:
        while piece:
            # gzip's own tool takes no notice of zeros behind the last member either.
            if not is_inside and not is_first and not piece.strip(b"\0"):
                break
            try:
                content = member.decompress(piece, _CHUNK_BYTES)
            except zlib.error as error:
                is_gzip = is_inside or not is_first or piece.startswith(b"\x1f\x8b")
                what = "is corrupt inside" if is_gzip else "is no gzip file, as its name says it is"
                raise LandingError(f"{file.url} {what}: compress it anew and put it again.") from error
            is_inside, piece = True, member.unconsumed_tail
            if content:
                yield content
            if member.eof:
                piece, is_first = member.unused_data, False
                member, is_inside = zlib.decompressobj(_GZIP), False
    while is_inside and (content := member.decompress(b"", _CHUNK_BYTES)):
        yield content
    if is_whole and (is_first or is_inside) and not member.eof:
        raise LandingError(f"{file.url} is a gzip file that breaks off: compress it anew and put it again.")


def lines(pieces: Iterator[bytes]) -> Iterator[Line]:
    """Split at line feeds alone, as COPY counts lines: bytes.splitlines would also split at a bare carriage return.

    Of a line that has no end in sight only the start is kept.
    """
    start, quotes, is_open = b"", 0, False
    for piece in pieces:
        begun, *others = piece.split(b"\n")
        start += begun[: max(RAW_LINE_BYTES + 2 - len(start), 0)]
        quotes += begun.count(b'"')
        is_open = is_open or bool(begun)
        for other in others:
            yield Line(start, quotes)
            start, quotes, is_open = other[: RAW_LINE_BYTES + 2], other.count(b'"'), bool(other)
    if is_open:
        yield Line(start, quotes)


def readable(line: Line) -> str:
    r"""Return a line's text, cut at 16,000 bytes; bytes that are no UTF-8, and NUL, as ``\x..`` escapes."""
    text = line.start.removesuffix(b"\r")[:RAW_LINE_BYTES].decode("utf-8", errors="backslashreplace")
    return text.replace("\0", "\\x00")
