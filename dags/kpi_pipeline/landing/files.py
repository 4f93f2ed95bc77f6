"""The S3 side of landing: the objects of the raw bucket, and asking for many of them side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from kpi_pipeline.landing.errors import STORAGE_ERRORS, explain_storage
from kpi_pipeline.landing.tables import TABLES, Table, looks_like_data

_Item, _Answer = TypeVar("_Item"), TypeVar("_Answer")
_MOST_NAMED = 20
_ASKED_AHEAD = 1000


@dataclass(frozen=True, slots=True)
class File:
    """A version of an object in the raw bucket.

    Attributes:
        bucket: The bucket.
        key: The whole key.
        etag: S3's name of the version, without quotes. Of an object under SSE-KMS it is no hash of the content.
        size: Bytes as they are stored.
        modified_at: When the version was put, to the second.
    """

    bucket: str
    key: str
    etag: str
    size: int
    modified_at: datetime

    @property
    def url(self) -> str:
        """``s3://bucket/key``, as COPY and its system tables name the object."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def is_gzip(self) -> bool:
        """Whether the name says that the content is compressed."""
        return self.key.lower().endswith(".gz")


class Listing:
    """The objects of a table, listed page by page while somebody iterates: a bucket may hold more than memory does.

    Args:
        s3: A boto3 S3 client.
        bucket: The raw bucket.
        prefix: What stands before the keys; empty, or ending in "/".
        table: The landing table.
        start_after: List only keys that S3 sorts after this one; empty for all.
        passed_over: What the keys of objects begin with that the pipeline itself puts into the bucket.

    Attributes:
        file_count: The files met so far.
        ignored_count: The objects beside them that look like data. Only the listing of streams meets them.
        ignored: The keys of the first few of these.

    Raises, while it is iterated:
        LandingError: There is no such bucket, or no access to it.
        TransientLandingError: S3 did not answer, or with an error of its own.
    """

    def __init__(
        self,
        s3: Any,
        bucket: str,
        prefix: str,
        table: Table,
        start_after: str = "",
        passed_over: tuple[str, ...] = (),
    ) -> None:
        """Keep what to list; nothing is asked for yet."""
        self._s3, self._bucket, self._prefix, self._table = s3, bucket, prefix, table
        self._passed_over = passed_over
        self.start_after = start_after
        self.file_count, self.ignored_count, self.ignored = 0, 0, list[str]()

    def __iter__(self) -> Iterator[File]:
        """Yield the table's files, by key."""
        for beginning in self._table.listings:
            where = {"Bucket": self._bucket, "Prefix": self._prefix + beginning}
            if self.start_after:
                where["StartAfter"] = self.start_after
            with asking(f"s3://{self._bucket}/{self._prefix}"):
                for page in self._s3.get_paginator("list_objects_v2").paginate(**where):
                    yield from filter(None, map(self._file, page.get("Contents", ())))

    def _file(self, entry: dict[str, Any]) -> File | None:
        key = entry["Key"]
        name = key[len(self._prefix) :]
        if key.startswith(self._passed_over):
            return None
        if self._table.keys.fullmatch(name):
            self.file_count += 1
            return File(self._bucket, key, entry["ETag"].strip('"'), entry["Size"], entry["LastModified"])
        if not self._table.is_snapshot and looks_like_data(name) and not _is_of_a_table(name):
            self.ignored_count += 1
            self.ignored += [key] if len(self.ignored) < _MOST_NAMED else []
        return None


def _is_of_a_table(name: str) -> bool:
    return any(table.keys.fullmatch(name) for table in TABLES.values())


def side_by_side(s3: Any, ask: Callable[[_Item], _Answer], items: Iterable[_Item]) -> Iterator[_Answer]:
    """Yield the answer for each item, in their order, with as many requests at once as the client has connections.

    Args:
        s3: The boto3 S3 client that ``ask`` uses.
        ask: Asks for one item. What it raises is raised here; items whose turn has not come are not asked for then.
        items: The items.
    """
    waiting = list(items)
    with ThreadPoolExecutor(max(1, min(s3.meta.config.max_pool_connections, len(waiting)))) as pool:
        for start in range(0, len(waiting), _ASKED_AHEAD):
            yield from pool.map(ask, waiting[start : start + _ASKED_AHEAD])


def get(s3: Any, file: File, **options: str) -> Any:
    """Ask for an object, or a range of it; another version than the one listed is an error of S3."""
    return s3.get_object(Bucket=file.bucket, Key=file.key, IfMatch=file.etag, **options)


@contextmanager
def asking(url: str) -> Iterator[None]:
    """Explain what S3 answers, or that it does not; a body that breaks off too."""
    try:
        yield
    except STORAGE_ERRORS as error:
        raise explain_storage(error, url) from error
