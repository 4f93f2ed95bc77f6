"""The objects of a COPY in S3, and the log of loads."""

from __future__ import annotations

import bz2
import codecs
import functools
import gzip
import json
import os
import threading
import time
import zlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from ..errors import INTERNAL_ERROR, RedshiftError
from ..knobs import Knobs
from ..sql.copy import ENCODINGS, Copy

CHUNK = 1 << 20  # bytes read from S3 at once


class Loader:
    """Reads the objects of COPY, and keeps what the SYS_LOAD views show.

    Redshift's system tables are not transactional: the errors of a load that was rolled back can be read. So the log
    is no table but files beside the database, which the views of catalogue.sql read.

    Args:
        endpoint: The address of S3; the one that boto3 finds if empty.
        directory: Where the log is kept; made if it is absent.
        knobs: What a test makes worse.
    """

    def __init__(self, endpoint: str, directory: Path, knobs: Knobs) -> None:
        self.knobs = knobs
        self.endpoint = endpoint
        self.directory = directory
        self.lock = threading.Lock()
        directory.mkdir(exist_ok=True)

    @functools.cached_property
    def s3(self) -> Any:
        """S3, by boto3."""
        import boto3  # half a second to import: at the first COPY, not at every start
        from botocore.config import Config

        return boto3.resource(
            "s3",
            endpoint_url=self.endpoint or None,
            region_name=os.environ.get("AWS_DEFAULT_REGION") or "us-east-1",
            aws_access_key_id=os.environ.get("AWS_ACCESS_KEY_ID") or "local",
            aws_secret_access_key=os.environ.get("AWS_SECRET_ACCESS_KEY") or "local",
            config=Config(s3={"addressing_style": "path"}, max_pool_connections=50),
        )

    def write(self, kind: str, rows: list[dict[str, Any]]) -> None:
        """Append to a log: load_history, load_detail, load_error_detail or query_detail."""
        shown = {"shown_from": time.time() + self.quirks().get("lag_seconds", self.knobs.system_view_lag_seconds)}
        text = "".join(json.dumps(row | shown, default=str) + "\n" for row in rows)
        with self.lock, (self.directory / kind).open("a", encoding="utf-8") as file:
            file.write(text)

    def quirks(self) -> dict[str, Any]:
        """Return what a test has switched on in a running emulator: the file quirks.json of the log, see the README."""
        try:
            return json.loads((self.directory / "quirks.json").read_text())
        except FileNotFoundError:
            return {}

    def splits(self, command: Copy, size: int) -> int:
        """Return into how many parts COPY splits a file of so many bytes."""
        split_bytes = self.quirks().get("split_bytes", self.knobs.split_bytes)
        if not split_bytes or {"GZIP", "BZIP2"} & set(command.options):
            return 1
        return max(1, -(-size // split_bytes))

    def object(self, url: str) -> Any:
        """Return an object by its address: s3://bucket/key."""
        bucket, _, key = url.removeprefix("s3://").partition("/")
        return self.s3.ObjectSummary(bucket, key)

    def chunks(self, url: str, command: Copy) -> Iterator[bytes]:
        """Yield the bytes of an object, decompressed and in UTF-8, without its header lines.

        Raises:
            UnicodeError: It is in another encoding.
        """
        body = self.object(url).get()["Body"]
        if "GZIP" in command.options:
            body = gzip.GzipFile(fileobj=body)
        elif "BZIP2" in command.options:
            body = bz2.BZ2File(body)
        pieces: Iterator[bytes] = iter(lambda: decompressed(body, url), b"")
        if command.encoding != "UTF8":
            texts = codecs.iterdecode(pieces, ENCODINGS[command.encoding])
            start = next(texts, "").removeprefix("\ufeff")  # a byte order mark
            pieces = (text.encode() for text in chain([start], texts))
        to_skip = command.number("IGNOREHEADER")
        for piece in pieces:
            while to_skip and piece:
                _, newline, rest = piece.partition(b"\n")
                to_skip -= bool(newline)
                piece = rest
            if piece:
                yield piece

    def count_lines(self, url: str, command: Copy) -> int:
        """Count an object's lines below its header, blank ones and those within quotes too."""
        pieces = list(self.chunks(url, command))
        return sum(piece.count(b"\n") for piece in pieces) + (b"".join(pieces)[-1:] not in (b"", b"\n"))

    def sources(self, command: Copy) -> list[dict[str, Any]]:
        """Return the objects to load, as SYS_LOAD_DETAIL shows them.

        Raises:
            RedshiftError: A mandatory object, the manifest, or every object is absent.
        """
        source = self.object(command.source)
        if "MANIFEST" in command.options:
            found = self.in_manifest(source)
        elif not (found := list(source.Bucket().objects.filter(Prefix=source.key))):
            raise RedshiftError(f"The specified S3 prefix '{source.key}' does not exist", INTERNAL_ERROR)
        return [
            {
                "file_name": f"s3://{item.bucket_name}/{item.key}",
                "bytes_scanned": item.size,
                "file_etag": item.e_tag.strip('"'),
                "file_last_modified": item.last_modified.replace(tzinfo=None),
            }
            for item in found
        ]

    def in_manifest(self, manifest: Any) -> list[Any]:
        """Return the objects that a manifest names and that exist."""
        absent = self.s3.meta.client.exceptions.ClientError
        try:
            text = manifest.get()["Body"].read()
            entries = [(str(entry["url"]), bool(entry.get("mandatory"))) for entry in json.loads(text)["entries"]]
        except absent as error:
            raise RedshiftError(f"Problem reading manifest file - {exception_text(error)}", INTERNAL_ERROR) from error
        except (ValueError, KeyError, TypeError) as error:
            raise RedshiftError("Invalid JSON format in manifest file", INTERNAL_ERROR) from error
        found = []
        for url, mandatory in entries:
            item = self.object(url)
            try:
                item.load()
                found.append(item)
            except absent as error:
                if mandatory:
                    raise RedshiftError(exception_text(error), INTERNAL_ERROR, detail=f"file: {url}") from error
        if not found:
            raise RedshiftError("None of the files in the manifest exists", INTERNAL_ERROR)
        return found


def decompressed(body: Any, url: str) -> bytes:
    """Return the next piece of an object.

    Raises:
        RedshiftError: What is compressed is corrupt or cut off.
    """
    try:
        return body.read(CHUNK)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise RedshiftError(f"Failed to decompress {url}: {error}", INTERNAL_ERROR) from error


def exception_text(error: Any) -> str:
    """Return S3's refusal as Redshift words it."""
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    if status == 404:
        return "S3ServiceException:The specified key does not exist.,Status 404,Error NoSuchKey"
    found = error.response["Error"]
    return f"S3ServiceException:{found.get('Message')},Status {status},Error {found.get('Code')}"
