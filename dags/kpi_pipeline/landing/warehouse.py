"""The Redshift side of landing: the lock, the COPYs and the ledger of one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import redshift_connector

from kpi_pipeline.landing.errors import WAREHOUSE_ERRORS, LandingError, TransientLandingError
from kpi_pipeline.landing.files import File, Manifest
from kpi_pipeline.landing.tables import Table
from kpi_pipeline.sql import render

_ROWS_AN_INSERT = 500
ALL_KEYS = ("", "\U0010ffff")
"""The lowest and the highest key: Redshift compares bytes, and so does S3 when it sorts."""


@dataclass(frozen=True)
class Refusal:
    """A line that COPY could not take; the header is line 1."""

    line_number: int
    column_name: str
    reason: str
    raw_line: str = ""


@dataclass(frozen=True)
class LoadedFile:
    """What a COPY did with a file: the lines that it read, the header aside, and those that it refused."""

    file: File
    line_count: int
    refusals: tuple[Refusal, ...]
    copy_id: int

    @property
    def landed_count(self) -> int:
        """Lines that became rows."""
        return self.line_count - len(self.refusals)


class CopyFailed(Exception):
    """COPY gave up; ``files`` have the lines that it could not take. The transaction is rolled back."""

    def __init__(self, files: list[LoadedFile]) -> None:
        super().__init__()
        self.files = files


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
        except Exception:
            # A broken connection can't be asked to, and needs not be: Redshift rolls back what it did.
            with suppress(*WAREHOUSE_ERRORS):
                self._connection.rollback()
            raise
        self._connection.commit()

    def lock(self, table: Table) -> None:
        """Wait for other loads of the table, and make sure that the transaction's time names no batch yet.

        It must be the transaction's first statement: at SNAPSHOT isolation the first one that reads fixes what the
        transaction sees, and a snapshot taken before the wait would miss what the other load did.

        Raises:
            TransientLandingError: A batch of the table has this very time: the later one would pass for transformed.
        """
        self._execute(f"lock {self._schema}.lock_{table.name}")
        if self._query("batches_of_this_time", table=table.name)[0][0]:
            raise TransientLandingError(
                f"Another load of {table.name} began in the same microsecond, and the two could not be told apart by "
                f"their time: nothing was loaded, and the next try has another time."
            )

    def keep_new(self, table: Table, files: Iterable[File], keys: tuple[str, str] = ALL_KEYS) -> list[File]:
        """Return the files that are to be loaded; the ledger is read first, then the files are met one by one.

        Of a snapshot, a version that is not its key's newest (A, B, then A again are three loads); of streams, a
        version that never landed.

        Args:
            table: The landing table.
            files: Its files; they may be listed while this runs.
            keys: The lowest and the highest key that they may have: the ledger is read no further.
        """
        query = "newest_versions" if table.is_snapshot else "loaded_versions"
        versions = {(row[0], row[1]) for row in self._versions(query, table, keys)}
        return [file for file in files if (file.key, file.etag) not in versions]

    def is_listed_whole(self, table: Table, hours: int) -> bool:
        """Whether every object of the table was looked at within the last hours."""
        return bool(self._query("whole_listings", table=table.name, hours=hours)[0][0])

    def record_whole_listing(self, table: Table) -> None:
        """Write down that every object of the table was looked at, and what was new among them has landed."""
        with self.transaction():
            self._execute(f"delete from {self._schema}.whole_listings where table_name = %s", table.name)
            self._insert("whole_listings", [{"table_name": table.name}])

    def count_of_newest(self, table: Table) -> int | None:
        """Return the rows that the newest version of a snapshot had, or None where none has landed."""
        rows = self._versions("newest_versions", table, ALL_KEYS)
        return int(max(rows, key=lambda row: row[3])[2]) if rows else None

    def delete_rows(self, table: Table) -> None:
        """Empty a snapshot's table. TRUNCATE would commit the transaction."""
        self._execute(f"delete from {self._schema}.{table.name}")

    def copy(self, table: Table, manifest: Manifest, iam_role: str) -> list[LoadedFile]:
        """COPY the files of a manifest and account for every line.

        Raises:
            CopyFailed: COPY gave up, because it met too many lines that it could not take.
            LandingError: The lines that COPY read are not its rows and refused lines.
        """
        role = iam_role if iam_role == "default" else f"'{iam_role}'"
        quoted = ", ".join(f'"{column}"' for column in manifest.columns)
        names = {"table": table.name, "columns": quoted, "manifest": manifest.url, "iam_role": role}
        try:
            self._execute(render("copy_files", schema=self._schema, **names))
        except redshift_connector.ProgrammingError as error:
            if not any(view in str(error) for view in ("sys_load_error_detail", "stl_load_errors")):
                raise
            self._connection.rollback()
            failed_id = self._query("last_failed_copy")[0][0]
            raise CopyFailed(self._loaded_files(manifest, int(failed_id))) from error
        copy_id, landed_count = map(int, self._query("last_copy")[0])
        loaded = self._loaded_files(manifest, copy_id)
        if sum(file.landed_count for file in loaded) != landed_count:
            raise LandingError(
                f"COPY {copy_id} into {table.name} read {sum(file.line_count for file in loaded)} lines, refused "
                f"{sum(len(file.refusals) for file in loaded)} and loaded {landed_count} rows: that does not add up, "
                f"so it was rolled back. Look at sys_load_detail and sys_load_error_detail for query {copy_id}."
            )
        return loaded

    def check_row_count(self, table: Table, loaded: list[LoadedFile]) -> None:
        """Count what the table holds of this transaction's COPYs.

        Raises:
            LandingError: These are not the rows that the COPYs reported.
        """
        row_count = int(self._query("rows_of_this_time", table=table.name)[0][0])
        landed_count = sum(file.landed_count for file in loaded)
        if row_count != landed_count:
            raise LandingError(
                f"COPY reported {landed_count} rows of {len(loaded)} files and {self._schema}.{table.name} holds "
                f"{row_count} of them: that does not add up, so it was rolled back. Look at sys_load_history for query "
                f"{loaded[-1].copy_id}."
            )

    def record(self, table: Table, loaded: list[LoadedFile]) -> None:
        """Write the ledger and the refused lines, inside the transaction of their COPYs, which holds the lock."""
        batch_number = int(self._query("next_batch_number", table=table.name)[0][0])
        self._insert(
            "loaded_files",
            [
                {
                    "table_name": table.name,
                    "key": file.file.key,
                    "etag": file.file.etag,
                    "size_bytes": file.file.size,
                    "line_count": file.line_count,
                    "landed_count": file.landed_count,
                    "refused_line_count": len(file.refusals),
                    "copy_id": file.copy_id,
                    "run_id": self._run_id,
                    "batch_number": batch_number,
                }
                for file in loaded
            ],
        )
        self._record_refusals(table, loaded, is_rolled_back=False)

    def rollback_keeping(self, table: Table, loaded: list[LoadedFile]) -> None:
        """Roll back the load and write its refused lines in a transaction of their own."""
        self._connection.rollback()
        self._record_refusals(table, loaded, is_rolled_back=True)
        self._connection.commit()

    def _record_refusals(self, table: Table, loaded: list[LoadedFile], *, is_rolled_back: bool) -> None:
        self._insert(
            "refused_lines",
            [
                {
                    "table_name": table.name,
                    "key": file.file.key,
                    "etag": file.file.etag,
                    "line_number": refusal.line_number,
                    "column_name": refusal.column_name,
                    "reason": refusal.reason,
                    "raw_line": refusal.raw_line,
                    "is_rolled_back": is_rolled_back,
                    "run_id": self._run_id,
                }
                for file in loaded
                for refusal in file.refusals
            ],
        )

    def _loaded_files(self, manifest: Manifest, copy_id: int) -> list[LoadedFile]:
        """Read from the system tables what a COPY did."""
        lines = {_as_shown(row[0]): int(row[1]) for row in self._query("scanned_files", copy_id=copy_id)}
        # A file that has a header and no row shows whether the header counts. A row that is lost can't look like it.
        header_lines = lines.get(_as_shown(manifest.header_only_url), 0)
        refused: dict[str, list[Refusal]] = {}
        for line_number, url, column, reason in self._query("refused_lines_of_copy", copy_id=copy_id):
            refused.setdefault(_as_shown(url), []).append(Refusal(int(line_number), column or "", reason or ""))
        return [
            LoadedFile(file, lines[url] - header_lines if url in lines else 0, tuple(refused.get(url, ())), copy_id)
            for file in manifest.files
            for url in (_as_shown(file.url),)
        ]

    def _insert(self, table: str, rows: list[dict[str, Any]]) -> None:
        for start in range(0, len(rows), _ROWS_AN_INSERT):
            part = rows[start : start + _ROWS_AN_INSERT]
            values = ", ".join([f"({', '.join(['%s'] * len(part[0]))})"] * len(part))
            statement = f"insert into {self._schema}.{table} ({', '.join(part[0])}) values {values}"
            self._execute(statement, *(value for row in part for value in row.values()))

    def _versions(self, query: str, table: Table, keys: tuple[str, str]) -> list[Any]:
        return self._query(query, *keys, table=table.name, lowest_key="%s", highest_key="%s")

    def _query(self, query: str, *parameters: Any, **names: object) -> list[Any]:
        with self._connection.cursor() as cursor:
            cursor.execute(render(query, schema=self._schema, **names), parameters)
            return list(cursor.fetchall())

    def _execute(self, statement: str, *parameters: Any) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, parameters)


def _as_shown(url: str) -> str:
    """Return a file's name as the system tables show it: cut at 256 bytes (SYS_LOAD_DETAIL, file_name)."""
    return url.encode()[:256].decode(errors="ignore").rstrip(" ")
