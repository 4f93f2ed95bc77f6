"""The first line of a file: is it what the table needs, before anything of the file is loaded?"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kpi_pipeline.landing.contents import decompressed
from kpi_pipeline.landing.errors import LandingError
from kpi_pipeline.landing.files import File, asking, get
from kpi_pipeline.landing.tables import Table

_HEADER_BYTES = 64 * 1024
_PANDAS_INDEX = re.compile(r"|Unnamed: \d+")


@dataclass(frozen=True)
class Header:
    """What the beginning of a file says.

    Attributes:
        columns: The columns, in the file's order.
        is_etag_a_hash: Whether S3 makes the object's ETag from its content: not under SSE-KMS, nor of several parts.
    """

    columns: tuple[str, ...]
    is_etag_a_hash: bool


def read_header(s3: Any, file: File, table: Table) -> Header:
    """Read and check the first line of a file.

    Raises:
        LandingError: A column is missing, unknown or repeated, or there is no header to read.
        TransientLandingError: The object is another one by now, or S3 did not hand it over.
    """
    empty = f"{file.url} is empty: it needs a header line with {_names(table.required)}."
    if file.size == 0:
        raise LandingError(empty)
    with asking(file.url):
        answer = get(s3, file, Range=f"bytes=0-{_HEADER_BYTES - 1}")
        start = answer["Body"].read()
    if file.is_gzip:
        start = _decompressed_start(file, start)
        if not start:
            raise LandingError(empty)
    columns = _columns_of(file, start)
    _check_columns(file, table, columns)
    is_hash = not answer.get("ServerSideEncryption", "").startswith("aws:kms") and "-" not in file.etag
    return Header(columns, is_hash)


def _decompressed_start(file: File, start: bytes) -> bytes:
    found = bytearray()
    for piece in decompressed(file, iter([start]), is_whole=file.size <= len(start)):
        found += piece
        if b"\n" in piece or len(found) >= _HEADER_BYTES:
            break
    return bytes(found)


def _columns_of(file: File, start: bytes) -> tuple[str, ...]:
    line = start.removeprefix(codecs.BOM_UTF8).split(b"\n", 1)[0].removesuffix(b"\r")
    try:
        header = line.decode("utf-8")
    except UnicodeDecodeError:
        header = "\0"
    if "\0" in header:
        raise LandingError(
            f"{file.url} is no UTF-8 text (line 1): save it as a CSV file in UTF-8, and end its name in .csv.gz if it "
            f"is compressed with gzip."
        )
    if "\r" in header:
        raise LandingError(f"{file.url} ends its lines with a bare carriage return: end them with a line feed.")
    if len(line) >= _HEADER_BYTES - len(codecs.BOM_UTF8):
        raise LandingError(f"{file.url} has a first line of more than 64 KB: line 1 must be the header.")
    # An even number of quotes closes them all; where blanks stand around them, only a lenient reading takes them.
    is_closed = header.count('"') % 2 == 0
    try:
        names = next(csv.reader([header], strict=not is_closed, skipinitialspace=True), [])
    except csv.Error as error:
        said = f"{file.url} has a header that is no CSV (line 1: {error}): correct it and put it again."
        raise LandingError(said) from error
    return tuple(name.strip().strip("\ufeff").strip() for name in names)


def _check_columns(file: File, table: Table, columns: tuple[str, ...]) -> None:
    if len(columns) > 1 and _PANDAS_INDEX.fullmatch(columns[0]):
        named = f"named {columns[0]!r}" if columns[0] else "without a name"
        raise LandingError(
            f"{file.url} begins with a column {named} (line 1), which is the index of a pandas table: leave it out "
            f"where the file is written, with to_csv(..., index=False)."
        )
    repeated = {column for column in columns if columns.count(column) > 1}
    unknown = set(columns) - table.columns
    missing = table.required - set(columns)
    faults = [
        f"{what} the column{'s' if len(names) > 1 else ''} {_names(names)}"
        for what, names in (("repeats", repeated), ("has", unknown), ("lacks", missing))
        if names
    ]
    if faults:
        known = f"; columns that {table.name} files may have are {_names(table.columns)}" if unknown else ""
        raise LandingError(
            f"{file.url} {' and '.join(faults)} in its header (line 1){known}: correct it and put it again."
        )


def _names(columns: Iterable[str]) -> str:
    return ", ".join(repr(column[:80]) for column in sorted(columns))
