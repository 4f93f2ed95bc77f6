"""A load. The objects of a COPY are streamed from S3 into PostgreSQL's own COPY, in the transaction of the client.

A file is first sent as it is, inside a savepoint. Only if PostgreSQL refuses something is it sent again, line by line
(lines.py), which finds the lines that Redshift would reject, and lets the rest in as far as MAXERROR allows.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from typing import Any

from ..catalogue.statistics import after_load
from ..errors import INTERNAL_ERROR, UNDEFINED_TABLE, RedshiftError
from ..names import regclass
from ..postgres.connection import Connection
from ..sql.copy import Copy
from .files import Loader
from .lines import LONGEST_RECORD, Column, LineError, Lines

STRAY_QUOTE = re.compile(rb'[^,"\r\n]"[^,"\r\n]')  # in no valid CSV; PostgreSQL would read on
FAST_TYPES = "varchar bpchar int2 int4 int8 float4 float8 bool numeric date timestamp timestamptz".split()
NEEDS_LINES = "ACCEPTINVCHARS BLANKSASNULL DATEFORMAT EMPTYASNULL FILLRECORD TIMEFORMAT TRIMBLANKS".split()


class NotPlain(Exception):
    """A file that PostgreSQL's own reading of CSV would read differently from Redshift."""


def load(loader: Loader, connection: Connection, command: Copy) -> str:
    """Run a COPY in the connection's transaction, or in one of its own.

    Returns:
        What Redshift tells the client about it.

    Raises:
        RedshiftError: The load failed; the reasons are in the log.
    """
    work = Load(loader, connection, command)
    with connection.together():
        loaded = work.run()
        after_load(connection, command.table, loaded)
        if loaded:
            log_insert(loader, connection, command.table)
    connection.query(f"select pg_postgres.setval('pg_redshift.copy_count', {loaded})")
    return f"Load into table '{work.name}' completed, {loaded} record(s) loaded successfully."


def log_insert(loader: Loader, connection: Connection, table: str) -> None:
    """Log that rows were inserted into a table, which SYS_QUERY_DETAIL shows."""
    if connection.has_failed:
        return
    found = connection.records(
        "select t.oid::bigint as table_id, relname as table_name, current_database() as database_name,"
        " pg_backend_pid() as session_id, (select usesysid from pg_user where usename = current_user) as user_id"
        f" from pg_class t where t.oid = {regclass(table)}"
    )
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    loader.write("query_detail", [row | {"step_name": "insert", "start_time": now, "end_time": now} for row in found])


class Load:
    """One run of COPY."""

    def __init__(self, loader: Loader, connection: Connection, command: Copy) -> None:
        self.loader = loader
        self.connection = connection
        self.command = command
        self.start = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
        (self.common,) = self.connection.records(
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
        query_id = int(connection.query(ids)[0][0] or 0)
        self.common |= {"query_id": query_id, "transaction_id": query_id, "start_time": self.start}
        self.refused: list[dict[str, Any]] = []
        self.null = command.options.get("NULL", "\\N")

    def target_columns(self) -> list[Column]:
        """Return the columns to load, in the order of the fields of a line."""
        rows = self.connection.records(
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
        """Load each file and return the number of rows loaded.

        Raises:
            RedshiftError: At the number of errors that MAXERROR names.
        """
        connection, dry = self.connection, "NOLOAD" in self.command.options
        connection.query("savepoint copy_all")
        loaded, files, quirks = 0, [], self.loader.quirks()
        try:
            for item in self.loader.sources(self.command):
                before = len(self.refused)
                count = self.load_file(item["file_name"])
                loaded += count
                splits = self.loader.splits(self.command, item["bytes_scanned"])
                for refused in self.refused[before:] if splits > 1 else []:
                    refused["line_number"] = -1
                scanned = count + len(self.refused) - before
                if quirks.get("counts_physical_lines"):
                    scanned = self.loader.count_lines(item["file_name"], self.command)
                item |= {"file_etag": None} if quirks.get("no_etags") else {}
                files.append(item | {"lines_scanned": scanned, "splits_scanned": splits})
        finally:
            self.loader.write("load_error_detail", self.refused)
        connection.query("rollback to savepoint copy_all" if dry else "release savepoint copy_all")
        loaded = 0 if dry else loaded
        end = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
        times = {
            "record_time": end,
            "end_time": end,
            "duration": (end - self.start) // datetime.timedelta(microseconds=1),
        }
        self.loader.write("load_detail", [self.common | times | file for file in files])
        size = sum(file["bytes_scanned"] for file in files)
        total = {"status": "completed", "data_source": self.command.source, "file_format": "CSV", "loaded_rows": loaded}
        total |= {"loaded_bytes": size, "source_file_count": len(files), "source_file_bytes": size}
        self.loader.write("load_history", [self.common | times | total | {"error_count": len(self.refused)}])
        return loaded

    def load_file(self, url: str) -> int:
        """Load one object and return the number of rows loaded."""
        self.connection.query("savepoint copy_file")
        try:
            if (count := self.load_plain(url)) is None:
                count = self.load_lines(url)
        except UnicodeError:  # the file is skipped: copy-parameters-data-conversion.html
            self.connection.query("rollback to savepoint copy_file")
            specified = self.command.encoding
            message = f"Encoding of the file is not the same as that specified in the COPY command: {specified}"
            self.refuse(url, LineError(0, 1221, message))
            count = 0
        self.connection.query("release savepoint copy_file")
        return count

    def load_plain(self, url: str) -> int | None:
        """Load one object as it is and return the number of rows; None if PostgreSQL reads it differently."""
        if not self.is_plain():
            return None
        # The date style is the format that Redshift takes by default
        self.connection.query("set local datestyle = 'ISO, YMD'")
        try:
            count = self.connection.copy_in(self.plain_copy(), self.checked(self.loader.chunks(url, self.command)))
        except (NotPlain, RedshiftError):
            self.connection.query("rollback to savepoint copy_file")
            return None
        self.connection.query(f"set local datestyle = '{self.datestyle}'")
        return count

    def is_plain(self) -> bool:
        """Return whether PostgreSQL's own reading of CSV is Redshift's."""
        options = self.command.options
        return (
            "CSV" in options
            and not any(option in options for option in NEEDS_LINES)
            and all(column.kind in FAST_TYPES for column in self.columns)
            # PostgreSQL refuses a blank line, and the file is read again, unless one column could be blank
            and not ("IGNOREBLANKLINES" in options and len(self.columns) == 1)
        )

    def plain_copy(self) -> str:
        """Return PostgreSQL's COPY of a CSV file; an empty field is empty text in a character column, else null."""
        texts = ", ".join(column.quoted for column in self.columns if column.is_text)
        quote = self.command.options.get("QUOTE", '"').replace("'", "''")
        options = f"format csv, delimiter '{self.command.delimiter}', quote '{quote}', null ''"
        if texts and not self.null:
            options += f", force_null ({texts})"
        elif texts:
            options += f", force_not_null ({texts})"
        return f"copy {self.target} from stdin with ({options})"

    def checked(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the chunks, up to one that PostgreSQL would accept and Redshift would not, or read differently.

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
        """Load one object line by line and return the number of rows loaded.

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

        connection = self.connection
        connection.notices.clear()
        sql = f"copy {self.target} from stdin with (on_error ignore, log_verbosity verbose)"
        loaded = connection.copy_in(sql, rows())
        for notice in connection.notices:
            if error := lines.error_of(notice):
                self.refuse(url, error)
        return loaded

    def refuse(self, url: str, error: LineError) -> None:
        """Keep why a line was not loaded.

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
