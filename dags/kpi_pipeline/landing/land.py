"""Land the new files of a table, exactly once."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import redshift_connector

from kpi_pipeline.landing import accounts, versions
from kpi_pipeline.landing.accounts import LoadedFile
from kpi_pipeline.landing.contents import chunks
from kpi_pipeline.landing.errors import LandingError, explain
from kpi_pipeline.landing.files import File, Listing, side_by_side
from kpi_pipeline.landing.headers import Header, read_header
from kpi_pipeline.landing.manifests import Manifest, write_manifests
from kpi_pipeline.landing.quarantine import move_to_quarantine
from kpi_pipeline.landing.tables import TABLES, Table
from kpi_pipeline.landing.warehouse import ALL_KEYS, CopyFailed, CountsDiffer, Versions, Warehouse
from kpi_pipeline.settings import Settings

log = logging.getLogger("airflow.task")

# Less than a day, so that a daily run, whose start time drifts, lists everything each time.
_WHOLE_LISTING_HOURS = 20
_MOST_NAMED = 20


@dataclass(frozen=True)
class Landing:
    """What landing a table came to.

    Attributes:
        rows: The rows that landed; None where no file was new.
        ignored_count: Objects of the bucket that look like data and are no file of any table.
        ignored: The keys of the first of them.
    """

    rows: int | None
    ignored_count: int
    ignored: tuple[str, ...]


class FilesRefused(Exception):
    """Files that can't be loaded, each with the reason as a sentence; the transaction is rolled back."""

    def __init__(self, reasons: dict[File, str]) -> None:
        super().__init__()
        self.reasons = reasons


def land(table_name: str, settings: Settings, s3: Any, warehouse: Warehouse) -> Landing:
    """Load the files of a table that the ledger does not have.

    They go in loads of at most so many bytes and files as the settings say, by key or, with ``newest_first``, from the
    last key to the first; each is a transaction. A refused file keeps none of the others out.

    Args:
        table_name: A key of :data:`~kpi_pipeline.landing.tables.TABLES`.
        settings: The pipeline's settings.
        s3: A boto3 S3 client.
        warehouse: The warehouse, with a connection of its own.

    Raises:
        LandingError: Files are refused, all the others have landed; or no file can be loaded.
        TransientLandingError: Something moved while it was loaded; earlier loads stay, this one left nothing.
    """
    loading = _Loading(TABLES[table_name], settings, s3, warehouse)
    table, started = loading.table, time.monotonic()
    log.info("kpi_pipeline: landing %s from s3://%s/%s", table.name, settings.raw_bucket, settings.raw_prefix)
    start_after = _start_after(table, settings, warehouse)
    listing = _list(table, settings, s3, start_after)
    new = loading.find_new(listing, (start_after, ALL_KEYS[1]))
    if listing.ignored_count:
        named = _named(listing)
        log.warning("kpi_pipeline: %d objects look like data and are ignored: %s", listing.ignored_count, named)
    loads = list(_portions(new, settings))
    for number, files in enumerate(loads, start=1):
        loading.load(files)
        if len(loads) > 1:
            log.info(
                "kpi_pipeline: %s: load %d of %d is committed; %d of %d new files are done, after %.0f s",
                *(table.name, number, len(loads), sum(map(len, loads[:number])), len(new), time.monotonic() - started),
            )
    rows, refused = sum(file.landed_count for file in loading.landed), loading.refused
    if loading.landed:
        log.info(
            "kpi_pipeline: %s: landed %d rows of %d files, %d lines refused, in %.1f s",
            *(table.name, rows, len(loading.landed), sum(len(file.refusals) for file in loading.landed)),
            time.monotonic() - started,
        )
    if refused:
        raise _refusal(table, settings, s3, refused, len(loading.landed))
    if settings.listing_window_days and not table.is_snapshot and not start_after:
        warehouse.record_whole_listing(table)
    if not loading.landed:
        log.info("kpi_pipeline: %s: nothing new among %d files", table.name, listing.file_count)
    return Landing(rows if loading.landed else None, listing.ignored_count, tuple(listing.ignored))


def _start_after(table: Table, settings: Settings, warehouse: Warehouse) -> str:
    """Return the key that a listing starts after; empty where it has to meet every object.

    A file may come late under the key of a day long past, or replace one there, and S3 can't be asked for what changed:
    only a listing of everything finds it. That is done once a day; in between, a window of days is enough.
    """
    if table.is_snapshot or not settings.listing_window_days:
        return ""
    if not warehouse.is_listed_whole(table, _WHOLE_LISTING_HOURS):
        return ""
    first = datetime.now(UTC).date() - timedelta(days=settings.listing_window_days)
    return f"{settings.raw_prefix}{table.name}/{first}"


def _list(table: Table, settings: Settings, s3: Any, start_after: str) -> Listing:
    own = [settings.quarantine_prefix] if settings.quarantine_prefix else []
    own += ["manifests/"] if settings.artifact_bucket == settings.raw_bucket else []
    return Listing(s3, settings.raw_bucket, settings.raw_prefix, table, start_after, tuple(own))


def _portions(files: list[File], settings: Settings) -> Iterator[list[File]]:
    """Split files, in their order, into loads of at most the bytes and files of the settings; 0 is no limit.

    A file that is larger than the limit is a load of its own.
    """
    most_bytes, most_files = settings.max_bytes_per_load, settings.max_files_per_load
    load: list[File] = []
    size = 0
    for file in files:
        is_full = (most_bytes and size + file.size > most_bytes) or (most_files and len(load) >= most_files)
        if load and is_full:
            yield load
            load, size = [], 0
        load.append(file)
        size += file.size
    if load:
        yield load


@dataclass
class _Loading:
    """The loads of one table.

    Attributes:
        landed: The files that landed so far.
        refused: The files that can't be loaded, with the reasons.
    """

    table: Table
    settings: Settings
    s3: Any
    warehouse: Warehouse
    landed: list[LoadedFile] = field(default_factory=list)
    refused: dict[File, str] = field(default_factory=dict)

    def find_new(self, listing: Iterable[File], keys: tuple[str, str]) -> list[File]:
        """Return the files to load, by key; the ledger is read first, then files are streamed."""
        known = self.warehouse.versions(self.table, keys)
        if self.table.is_snapshot:
            newest = _newest(listing, known)
            new = [newest] if newest and newest not in known else []
        else:
            new = [file for file in listing if file not in known]
            new = new[::-1] if self.settings.newest_first else new
        return versions.drop_known_contents(self.s3, new, known.checksums)

    def load(self, files: list[File]) -> None:
        """Load files in one transaction; those that are refused are left out, and kept with their reasons."""
        headers = self._read_headers(files)
        one_by_one, disagreement = False, ""
        while headers:
            manifests = write_manifests(
                self.s3, self.settings.artifact_bucket, self.table.name, headers, one_by_one=one_by_one
            )
            try:
                with self.warehouse.transaction():
                    self.warehouse.lock(self.table)
                    # Another run may have loaded some of them while this one waited: all of a manifest must be new.
                    keys = [file.key for file in headers]
                    known = self.warehouse.versions(self.table, (min(keys), max(keys)))
                    if not any(file in known for file in headers):
                        self.landed += self._copy(manifests, headers)
                        return
                log.info("kpi_pipeline: %s: another run has just loaded files; looking again", self.table.name)
                headers = {file: header for file, header in headers.items() if file not in known}
            except CountsDiffer as differ:
                log.warning("kpi_pipeline: %s Each file is now loaded by itself.", differ.sentence)
                one_by_one, disagreement = True, differ.sentence
            except CopyFailed as failure:
                # Several files may have failed the COPY together, none of which has too many refused lines by itself.
                if failure.is_of_several:
                    one_by_one = True
                else:
                    self._leave_out_failed(failure, headers)
            except FilesRefused as refusal:
                self._leave_out(refusal.reasons, headers)
            except LandingError as error:
                # The first of the two sentences has the counts of the whole load.
                raise (LandingError(disagreement) if disagreement and one_by_one else error) from None

    def _read_headers(self, files: list[File]) -> dict[File, Header]:
        def read(file: File) -> Header | LandingError:
            try:
                return read_header(self.s3, file, self.table)
            except LandingError as error:
                return error

        headers: dict[File, Header] = {}
        for file, found in zip(files, side_by_side(self.s3, read, files), strict=True):
            if isinstance(found, Header):
                headers[file] = found
            else:
                self._leave_out({file: str(found)}, headers)
        return headers

    def _leave_out(self, reasons: dict[File, str], headers: dict[File, Header]) -> None:
        for file, reason in reasons.items():
            log.error("kpi_pipeline: %s: %s", self.table.name, reason)
            self.refused[file] = reason
            headers.pop(file, None)

    def _leave_out_failed(self, failure: CopyFailed, headers: dict[File, Header]) -> None:
        blamed = [accounts.with_raw_lines(self.s3, file) for file in failure.files]
        self.warehouse.keep_refusals(self.table, blamed)
        self._leave_out(_complaints(self.settings, blamed), headers)

    def _copy(self, manifests: list[Manifest], headers: dict[File, Header]) -> list[LoadedFile]:
        """COPY, check and record, inside the transaction that holds the lock."""
        table, settings, s3, warehouse = self.table, self.settings, self.s3, self.warehouse
        count_before = warehouse.count_of_newest(table) if table.is_snapshot else None
        if table.is_snapshot:
            warehouse.delete_rows(table)
        loaded: list[LoadedFile] = []
        for manifest in manifests:
            loaded += self._copy_one(manifest)
        for file in loaded:
            if file.disagreement and accounts.count_records(s3, file.file) != file.line_count:
                raise LandingError(file.disagreement)
        loaded = list(side_by_side(s3, lambda file: accounts.with_raw_lines(s3, file), loaded))
        if refused := [file for file in loaded if file.has_too_many_refusals]:
            warehouse.rollback_keeping(table, refused)
            raise FilesRefused(_complaints(settings, refused))
        if table.is_snapshot and not settings.allow_smaller_snapshots:
            _check_size(table, loaded[0], count_before)
        warehouse.check_row_count(table, loaded)
        unproved = versions.check_copied({file.file: file.etags for file in loaded})
        asked = {*unproved, *(file for file, header in headers.items() if not header.is_etag_a_hash)}
        warehouse.record(table, loaded, versions.checksums(s3, asked))
        return loaded

    def _copy_one(self, manifest: Manifest) -> list[LoadedFile]:
        try:
            return self.warehouse.copy(self.table, manifest, self.settings.copy_iam_role)
        except (CopyFailed, redshift_connector.DatabaseError) as error:
            # Redshift's words for a broken gzip are not documented, and may not name the file.
            if manifest.is_gzip and (reasons := _broken(self.s3, manifest.files, error)):
                raise FilesRefused(reasons) from None
            raise


def _newest(listing: Iterable[File], known: Versions) -> File | None:
    """Return the snapshot that was put last: songs.csv and songs.csv.gz may both be there.

    S3 tells times to the second. Of two files of the same second it is the one that has not landed yet, or else the one
    that landed last: with any other rule the two would take turns.
    """

    def order(file: File) -> tuple[datetime, float, str]:
        return file.modified_at, known.batch_numbers.get((file.key, file.etag), float("inf")), file.key

    return max(listing, key=order, default=None)


def _broken(s3: Any, files: list[File], error: Exception) -> dict[File, str]:
    """Read compressed files to their ends after a COPY that failed; say what is wrong with those that can't be read."""
    if not isinstance(error, CopyFailed) and isinstance(explain(error), LandingError):
        return {}
    reasons = {}

    def read(file: File) -> None:
        try:
            for _ in chunks(s3, file):
                pass
        except LandingError as broken:
            reasons[file] = str(broken)

    for _ in side_by_side(s3, read, files):
        pass
    return reasons


def _complaints(settings: Settings, refused: list[LoadedFile]) -> dict[File, str]:
    remedy = f"{settings.landing_schema}.refused_lines has them all: mend the file and put it again"
    return {file.file: f"{file.complaint}. {remedy}." for file in refused}


def _refusal(table: Table, settings: Settings, s3: Any, refused: dict[File, str], landed_count: int) -> LandingError:
    """Return what to say of refused files, once they are moved if a setting says so."""
    said = list(refused.values())
    if settings.quarantine_prefix:
        moved = move_to_quarantine(s3, settings, refused)
        said.append(f"Moved to {', '.join(moved[:_MOST_NAMED])}." if moved else "Replaced meanwhile, so not moved.")
    if len(refused) == 1:
        return LandingError(" ".join(said))
    named = " ".join(said[:_MOST_NAMED])
    more = f" {len(said) - _MOST_NAMED} more are in the task's log." if len(said) > _MOST_NAMED else ""
    others = f"the other {landed_count} landed" if landed_count else "no other file was new"
    return LandingError(f"{len(refused)} {table.name} files are refused, and {others}: {named}{more}")


def _check_size(table: Table, loaded: LoadedFile, count_before: int | None) -> None:
    whole = f"put the whole {table.name} file, or set KPI_ALLOW_SMALLER_SNAPSHOTS to true for one run if that is meant"
    if loaded.landed_count == 0:
        raise LandingError(f"{loaded.file.url} has no rows: {whole}.")
    if count_before is not None and loaded.landed_count * 5 < count_before * 4:
        raise LandingError(
            f"{loaded.file.url} has {loaded.landed_count} rows, more than a fifth fewer than the {count_before} of its "
            f"last version: {whole}."
        )


def _named(listing: Listing) -> str:
    shown = ", ".join(repr(name) for name in listing.ignored)
    return shown if listing.ignored_count <= len(listing.ignored) else f"{shown} ..."
