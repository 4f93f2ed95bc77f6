"""The Redshift side of landing: the lock, the COPYs and the ledger of one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from kpi_pipeline.landing.errors import LandingError
from kpi_pipeline.landing.files import File
from kpi_pipeline.landing.tables import Table
from kpi_pipeline.sql import render

_ROWS_AN_INSERT = 500


@dataclass(frozen=True)
class Refusal:
    """A line that COPY could not take; the header is line 1."""

    file: File
    line_number: int
    column_name: str
    reason: str
    raw_line: str

    def with_raw_line(self, raw_line: str) -> Refusal:
        """Return the refusal with the line's text."""
        return replace(self, raw_line=raw_line)


@dataclass(frozen=True)
class LoadedFile:
    """What a COPY did with a file; ``refusals`` are (line number, column, reason)."""

    file: File
    line_count: int
    refusals: list[tuple[int, str, str]]

    @property
    def row_count(self) -> int:
        """Lines that became rows."""
        return self.line_count - len(self.refusals)


@dataclass(frozen=True)
class Copy:
    """A COPY: Redshift's query id, and its files."""

    copy_id: int
    files: list[LoadedFile]


class Warehouse:
    """A connection to Redshift, as landing uses it.

    Args:
        connection: A DB-API connection of redshift_connector with autocommit off.
        schema: The landing schema.
        run_id: The orchestrator's run, for the ledger.
    """

    def __init__(self, connection: Any, schema: str, run_id: str) -> None:
        """Keep the connection; nothing is sent yet."""
        self._connection, self._schema, self._run_id = connection, schema, run_id

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what the block did, or roll it back."""
        self._connection.rollback()
        try:
            yield
            self._connection.commit()
        except BaseException:
            self._connection.rollback()
            raise

    def lock(self, table: Table) -> None:
        """Wait for other loads of the table.

        It must be the transaction's first statement: at SNAPSHOT isolation the first one that reads fixes what the
        transaction sees, and a snapshot taken before the wait would miss what the other load did.
        """
        self._execute(f"lock {self._schema}.lock_{table.name}")

    def keep_new(self, table: Table, files: list[File]) -> list[File]:
        """Return the files that are to be loaded.

        Of a snapshot, a version that is not its key's newest (A, B, then A again are three loads); of streams, a
        version that never landed.
        """
        query = "newest_versions" if table.is_snapshot else "loaded_versions"
        versions = {(row[0], row[1]) for row in self._query(query, table=table.name)}
        return [file for file in files if (file.key, file.etag) not in versions]

    def row_count_of_newest(self, table: Table) -> int | None:
        """Return the rows of a snapshot's newest version, or None where none has landed."""
        if not table.is_snapshot:
            return None
        rows = self._query("newest_versions", table=table.name)
        return int(rows[0][2]) if rows else None

    def delete_rows(self, table: Table) -> None:
        """Empty a snapshot's table. TRUNCATE would commit the transaction."""
        self._execute(f"delete from {self._schema}.{table.name}")

    def copy(self, table: Table, manifest: str, columns: tuple[str, ...], files: list[File], iam_role: str) -> Copy:
        """COPY the files of a manifest, whose headers are all ``columns``, and account for every line.

        Raises:
            LandingError: The lines that COPY read are not its rows and refused lines.
        """
        role = iam_role if iam_role == "default" else f"'{iam_role}'"
        quoted = ", ".join(f'"{column}"' for column in columns)
        names = {"table": table.name, "columns": quoted, "manifest": manifest, "iam_role": role}
        self._execute(render("copy_files", schema=self._schema, **names))
        copy_id, row_count = self._query("last_copy")[0]
        lines = {row[0]: int(row[1]) for row in self._query("scanned_files", copy_id=copy_id)}
        refused: dict[str, list[tuple[int, str, str]]] = {}
        for line_number, url, column, reason in self._query("refused_lines_of_copy", copy_id=copy_id):
            refused.setdefault(url, []).append((int(line_number), column or "", reason or ""))
        by_url = {file.url.encode()[:256].decode(errors="ignore"): file for file in files}
        scanned = [LoadedFile(file, lines.get(url, 0), refused.get(url, [])) for url, file in by_url.items()]
        unread = sum(file.line_count for file in scanned) - sum(len(file.refusals) for file in scanned) - row_count
        if unread == len(scanned) > 0:
            # The header was counted as a line of each file.
            scanned = [replace(file, line_count=file.line_count - 1) for file in scanned]
        elif unread:
            raise LandingError(
                f"COPY {copy_id} into {table.name} read {sum(lines.values())} lines, loaded {row_count} rows "
                f"and refused {sum(map(len, refused.values()))} lines: that does not add up, so it was rolled back."
            )
        return Copy(int(copy_id), scanned)

    def record(self, table: Table, copies: list[Copy], refusals: list[Refusal]) -> None:
        """Write the ledger and the refused lines, inside the transaction of their COPYs."""
        self._insert(
            "loaded_files",
            "table_name key etag size_bytes line_count landed_count refused_line_count copy_id run_id",
            [
                (
                    table.name,
                    loaded.file.key,
                    loaded.file.etag,
                    loaded.file.size,
                    loaded.line_count,
                    loaded.row_count,
                    len(loaded.refusals),
                    copy.copy_id,
                    self._run_id,
                )
                for copy in copies
                for loaded in copy.files
            ],
        )
        self._record_refusals(table, refusals, is_rolled_back=False)

    def rollback_keeping(self, table: Table, refusals: list[Refusal]) -> None:
        """Roll back the load and write its refused lines in a transaction of their own."""
        self._connection.rollback()
        self._record_refusals(table, refusals, is_rolled_back=True)
        self._connection.commit()

    def _record_refusals(self, table: Table, refusals: list[Refusal], *, is_rolled_back: bool) -> None:
        self._insert(
            "refused_lines",
            "table_name key etag line_number column_name reason raw_line is_rolled_back run_id",
            [
                (
                    table.name,
                    refusal.file.key,
                    refusal.file.etag,
                    refusal.line_number,
                    refusal.column_name,
                    refusal.reason,
                    refusal.raw_line,
                    is_rolled_back,
                    self._run_id,
                )
                for refusal in refusals
            ],
        )

    def _insert(self, table: str, columns: str, rows: list[tuple[Any, ...]]) -> None:
        names = columns.split()
        row = f"({', '.join(['%s'] * len(names))})"
        for start in range(0, len(rows), _ROWS_AN_INSERT):
            part = rows[start : start + _ROWS_AN_INSERT]
            statement = f"insert into {self._schema}.{table} ({', '.join(names)}) values {', '.join([row] * len(part))}"
            self._execute(statement, *(value for values in part for value in values))

    def _query(self, query: str, **names: object) -> list[Any]:
        with self._connection.cursor() as cursor:
            cursor.execute(render(query, schema=self._schema, **names))
            return list(cursor.fetchall())

    def _execute(self, statement: str, *parameters: Any) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, parameters)
