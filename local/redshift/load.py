"""A load: the objects of a COPY are streamed from S3 into PostgreSQL's own COPY, in the transaction of the client.

A file is first sent as it is, inside a savepoint. Only if PostgreSQL refuses something is it sent again, line by line
(lines.py), which finds the lines that Redshift would reject, and lets the rest in as far as MAXERROR allows.
"""

from __future__ import annotations

import bz2
import codecs
import datetime
import functools
import gzip
import json
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .copy import Copy
from .errors import INTERNAL_ERROR, UNDEFINED_TABLE, RedshiftError
from .lines import Column, LineError, Lines
from .table_statistics import after_load
from .words import regclass

if TYPE_CHECKING:
    from .session import Session

CHUNK = 1 << 20  # bytes read from S3 at once
STRAY_QUOTE = re.compile(rb'[^,"\r\n]"[^,"\r\n]')  # in no valid CSV; PostgreSQL would read on
FAST_TYPES = "varchar bpchar int2 int4 int8 float4 float8 bool numeric date timestamp timestamptz".split()
NEEDS_LINES = (
    "ACCEPTINVCHARS BLANKSASNULL DATEFORMAT EMPTYASNULL FILLRECORD IGNOREBLANKLINES TIMEFORMAT TRIMBLANKS".split()
)


class Loader:
    """Runs COPY; keeps what the SYS_LOAD views show.

    Redshift's system tables are not transactional: the errors of a load that was rolled back can be read. So the log
    is no table but files beside the database, which the views of catalogue.sql read.
    """

    def __init__(self, endpoint: str, directory: Path) -> None:
        self.endpoint = endpoint
        self.directory = directory
        self.lock = threading.Lock()
        self.absent: set[str] = set()  # the functions that Redshift has and this stand-in lacks
        directory.mkdir(exist_ok=True)
        for session in directory.glob("session.*"):
            session.unlink()

    @functools.cached_property
    def s3(self) -> Any:
        """The client of the local S3."""
        import boto3  # half a second to import: at the first COPY, not at every start
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=os.environ.get("AWS_DEFAULT_REGION") or "us-east-1",
            aws_access_key_id=os.environ.get("AWS_ACCESS_KEY_ID") or "local",
            aws_secret_access_key=os.environ.get("AWS_SECRET_ACCESS_KEY") or "local",
            config=Config(s3={"addressing_style": "path"}, max_pool_connections=50),
        )

    def copy(self, session: Session, command: Copy) -> str:
        """Runs a COPY in the session's transaction, or in one of its own.

        Returns:
            The command's tag.

        Raises:
            RedshiftError: The load failed; the reasons are in the log.
        """
        load = Load(self, session, command)
        try:
            with session.together():
                loaded = load.run()
                after_load(session, command.table, loaded)
        except Exception:
            self.write_session(load.session_id, load.query_id, 0)
            raise
        self.write_session(load.session_id, load.query_id, loaded)
        session.notice(f"Load into table '{load.name}' completed, {loaded} record(s) loaded successfully.")
        return "COPY"

    def write(self, kind: str, rows: list[dict[str, Any]]) -> None:
        """Appends to a log."""
        text = "".join(json.dumps(row, default=str) + "\n" for row in rows)
        with self.lock, (self.directory / kind).open("a", encoding="utf-8") as file:
            file.write(text)

    def write_session(self, session_id: int, query_id: int, count: int) -> None:
        """Keeps what PG_LAST_COPY_ID and PG_LAST_COPY_COUNT answer in a session."""
        (self.directory / f"session.{session_id}").write_text(f"{query_id} {count}")

    def forget_session(self, session_id: int) -> None:
        """Ends what `write_session` kept: a later session can have the same number."""
        (self.directory / f"session.{session_id}").unlink(missing_ok=True)

    def chunks(self, url: str, command: Copy) -> Iterator[bytes]:
        """The bytes of an object, decompressed and in UTF-8, without its header lines."""
        bucket, key = split_url(url)
        body = self.s3.get_object(Bucket=bucket, Key=key)["Body"]
        if "GZIP" in command.options:
            body = gzip.GzipFile(fileobj=body)
        elif "BZIP2" in command.options:
            body = bz2.BZ2File(body)
        pieces: Iterator[bytes] = iter(lambda: body.read(CHUNK), b"")
        encoding = command.options.get("ENCODING", "UTF8").upper()
        if encoding != "UTF8":
            pieces = (text.encode() for text in codecs.iterdecode(pieces, encoding.replace("UTF16", "UTF-16-")))
        to_skip = command.number("IGNOREHEADER")
        for piece in pieces:
            while to_skip and piece:
                _, newline, rest = piece.partition(b"\n")
                to_skip -= bool(newline)
                piece = rest
            if piece:
                yield piece

    def sources(self, command: Copy) -> list[dict[str, Any]]:
        """The objects to load: url, size in bytes, ETag.

        Raises:
            RedshiftError: A mandatory object, the manifest, or every object is absent.
        """
        bucket, key = split_url(command.source)
        if "MANIFEST" not in command.options:
            pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
            entries = [entry for page in pages for entry in page.get("Contents", [])]
            found = [source(f"s3://{bucket}/{entry['Key']}", entry["Size"], entry) for entry in entries]
            if not found:
                raise RedshiftError(f"The specified S3 prefix '{key}' does not exist", INTERNAL_ERROR)
            return found
        try:
            text = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except self.s3.exceptions.ClientError as error:
            raise RedshiftError(f"Problem reading manifest file - {exception_text(error)}", INTERNAL_ERROR) from error
        try:
            entries = [(str(entry["url"]), bool(entry.get("mandatory"))) for entry in json.loads(text)["entries"]]
        except (ValueError, KeyError, TypeError) as error:
            raise RedshiftError("Invalid JSON format in manifest file", INTERNAL_ERROR) from error
        found = []
        for url, mandatory in entries:
            bucket, key = split_url(url)
            try:
                head = self.s3.head_object(Bucket=bucket, Key=key)
            except self.s3.exceptions.ClientError as error:
                if mandatory:
                    raise RedshiftError(exception_text(error), INTERNAL_ERROR, detail=f"file: {url}") from error
                continue
            found.append(source(url, head["ContentLength"], head))
        if not found:
            raise RedshiftError("None of the files in the manifest exists", INTERNAL_ERROR)
        return found


def source(url: str, size: int, head: dict[str, Any]) -> dict[str, Any]:
    """An object as SYS_LOAD_DETAIL shows it."""
    modified = head["LastModified"].replace(tzinfo=None)
    etag = head["ETag"].strip('"')
    return {"file_name": url, "bytes_scanned": size, "file_etag": etag, "file_last_modified": modified}


def split_url(url: str) -> tuple[str, str]:
    """Bucket and key."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bucket, key


def exception_text(error: Any) -> str:
    """S3's refusal as Redshift words it."""
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    if status == 404:
        return "S3ServiceException:The specified key does not exist.,Status 404,Error NoSuchKey"
    found = error.response["Error"]
    return f"S3ServiceException:{found.get('Message')},Status {status},Error {found.get('Code')}"


class NotPlain(Exception):
    """A file that PostgreSQL's own reading of CSV would read otherwise than Redshift."""


class Load:
    """One run of COPY."""

    def __init__(self, loader: Loader, session: Session, command: Copy) -> None:
        self.loader = loader
        self.session = session
        self.command = command
        self.start = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
        ((pid, query_id, table_id, name, database, user_id, self.datestyle),) = session.query(
            "select pg_backend_pid(), pg_postgres.nextval('pg_redshift.query_id'), t.oid, t.relname,"
            " current_database(), u.usesysid, current_setting('datestyle') from pg_user u"
            f" left join pg_class t on t.oid = {regclass(command.table)} where u.usename = current_user"
        )
        self.session_id = session.number = int(pid or 0)
        self.query_id = int(query_id or 0)
        if table_id is None:
            raise RedshiftError(f"Cannot COPY into nonexistent table {command.table}", UNDEFINED_TABLE)
        self.table_id, self.name = int(table_id), name
        self.common = {"user_id": user_id, "query_id": query_id, "transaction_id": query_id, "session_id": pid}
        self.common |= {"database_name": database, "table_id": table_id, "table_name": name, "start_time": self.start}
        self.columns = self.target_columns()
        self.refused: list[dict[str, Any]] = []

    def target_columns(self) -> list[Column]:
        """The columns to load, in the order of the fields of a line."""
        rows = self.session.query(
            "select attname, typname, case when atttypmod > 0 then atttypmod else -1 end, attnotnull, attidentity <> ''"
            f" from pg_attribute join pg_type t on t.oid = atttypid where attrelid = {self.table_id} and attnum > 0"
            " and not attisdropped order by attnum"
        )
        known = {str(r[0]): Column(str(r[0]), str(r[1]), int(r[2] or 0), r[3] == "t", r[4] == "t") for r in rows}
        explicit = "EXPLICIT_IDS" in self.command.options
        names = self.command.columns or [n for n, column in known.items() if explicit or not column.identity]
        absent = next((name for name in names if name not in known), None)
        if absent:
            raise RedshiftError(f'column "{absent}" of relation "{self.name}" does not exist', "42703")
        return [known[name] for name in names]

    def run(self) -> int:
        """Loads each file; the number of rows loaded.

        Raises:
            RedshiftError: At the number of errors that MAXERROR names.
        """
        session, dry = self.session, "NOLOAD" in self.command.options
        session.query("savepoint copy_all")
        loaded, files = 0, []
        try:
            for item in self.loader.sources(self.command):
                before = len(self.refused)
                count = self.load_file(item["file_name"])
                loaded += count
                files.append(item | {"lines_scanned": count + len(self.refused) - before})
        finally:
            self.loader.write("load_error_detail", self.refused)
        session.query("rollback to savepoint copy_all" if dry else "release savepoint copy_all")
        loaded = 0 if dry else loaded
        end = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
        times = {
            "record_time": end,
            "end_time": end,
            "duration": (end - self.start) // datetime.timedelta(microseconds=1),
        }
        self.loader.write("load_detail", [self.common | times | {"splits_scanned": 1} | file for file in files])
        size = sum(file["bytes_scanned"] for file in files)
        total = {"status": "completed", "data_source": self.command.source, "file_format": "CSV", "loaded_rows": loaded}
        total |= {"loaded_bytes": size, "source_file_count": len(files), "source_file_bytes": size}
        self.loader.write("load_history", [self.common | times | total | {"error_count": len(self.refused)}])
        return loaded

    def load_file(self, url: str) -> int:
        """Loads one object; the number of rows loaded."""
        if self.is_plain():
            # The date style is the format that Redshift takes by default
            self.session.query("savepoint copy_file; set local datestyle = 'ISO, YMD'")
            try:
                count = self.session.copy_in(self.plain_copy(), self.checked(self.loader.chunks(url, self.command)))
            except (NotPlain, RedshiftError):
                self.session.query("rollback to savepoint copy_file")
            else:
                self.session.query(f"release savepoint copy_file; set local datestyle = '{self.datestyle}'")
                return count
        return self.load_lines(url)

    def is_plain(self) -> bool:
        """Whether PostgreSQL's own reading of CSV is Redshift's."""
        options = self.command.options
        return (
            "CSV" in options
            and not any(option in options for option in NEEDS_LINES)
            and all(column.kind in FAST_TYPES for column in self.columns)
        )

    def plain_copy(self) -> str:
        """PostgreSQL's COPY of a CSV file: an empty field is empty text in a character column, null in others."""
        names = ", ".join(column.quoted for column in self.columns)
        texts = ", ".join(column.quoted for column in self.columns if column.is_text)
        quote = self.command.options.get("QUOTE", '"').replace("'", "''")
        options = f"format csv, delimiter '{self.command.delimiter}', quote '{quote}', null ''"
        if texts:
            options += f", force_not_null ({texts})"
        return f"copy {self.command.table} ({names}) from stdin with ({options})"

    def checked(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The chunks, up to one that PostgreSQL would accept and Redshift would not, or read differently.

        Raises:
            NotPlain: Such a chunk.
        """
        null = self.command.options.get("NULL", "\\N").encode()
        scales = [column.scale for column in self.columns if column.scale is not None]
        cut = scales and "ROUNDEC" not in self.command.options and re.compile(rb"[.]\d{%d}" % (min(scales) + 1))
        tail = b""
        for chunk in chunks:
            if null in chunk or (b'"' in chunk and STRAY_QUOTE.search(tail + chunk)) or (cut and cut.search(chunk)):
                raise NotPlain("needs a look at each line")
            tail = chunk[-2:]
            yield chunk

    def load_lines(self, url: str) -> int:
        """Loads one object line by line; the number of rows loaded.

        Raises:
            RedshiftError: Too many lines are refused.
        """
        lines = Lines(self.command, self.columns, self.loader.chunks(url, self.command))
        names = ", ".join(column.quoted for column in self.columns)

        def rows() -> Iterator[bytes]:
            for row in lines.rows():
                if isinstance(row, LineError):
                    self.refuse(url, row)
                else:
                    yield row

        session = self.session
        session.notices.clear()
        sql = f"copy {self.command.table} ({names}) from stdin with (on_error ignore, log_verbosity verbose)"
        loaded = session.copy_in(sql, rows())
        for notice in session.notices:
            if error := lines.error_of(notice):
                self.refuse(url, error)
        return loaded

    def refuse(self, url: str, error: LineError) -> None:
        """Keeps why a line was not loaded.

        Raises:
            RedshiftError: It is one error too many.
        """
        column = error.column
        self.refused.append(
            self.common
            | {"file_name": url, "line_number": error.line, "position": error.position}
            | {"column_name": column.name if column else "", "column_type": column.type_name if column else ""}
            | {"column_length": str(column.length or "") if column else ""}
            | {"error_code": error.code, "error_message": error.message}
        )
        if len(self.refused) >= self.command.errors_allowed:
            message = f"Load into table '{self.name}' failed.  Check 'sys_load_error_detail' system table for details."
            raise RedshiftError(message, INTERNAL_ERROR)
