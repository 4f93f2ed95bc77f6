"""The Redshift side of landing: the lock, the COPYs and the ledger of one transaction."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import redshift_connector

from kpi_pipeline.landing.accounts import LoadedFile, Refusal
from kpi_pipeline.landing.errors import WAREHOUSE_ERRORS, LandingError, TransientLandingError
from kpi_pipeline.landing.files import File
from kpi_pipeline.landing.manifests import Manifest
from kpi_pipeline.landing.tables import Table
from kpi_pipeline.sql import render

_ROWS_AN_INSERT = 500
VIEWS_LAG_SECONDS = 30.0
"""How long the system views are read again: they do not use the same consistency model as tables, and may be late."""
ALL_KEYS = ("", "\U0010ffff")
"""The lowest and the highest key: Redshift compares bytes, and so does S3 when it sorts."""


@dataclass(frozen=True)
class Versions:
    """Versions that landed: of a snapshot the newest one, of streams all.

    Attributes:
        etags: Each key and ETag.
        checksums: By key, those that the ledger has.
        batch_numbers: Of a snapshot, when the newest version of each key landed, by key and ETag.
    """

    etags: frozenset[tuple[str, str]]
    checksums: Mapping[str, set[str]]
    batch_numbers: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def __contains__(self, file: File) -> bool:
        """Tell whether the file's version is among them."""
        return (file.key, file.etag) in self.etags


class CopyFailed(Exception):
    """COPY gave up, because it met too many lines that it could not take; the transaction is rolled back.

    Attributes:
        files: The files that have such lines, with these.
        is_of_several: Whether it loaded several files.
    """

    def __init__(self, files: list[LoadedFile], *, is_of_several: bool) -> None:
        super().__init__()
        self.files, self.is_of_several = files, is_of_several


class CountsDiffer(Exception):
    """Redshift's views disagree about a COPY of several files: COPYs of one file each can tell whose rows these are.

    Attributes:
        sentence: What they say.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True)
class _Copy:
    """A COPY that went through: Redshift's number of it, its rows, and the time of its transaction."""

    copy_id: int
    landed_count: int
    since: object

    def names(self, has_etags: bool | None = None) -> dict[str, object]:
        """Return what the queries about it are rendered with."""
        names: dict[str, object] = {"copy_id": self.copy_id, "since": self.since}
        return names if has_etags is None else {**names, "has_etags": has_etags}


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

    def versions(self, table: Table, keys: tuple[str, str] = ALL_KEYS) -> Versions:
        """Read from the ledger what has landed.

        Of a snapshot, the newest version of all: A, then B, then A again are three loads, under one key or under two.

        Args:
            table: The landing table.
            keys: The lowest and the highest key to read; a snapshot has few, and they are all read.
        """
        numbers: dict[tuple[str, str], int] = {}
        if table.is_snapshot:
            of_keys = self._versions("newest_versions", table, ALL_KEYS)
            numbers = {(key, etag): int(number) for key, etag, _, _, number in of_keys}
            rows = [row[:3] for row in sorted(of_keys, key=lambda row: row[4])[-1:]]
        else:
            rows = self._versions("loaded_versions", table, keys)
        checksums: dict[str, set[str]] = {}
        for key, _, checksum in rows:
            if checksum:
                checksums.setdefault(key, set()).add(checksum)
        return Versions(frozenset((row[0], row[1]) for row in rows), checksums, numbers)

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
        newest = self._newest_version(table)
        return int(newest[3]) if newest else None

    def _newest_version(self, table: Table) -> Any:
        rows = self._versions("newest_versions", table, ALL_KEYS)
        return max(rows, key=lambda row: row[4], default=None)

    def delete_rows(self, table: Table) -> None:
        """Empty a snapshot's table. TRUNCATE would commit the transaction."""
        self._execute(f"delete from {self._schema}.{table.name}")

    def copy(self, table: Table, manifest: Manifest, iam_role: str) -> list[LoadedFile]:
        """COPY the files of a manifest and account for every line.

        Raises:
            CopyFailed: COPY gave up, because it met too many lines that it could not take.
            CountsDiffer: The rows of several files are not the lines that COPY read less those that it refused.
            TransientLandingError: The system views still do not show all of the COPY.
        """
        role = iam_role if iam_role == "default" else f"'{iam_role}'"
        quoted = ", ".join(f'"{column}"' for column in manifest.columns)
        names = {"table": table.name, "columns": quoted, "manifest": manifest.url, "iam_role": role}
        since = self._query("transaction_time")[0][0]
        try:
            compression = "gzip" if manifest.is_gzip else ""
            self._execute(render("copy_files", schema=self._schema, compression=compression, **names))
        except redshift_connector.ProgrammingError as error:
            if not any(view in str(error) for view in ("sys_load_error_detail", "stl_load_errors")):
                raise
            self._connection.rollback()
            failed = self._failed_files(manifest, since)
            raise CopyFailed(failed, is_of_several=len(manifest.files) > 1) from error
        copy_id, landed_count = map(int, self._query("last_copy")[0])
        return self._accounts(table, manifest, _Copy(copy_id, landed_count, since))

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

    def record(self, table: Table, loaded: list[LoadedFile], checksums: Mapping[File, str]) -> None:
        """Write the ledger and the refused lines, inside the transaction of their COPYs, which holds the lock."""
        batch_number = int(self._query("next_batch_number", table=table.name)[0][0])
        self._insert(
            "loaded_files",
            [
                {
                    "table_name": table.name,
                    "key": file.file.key,
                    "etag": file.file.etag,
                    "checksum": checksums.get(file.file) or None,
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
        self.keep_refusals(table, loaded)

    def keep_refusals(self, table: Table, loaded: list[LoadedFile]) -> None:
        """Write the refused lines of files that were rolled back, and commit."""
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

    def _accounts(self, table: Table, manifest: Manifest, copy: _Copy) -> list[LoadedFile]:
        """Read from the system views what a COPY did with each file, until they agree or time is up."""
        shown = {file: _as_shown(file.url) for file in manifest.files}
        give_up_at = time.monotonic() + VIEWS_LAG_SECONDS
        while True:
            scanned = {_as_shown(row[0]): row for row in self._query("scanned_files", **copy.names(self._has_etags))}
            refused, error_count = self._refusals(copy)
            totals = self._query("copy_totals", **copy.names())
            # A file that has a header and no row shows whether the header counts. A lost row cannot produce this count.
            header_lines = int(scanned[header][1]) if (header := _as_shown(manifest.header_only_url)) in scanned else 0
            missing = [url for url in (header, *shown.values()) if url not in scanned]
            read_count = sum(int(scanned[url][1]) - header_lines for url in shown.values() if url in scanned)
            refused_count = sum(map(len, refused.values()))
            has_all_errors = bool(totals) and int(totals[0][1] or 0) in (error_count, refused_count)
            agrees = has_all_errors and read_count - refused_count == copy.landed_count == int(totals[0][0] or 0)
            if (agrees and not missing) or time.monotonic() >= give_up_at:
                break
            # Where every line is shown, a disagreement is none of time: one more look is enough.
            if not missing and has_all_errors:
                give_up_at = min(give_up_at, time.monotonic() + 1)
            time.sleep(0.5)
        if missing or not totals:
            raise TransientLandingError(
                f"Redshift's system views do not show COPY {copy.copy_id} into {table.name} after "
                f"{VIEWS_LAG_SECONDS:.0f} s: it was rolled back, and the next try starts anew."
            )
        disagreement = (
            ""
            if agrees
            else (
                f"COPY {copy.copy_id} into {table.name} read {read_count} lines, refused {refused_count} and loaded "
                f"{copy.landed_count} rows: that does not add up, so it was rolled back. Look at sys_load_detail and "
                f"sys_load_error_detail for query {copy.copy_id}."
            )
        )
        if disagreement and len(manifest.files) > 1:
            raise CountsDiffer(disagreement)
        loaded = []
        for file, url in shown.items():
            refusals = tuple(refused.get(url, ()))
            landed = copy.landed_count if disagreement else int(scanned[url][1]) - header_lines - len(refusals)
            etags = tuple({etag.strip('" ') for etag in scanned[url][2:] if etag and etag.strip('" ')})
            loaded.append(LoadedFile(file, landed, refusals, copy.copy_id, etags, disagreement))
        return loaded

    def _refusals(self, copy: _Copy) -> tuple[dict[str, list[Refusal]], int]:
        """Read the lines that a COPY refused, by file, and how many errors these had."""
        refused: dict[str, list[Refusal]] = {}
        error_count = 0
        for url, line_number, column, reason, errors in self._query("refused_lines_of_copy", **copy.names()):
            number = int(line_number or 0) or -1
            refused.setdefault(_as_shown(url), []).append(Refusal(number, column or "", reason or ""))
            error_count += int(errors)
        return refused, error_count

    def _failed_files(self, manifest: Manifest, since: object) -> list[LoadedFile]:
        """Find the COPY that has just failed by its files, and read which lines it refused.

        Raises:
            TransientLandingError: The system views do not show it.
        """
        shown = {_as_shown(file.url): file for file in manifest.files}
        give_up_at = time.monotonic() + VIEWS_LAG_SECONDS
        while True:
            rows = self._query("failed_copies", since=since)
            found = next((int(row[0]) for row in rows if _as_shown(row[1]) in shown), None)
            if found is not None:
                break
            if time.monotonic() >= give_up_at:
                raise TransientLandingError(
                    f"Redshift refused lines of {manifest.files[0].url} or of a file beside it, and its system views "
                    f"do not show them after {VIEWS_LAG_SECONDS:.0f} s: nothing was kept, and the next try starts anew."
                )
            # The transaction is over; another one sees what the views have by now.
            self._connection.rollback()
            time.sleep(0.5)
        refused, _ = self._refusals(_Copy(found, 0, since))
        return [
            LoadedFile(file, 0, tuple(refused[url]), found, is_counted=False)
            for url, file in shown.items()
            if url in refused
        ]

    @cached_property
    def _has_etags(self) -> bool:
        return bool(self._query("load_detail_has_etags")[0][0])

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
