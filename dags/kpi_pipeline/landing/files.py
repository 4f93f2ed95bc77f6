"""The S3 side of landing: objects, their first lines, and manifests."""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kpi_pipeline.landing.errors import STORAGE_ERRORS, LandingError, TransientLandingError, explain_storage
from kpi_pipeline.landing.tables import Table

_HEADER_BYTES = 64 * 1024
_RAW_LINE_BYTES = 16_000
_MOST_NAMED = 5
MOST_REFUSED_LINES = 100_000
"""COPY's own limit, MAXERROR: a load that has more refused lines is rolled back whatever its size."""


@dataclass(frozen=True, slots=True)
class File:
    """A version of an object in the raw bucket.

    Attributes:
        bucket: The bucket.
        key: The whole key.
        etag: S3's name of the version's content, without quotes.
        size: Bytes.
    """

    bucket: str
    key: str
    etag: str
    size: int

    @property
    def url(self) -> str:
        """``s3://bucket/key``, as COPY and its system tables name the object."""
        return f"s3://{self.bucket}/{self.key}"


class Listing:
    """The objects of a table, listed page by page while somebody iterates: a bucket may hold more than memory does.

    Args:
        s3: A boto3 S3 client.
        bucket: The raw bucket.
        prefix: What stands before the keys; empty, or ending in "/".
        table: The landing table.
        start_after: List only keys that S3 sorts after this one; empty for all.

    Attributes:
        file_count: The files met so far.
        other_count: The objects beside them that are none (other endings, say).
        others: The keys of the first few of these.

    Raises, while it is iterated:
        LandingError: There is no such bucket, or no access to it.
        TransientLandingError: S3 did not answer, or with an error of its own.
    """

    def __init__(self, s3: Any, bucket: str, prefix: str, table: Table, start_after: str = "") -> None:
        """Keep what to list; nothing is asked for yet."""
        self._s3, self._bucket, self._prefix, self._table = s3, bucket, prefix, table
        self.start_after = start_after
        self.file_count, self.other_count, self.others = 0, 0, list[str]()

    def __iter__(self) -> Iterator[File]:
        """Yield the table's files, by key."""
        where = {"Bucket": self._bucket, "Prefix": self._prefix + self._table.listing}
        if self.start_after:
            where["StartAfter"] = self.start_after
        with _asking(f"s3://{self._bucket}/{self._prefix}"):
            for page in self._s3.get_paginator("list_objects_v2").paginate(**where):
                for entry in page.get("Contents", ()):
                    key = entry["Key"]
                    if self._table.keys.fullmatch(key[len(self._prefix) :]):
                        self.file_count += 1
                        yield File(self._bucket, key, entry["ETag"].strip('"'), entry["Size"])
                    else:
                        self.other_count += 1
                        self.others += [key] if len(self.others) < _MOST_NAMED else []


def read_header(s3: Any, file: File, table: Table) -> tuple[str, ...]:
    """Read and check the first line of a file.

    Returns:
        The columns, in the file's order.

    Raises:
        LandingError: A column is missing, unknown or repeated, or there is no header to read.
        TransientLandingError: The object is another one by now, or S3 did not hand it over.
    """
    if file.size == 0:
        raise LandingError(f"{file.url} is empty: it needs a header line with {_names(table.required)}.")
    with _asking(file.url):
        start = _get(s3, file, Range=f"bytes=0-{_HEADER_BYTES - 1}").read()
    line = start.removeprefix(codecs.BOM_UTF8).split(b"\n", 1)[0].removesuffix(b"\r")
    try:
        header = line.decode("utf-8")
    except UnicodeDecodeError:
        header = "\0"
    if "\0" in header:
        raise LandingError(f"{file.url} is no UTF-8 text (line 1): save it as an uncompressed CSV file in UTF-8.")
    if "\r" in header:
        raise LandingError(f"{file.url} ends its lines with a bare carriage return: end them with a line feed.")
    if len(line) >= _HEADER_BYTES - len(codecs.BOM_UTF8):
        raise LandingError(f"{file.url} has a first line of more than 64 KB: line 1 must be the header.")
    try:
        columns = tuple(next(csv.reader([header], strict=True), []))
    except csv.Error as error:
        raise LandingError(f"{file.url} has a header that is no CSV (line 1: {error}).") from error
    _check_columns(file, table, columns)
    return columns


def _check_columns(file: File, table: Table, columns: tuple[str, ...]) -> None:
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
        raise LandingError(f"{file.url} {' and '.join(faults)} in its header (line 1){known}.")


def _names(columns: Iterable[str]) -> str:
    return ", ".join(repr(column[:80]) for column in sorted(columns))


@dataclass(frozen=True)
class Manifest:
    """What one COPY loads.

    Attributes:
        url: The manifest itself, ``s3://bucket/key``.
        header_only_url: An object that the manifest names beside the files, with a header line and no row.
        columns: The header of every file.
        files: The files.
    """

    url: str
    header_only_url: str
    columns: tuple[str, ...]
    files: list[File]


def write_manifest(s3: Any, bucket: str, stem: str, columns: tuple[str, ...], files: list[File]) -> Manifest:
    """Write the manifest of a COPY; an object that is absent fails the COPY (``mandatory``).

    The object without a row is for the accounts: SYS_LOAD_DETAIL counts the lines that COPY read of each file, and AWS
    does not say whether the header is one of them. Of this object it can be the only one.

    Args:
        s3: A boto3 S3 client.
        bucket: The artifact bucket.
        stem: The keys, without their endings.
        columns: The header of every file.
        files: The files.
    """
    url = f"s3://{bucket}/{stem}"
    manifest = Manifest(f"{url}.json", f"{url}.csv", columns, files)
    entries = [{"url": url, "mandatory": True} for url in (manifest.header_only_url, *(file.url for file in files))]
    with _asking(manifest.url):
        s3.put_object(Bucket=bucket, Key=f"{stem}.csv", Body=(",".join(columns) + "\n").encode())
        s3.put_object(Bucket=bucket, Key=f"{stem}.json", Body=json.dumps({"entries": entries}).encode())
    return manifest


def check_unchanged(s3: Any, files: Iterable[File]) -> None:
    """Raise :class:`TransientLandingError` if an object is another one than the one that was listed."""
    for file in files:
        with _asking(file.url):
            etag = s3.head_object(Bucket=file.bucket, Key=file.key)["ETag"].strip('"')
        if etag != file.etag:
            raise TransientLandingError(
                f"{file.url} was replaced while it was loaded: the load was rolled back, and the next try lists anew."
            )


@dataclass(frozen=True)
class Record:
    r"""A record of a CSV file as it stands there, by its lines: more than one where a quote stays open at a line's end.

    Attributes:
        number: The first line; the header is line 1.
        lines: Each line's text; bytes that are no UTF-8, and NUL, as ``\\x..`` escapes; cut at 16,000 bytes.
    """

    number: int
    lines: list[str]


def read_records(s3: Any, file: File, numbers: Iterable[int]) -> tuple[list[Record], int | None]:
    """Read records of an object again, and count the object's lines where one of them has several.

    Args:
        s3: A boto3 S3 client.
        file: The file.
        numbers: The first line of each; the header is line 1.

    Returns:
        The records, and how many lines the object has; None if it was not read to its end, since each is one line.

    Raises:
        TransientLandingError: The object is another one by now, or S3 did not hand it over.
    """
    wanted, records = set(numbers), []
    if not wanted:
        return records, None
    last, number, is_open, has_open = max(wanted), 0, False, False
    with _asking(file.url):
        for number, line in enumerate(_lines(_get(s3, file)), start=1):
            if is_open and len(records[-1].lines) < MOST_REFUSED_LINES:
                records[-1].lines.append(_readable(line))
            elif not is_open and number in wanted:
                records.append(Record(number, [_readable(line)]))
            if (is_open or number in wanted) and line.count(b'"') % 2:
                is_open, has_open = not is_open, True
            if number >= last and not has_open:
                return records, None
    return records, number


def _lines(body: Any) -> Iterator[bytes]:
    """Split at line feeds alone, as COPY counts lines: bytes.splitlines would also split at a bare carriage return."""
    rest = b""
    for chunk in body.iter_chunks(1 << 20):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    if rest:
        yield rest


def _readable(line: bytes) -> str:
    text = line.removesuffix(b"\r")[:_RAW_LINE_BYTES].decode("utf-8", errors="backslashreplace")
    return text.replace("\0", "\\x00")


def _get(s3: Any, file: File, **options: str) -> Any:
    return s3.get_object(Bucket=file.bucket, Key=file.key, IfMatch=file.etag, **options)["Body"]


@contextmanager
def _asking(url: str) -> Iterator[None]:
    """Explain what S3 answers, or that it does not; a body that breaks off too."""
    try:
        yield
    except STORAGE_ERRORS as error:
        raise explain_storage(error, url) from error
