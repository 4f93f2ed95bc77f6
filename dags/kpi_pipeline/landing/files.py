"""The S3 side of landing: objects, their first lines, and manifests."""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from kpi_pipeline.landing.errors import LandingError, TransientLandingError
from kpi_pipeline.landing.tables import Table

_HEADER_BYTES = 64 * 1024
_RAW_LINE_BYTES = 16_000


@dataclass(frozen=True)
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


def list_files(s3: Any, bucket: str, prefix: str, table: Table) -> tuple[list[File], list[str]]:
    """List the objects of a table.

    Args:
        s3: A boto3 S3 client.
        bucket: The raw bucket.
        prefix: What stands before the keys; empty, or ending in "/".
        table: The landing table.

    Returns:
        Its files, by key, and the keys beside them that are none (other endings, say).

    Raises:
        LandingError: There is no such bucket, or no access to it.
    """
    found, others = [], []
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix + table.listing)
    try:
        for page in pages:
            for entry in page.get("Contents", ()):
                if table.keys.fullmatch(entry["Key"][len(prefix) :]):
                    found.append(File(bucket, entry["Key"], entry["ETag"].strip('"'), entry["Size"]))
                else:
                    others.append(entry["Key"])
    except ClientError as error:
        raise _explained(error, f"s3://{bucket}/{prefix}") from error
    return found, others


def read_header(s3: Any, file: File, table: Table) -> tuple[str, ...]:
    """Read and check the first line of a file.

    Returns:
        The columns, in the file's order.

    Raises:
        LandingError: A column is missing, unknown or repeated, or there is no header to read.
        TransientLandingError: The object is another one by now.
    """
    if file.size == 0:
        raise LandingError(f"{file.url} is empty: it needs a header line with {_names(table.required)}.")
    start = _get(s3, file, Range=f"bytes=0-{_HEADER_BYTES - 1}")["Body"].read()
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


def write_manifest(s3: Any, bucket: str, key: str, files: Iterable[File]) -> str:
    """Write the manifest of a COPY and return its URL; an object that is absent fails the COPY (``mandatory``)."""
    entries = [{"url": file.url, "mandatory": True} for file in files]
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=json.dumps({"entries": entries}).encode())
    except ClientError as error:
        raise _explained(error, f"s3://{bucket}/{key}") from error
    return f"s3://{bucket}/{key}"


def check_unchanged(s3: Any, files: Iterable[File]) -> None:
    """Raise :class:`TransientLandingError` if an object is another one than the one that was listed."""
    for file in files:
        try:
            etag = s3.head_object(Bucket=file.bucket, Key=file.key)["ETag"].strip('"')
        except ClientError as error:
            raise _explained(error, file.url) from error
        if etag != file.etag:
            raise TransientLandingError(f"{file.url} was replaced while it was loaded; the load was rolled back.")


def read_lines(s3: Any, file: File, numbers: Iterable[int]) -> Iterator[tuple[int, str]]:
    r"""Read lines of an object again.

    Args:
        s3: A boto3 S3 client.
        file: The file.
        numbers: Which lines; the header is line 1.

    Yields:
        A line's number and text; bytes that are no UTF-8, and NUL, as ``\\x..`` escapes; cut at 16,000 bytes.
    """
    wanted = set(numbers)
    if not wanted:
        return
    last = max(wanted)
    for number, line in enumerate(_get(s3, file)["Body"].iter_lines(chunk_size=1 << 20), start=1):
        if number in wanted:
            text = line[:_RAW_LINE_BYTES].decode("utf-8", errors="backslashreplace")
            yield number, text.replace("\0", "\\x00")
        if number >= last:
            return


def _get(s3: Any, file: File, **options: str) -> Any:
    try:
        return s3.get_object(Bucket=file.bucket, Key=file.key, IfMatch=file.etag, **options)
    except ClientError as error:
        raise _explained(error, file.url) from error


def _explained(error: ClientError, url: str) -> Exception:
    """Say what an answer of S3 means here, and whether trying again may help."""
    code = error.response.get("Error", {}).get("Code", "")
    if code == "NoSuchBucket":
        return LandingError(f"There is no bucket for {url}: check KPI_RAW_BUCKET and KPI_ARTIFACT_BUCKET.")
    if code in ("AccessDenied", "403", "Forbidden", "AllAccessDisabled"):
        return LandingError(f"Access to {url} is denied: give the role of the workers the right to use it.")
    if code in ("NoSuchKey", "404", "PreconditionFailed", "412"):
        return TransientLandingError(f"{url} was replaced or deleted since it was listed.")
    return TransientLandingError(f"S3 answered {code or 'with an error'} for {url}: {error}")
