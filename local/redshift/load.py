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
import zlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .copy import ENCODINGS, Copy
from .errors import INTERNAL_ERROR, UNDEFINED_TABLE, RedshiftError
from .lines import LONGEST_RECORD, Column, LineError, Lines
from .table_statistics import after_load
from .words import regclass

if TYPE_CHECKING:
    from .session import Session

CHUNK = 1 << 20  # bytes read from S3 at once
STRAY_QUOTE = re.compile(rb'[^,"\r\n]"[^,"\r\n]')  # in no valid CSV; PostgreSQL would read on
FAST_TYPES = "varchar bpchar int2 int4 int8 float4 float8 bool numeric date timestamp timestamptz".split()
NEEDS_LINES = "ACCEPTINVCHARS BLANKSASNULL DATEFORMAT EMPTYASNULL FILLRECORD TIMEFORMAT TRIMBLANKS".split()


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

    @functools.cached_property
    def s3(self) -> Any:
        """The local S3."""
        import boto3  # half a second to import: at the first COPY, not at every start
        from botocore.config import Config

        return boto3.resource(
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
        with session.together():
            loaded = load.run()
            after_load(session, command.table, loaded)
        session.query(f"select pg_postgres.setval('pg_redshift.copy_count', {loaded})")
        session.notice(f"Load into table '{load.name}' completed, {loaded} record(s) loaded successfully.")
        return "COPY"

    def quirks(self) -> dict[str, Any]:
        """What AWS leaves open and a test wants otherwise; the file `load_log/quirks.json`, see the README."""
        try:
            return json.loads((self.directory / "quirks.json").read_text())
        except FileNotFoundError:
            return {}

    def write(self, kind: str, rows: list[dict[str, Any]], later: float = 0) -> None:
        """Appends to a log, at once or some seconds later."""
        if later:
            threading.Timer(later, self.write, (kind, rows)).start()
            return
        text = "".join(json.dumps(row, default=str) + "\n" for row in rows)
        with self.lock, (self.directory / kind).open("a", encoding="utf-8") as file:
            file.write(text)

    def object(self, url: str) -> Any:
        """An object by its address: s3://bucket/key."""
        bucket, _, key = url.removeprefix("s3://").partition("/")
        return self.s3.ObjectSummary(bucket, key)

    def chunks(self, url: str, command: Copy) -> Iterator[bytes]:
        """The bytes of an object, decompressed and in UTF-8, without its header lines.

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

    def sources(self, command: Copy) -> list[dict[str, Any]]:
        """The objects to load as SYS_LOAD_DETAIL shows them.

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
        """The objects that a manifest names and that are there."""
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
    """The next piece of an object.

    Raises:
        RedshiftError: What is compressed is corrupt or cut off.
    """
    try:
        return body.read(CHUNK)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise RedshiftError(f"Failed to decompress {url}: {error}", INTERNAL_ERROR) from error


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
        (self.common,) = self.rows(
            "select usesysid as user_id, pg_backend_pid() as session_id, current_database() as database_name,"
            " t.oid::bigint as table_id, relname as table_name, current_setting('datestyle') as datestyle from pg_user"
            f" left join pg_class t on t.oid = {regclass(command.table)} where usename = current_user"
        )
        self.datestyle = self.common.pop("datestyle")
        self.name = self.common["table_name"]
        if self.name is None:
            raise RedshiftError(f"Cannot COPY into nonexistent table {command.table}", UNDEFINED_TABLE)
        self.columns = self.target_columns()
        self.target = f"{command.table} ({', '.join(column.quoted for column in self.columns)})"
        # What PG_LAST_COPY_ID and PG_LAST_COPY_COUNT answer: sequences keep it when the load fails
        ids = "select pg_postgres.nextval('pg_redshift.copy_id'), pg_postgres.setval('pg_redshift.copy_count', 0)"
        query_id = int(session.query(ids)[0][0] or 0)
        self.common |= {"query_id": query_id, "transaction_id": query_id, "start_time": self.start}
        self.refused: list[dict[str, Any]] = []
        self.is_split = False

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """What a query of our own answers."""
        answer = self.session.query(f"select pg_postgres.row_to_json(answer) from ({sql}) answer")
        return [json.loads(str(row)) for (row,) in answer]

    def target_columns(self) -> list[Column]:
        """The columns to load, in the order of the fields of a line."""
        rows = self.rows(
            "select attname as name, quote_ident(attname) as quoted, typname as kind, typcategory = 'S' as is_text,"
            " case when typcategory = 'S' and atttypmod > 4 then atttypmod - 4 end as length,"
            " case when typname = 'numeric' and atttypmod > 4 then (atttypmod - 4) & 2047 end as scale,"
            " attnotnull as not_null, attidentity <> '' as identity"
            " from pg_attribute join pg_type t on t.oid = atttypid"
            f" where attrelid = {self.common['table_id']} and attnum > 0 and not attisdropped order by attnum"
        )
        known = {row["name"]: Column(**row) for row in rows}
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
        quirks = self.loader.quirks()
        lag = quirks.get("lag_seconds", 0)
        session.query("savepoint copy_all")
        loaded, files = 0, []
        try:
            for item in self.loader.sources(self.command):
                before = len(self.refused)
                self.is_split = self.is_in_splits(item["bytes_scanned"], quirks.get("split_bytes"))
                count = self.load_file(item["file_name"])
                loaded += count
                scanned = count + len(self.refused) - before
                if quirks.get("counts_physical_lines"):
                    pieces = list(self.loader.chunks(item["file_name"], self.command))
                    scanned = sum(piece.count(b"\n") for piece in pieces) + (b"".join(pieces)[-1:] not in (b"", b"\n"))
                item |= {"file_etag": None} if quirks.get("no_etags") else {}
                files.append(item | {"lines_scanned": scanned})
        finally:
            self.loader.write("load_error_detail", self.refused, lag)
        session.query("rollback to savepoint copy_all" if dry else "release savepoint copy_all")
        loaded = 0 if dry else loaded
        end = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
        times = {
            "record_time": end,
            "end_time": end,
            "duration": (end - self.start) // datetime.timedelta(microseconds=1),
        }
        self.loader.write("load_detail", [self.common | times | {"splits_scanned": 1} | file for file in files], lag)
        size = sum(file["bytes_scanned"] for file in files)
        total = {"status": "completed", "data_source": self.command.source, "file_format": "CSV", "loaded_rows": loaded}
        total |= {"loaded_bytes": size, "source_file_count": len(files), "source_file_bytes": size}
        self.loader.write("load_history", [self.common | times | total | {"error_count": len(self.refused)}], lag)
        return loaded

    def is_in_splits(self, size: int, smallest: int | None) -> bool:
        """Whether COPY reads an object in several parts, so that it does not know the numbers of its lines."""
        return smallest is not None and size >= smallest and not {"GZIP", "BZIP2"} & self.command.options.keys()

    def load_file(self, url: str) -> int:
        """Loads one object; the number of rows loaded."""
        self.session.query("savepoint copy_file")
        try:
            if (count := self.load_plain(url)) is None:
                count = self.load_lines(url)
        except UnicodeError:  # the file is skipped: copy-parameters-data-conversion.html
            self.session.query("rollback to savepoint copy_file")
            specified = self.command.encoding
            message = f"Encoding of the file is not the same as that specified in the COPY command: {specified}"
            self.refuse(url, LineError(0, 1221, message))
            count = 0
        self.session.query("release savepoint copy_file")
        return count

    def load_plain(self, url: str) -> int | None:
        """Loads one object as it is, if PostgreSQL reads it as Redshift does; the number of rows loaded."""
        if not self.is_plain():
            return None
        # The date style is the format that Redshift takes by default
        self.session.query("set local datestyle = 'ISO, YMD'")
        try:
            count = self.session.copy_in(self.plain_copy(), self.checked(self.loader.chunks(url, self.command)))
        except (NotPlain, RedshiftError):
            self.session.query("rollback to savepoint copy_file")
            return None
        self.session.query(f"set local datestyle = '{self.datestyle}'")
        return count

    @property
    def null(self) -> str:
        """What is null in a file."""
        return self.command.options.get("NULL", "\\N")

    def is_plain(self) -> bool:
        """Whether PostgreSQL's own reading of CSV is Redshift's."""
        options = self.command.options
        return (
            "CSV" in options
            and not any(option in options for option in NEEDS_LINES)
            and all(column.kind in FAST_TYPES for column in self.columns)
            # PostgreSQL refuses a blank line, and the file is read again, unless one column could be blank
            and not ("IGNOREBLANKLINES" in options and len(self.columns) == 1)
        )

    def plain_copy(self) -> str:
        """PostgreSQL's COPY of a CSV file: an empty field is empty text in a character column, null in others."""
        texts = ", ".join(column.quoted for column in self.columns if column.is_text)
        quote = self.command.options.get("QUOTE", '"').replace("'", "''")
        options = f"format csv, delimiter '{self.command.delimiter}', quote '{quote}', null ''"
        if texts and not self.null:
            options += f", force_null ({texts})"
        elif texts:
            options += f", force_not_null ({texts})"
        return f"copy {self.target} from stdin with ({options})"

    def checked(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The chunks, up to one that PostgreSQL would accept and Redshift would not, or read differently.

        Raises:
            NotPlain: Such a chunk.
        """
        null, line_size = self.null.encode(), 0
        scales = [column.scale for column in self.columns if column.scale is not None]
        cut = scales and "ROUNDEC" not in self.command.options and re.compile(rb"[.]\d{%d}" % (min(scales) + 1))
        tail = b""
        for chunk in chunks:
            line_size = len(chunk) - chunk.rfind(b"\n") - 1 + (0 if b"\n" in chunk else line_size)
            if line_size > LONGEST_RECORD or (null and null in chunk) or (cut and cut.search(chunk)):
                raise NotPlain("needs a look at each line")
            if b'"' in chunk and STRAY_QUOTE.search(tail + chunk):
                raise NotPlain("needs a look at each line")
            tail = chunk[-2:]
            yield chunk

    def load_lines(self, url: str) -> int:
        """Loads one object line by line; the number of rows loaded.

        Raises:
            RedshiftError: Too many lines are refused.
        """
        lines = Lines(self.command, self.columns, self.loader.chunks(url, self.command))

        def rows() -> Iterator[bytes]:
            for row in lines.rows():
                if isinstance(row, LineError):
                    self.refuse(url, row)
                else:
                    yield row

        session = self.session
        session.notices.clear()
        sql = f"copy {self.target} from stdin with (on_error ignore, log_verbosity verbose)"
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
            | {"file_name": url, "line_number": -1 if self.is_split else error.line, "position": error.position}
            | {"column_name": column.name if column else "", "column_type": column.type_name if column else ""}
            | {"column_length": str(column.length or "") if column else ""}
            | {"error_code": error.code, "error_message": error.message}
        )
        if len(self.refused) >= self.command.errors_allowed:
            message = f"Load into table '{self.name}' failed.  Check 'sys_load_error_detail' system table for details."
            raise RedshiftError(message, INTERNAL_ERROR)
