"""Land the new files of a table, exactly once."""

from __future__ import annotations

import logging
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from kpi_pipeline.landing import files as s3_files
from kpi_pipeline.landing.errors import LandingError
from kpi_pipeline.landing.files import File, Manifest
from kpi_pipeline.landing.tables import TABLES, Table
from kpi_pipeline.landing.warehouse import ALL_KEYS, CopyFailed, LoadedFile, Refusal, Warehouse
from kpi_pipeline.settings import Settings

log = logging.getLogger("airflow.task")

# Less than a day, so that a daily run, which starts now earlier and now later, lists everything each time.
_WHOLE_LISTING_HOURS = 20


def land(table_name: str, settings: Settings, s3: Any, warehouse: Warehouse) -> int | None:
    """Load the files of a table that the ledger does not have.

    Args:
        table_name: A key of :data:`~kpi_pipeline.landing.tables.TABLES`.
        settings: The pipeline's settings.
        s3: A boto3 S3 client.
        warehouse: The warehouse, with a connection of its own.

    Returns:
        The number of rows that landed; None where no file was new.

    Raises:
        LandingError: A file is refused, or too many of its lines are; nothing of the table's files landed.
        TransientLandingError: An object changed while it was loaded; nothing landed.
    """
    table, started = TABLES[table_name], time.monotonic()
    source = f"s3://{settings.raw_bucket}/{settings.raw_prefix}"
    log.info("kpi_pipeline: landing %s from %s", table.name, source)
    start_after = _start_after(table, settings, warehouse)
    listing = s3_files.Listing(s3, settings.raw_bucket, settings.raw_prefix, table, start_after)
    new, landed = warehouse.keep_new(table, listing, (start_after, ALL_KEYS[1])), None
    if listing.other_count:
        log.info("kpi_pipeline: %s: %d other objects ignored: %s", table.name, listing.other_count, _some(listing))
    while new and landed is None:
        manifests = _write_manifests(s3, settings, table, new)
        with warehouse.transaction():
            warehouse.lock(table)
            # Another run may have loaded some of them while this one waited: all that a manifest names must be new.
            keys = [file.key for file in new]
            still_new = warehouse.keep_new(table, new, (min(keys), max(keys)))
            if still_new != new:
                log.info("kpi_pipeline: %s: another run has just loaded files; looking again", table.name)
                new = still_new
                continue
            landed = _load(table, settings, s3, warehouse, manifests)
    if settings.listing_window_days and not table.is_snapshot and not start_after:
        warehouse.record_whole_listing(table)
    if landed is None:
        log.info("kpi_pipeline: %s: nothing new among %d files", table.name, listing.file_count)
        return None
    rows, refused = sum(file.landed_count for file in landed), sum(len(file.refusals) for file in landed)
    log.info(
        "kpi_pipeline: %s: landed %d rows of %d files, %d lines refused, in %.1f s",
        *(table.name, rows, len(landed), refused, time.monotonic() - started),
    )
    return rows


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
    return f"{settings.raw_prefix}{table.listing}/{first}"


def _write_manifests(s3: Any, settings: Settings, table: Table, new: list[File]) -> list[Manifest]:
    manifests = []
    for columns, group in _read_headers(s3, new, table).items():
        for files in _copies(group):
            stem = f"manifests/{table.name}/{uuid.uuid4()}"
            manifests.append(s3_files.write_manifest(s3, settings.artifact_bucket, stem, columns, files))
    return manifests


def _read_headers(s3: Any, new: list[File], table: Table) -> dict[tuple[str, ...], list[File]]:
    """Group files by their header; a refused file stops the table before anything of it is loaded."""
    by_header: dict[tuple[str, ...], list[File]] = {}
    refusals = []
    for file in new:
        try:
            by_header.setdefault(s3_files.read_header(s3, file, table), []).append(file)
        except LandingError as error:
            refusals.append(str(error))
    if refusals:
        for refusal in refusals[1:]:
            log.error("kpi_pipeline: %s: %s", table.name, refusal)
        more = f" ({len(refusals) - 1} more files are refused; the log names them.)" if len(refusals) > 1 else ""
        raise LandingError(refusals[0] + more)
    return by_header


def _copies(group: list[File]) -> list[list[File]]:
    """Split files into COPYs whose system tables can tell them apart: those name a file by its first 256 bytes."""
    short = [file for file in group if len(file.url.encode()) <= 256]
    long = [[file] for file in group if len(file.url.encode()) > 256]
    return [short, *long] if short else long


def _load(
    table: Table, settings: Settings, s3: Any, warehouse: Warehouse, manifests: list[Manifest]
) -> list[LoadedFile]:
    count_before = warehouse.count_of_newest(table) if table.is_snapshot else None
    if table.is_snapshot:
        warehouse.delete_rows(table)
    loaded: list[LoadedFile] = []
    try:
        for manifest in manifests:
            loaded += warehouse.copy(table, manifest, settings.copy_iam_role)
    except CopyFailed as failure:
        raise _refuse_load(table, settings, warehouse, _with_raw_lines(s3, failure.files)) from None
    loaded = _with_raw_lines(s3, loaded)
    if any(_has_too_many_refusals(file) for file in loaded):
        raise _refuse_load(table, settings, warehouse, loaded)
    if table.is_snapshot and not settings.allow_smaller_snapshots:
        _check_size(table, loaded[0], count_before)
    warehouse.check_row_count(table, loaded)
    s3_files.check_unchanged(s3, [file.file for file in loaded])
    warehouse.record(table, loaded)
    return loaded


def _has_too_many_refusals(file: LoadedFile) -> bool:
    refused = len(file.refusals)
    return refused >= s3_files.MOST_REFUSED_LINES or (refused > 10 and refused > file.line_count / 100)


def _refuse_load(table: Table, settings: Settings, warehouse: Warehouse, loaded: list[LoadedFile]) -> LandingError:
    """Roll the load back, keep its refused lines, and return what to say of the file that has most of them."""
    warehouse.rollback_keeping(table, loaded)
    worst = max(loaded, key=lambda file: len(file.refusals))
    of_all = f" of {worst.line_count}" if worst.line_count else ""
    first = f" The first is line {worst.refusals[0].line_number}: {worst.refusals[0].reason}." if worst.refusals else ""
    return LandingError(
        f"{worst.file.url}: {len(worst.refusals)}{of_all} lines can't be loaded, more than 1 %, so nothing of the "
        f"{table.name} files landed.{first} {settings.landing_schema}.refused_lines has them all: mend the file and "
        f"put it again."
    )


def _check_size(table: Table, loaded: LoadedFile, count_before: int | None) -> None:
    whole = f"put the whole {table.name} file, or set KPI_ALLOW_SMALLER_SNAPSHOTS to true for one run if that is meant"
    if loaded.landed_count == 0:
        raise LandingError(f"{loaded.file.url} has no rows: {whole}.")
    if count_before is not None and loaded.landed_count * 5 < count_before * 4:
        raise LandingError(
            f"{loaded.file.url} has {loaded.landed_count} rows, more than a fifth fewer than the {count_before} of its "
            f"last version: {whole}."
        )


def _with_raw_lines(s3: Any, loaded: list[LoadedFile]) -> list[LoadedFile]:
    """Add the text of the refused lines, which Redshift's system tables do not have."""
    return [_with_raw_lines_of(s3, file) for file in loaded]


def _with_raw_lines_of(s3: Any, file: LoadedFile) -> LoadedFile:
    """Add the text of a file's refused lines, and the lines that these took with them.

    A quote that is opened and not closed makes one record of all lines up to the next quote: COPY reports one refused
    line, and the others would be lost unseen. They are refused lines too. Whether COPY took them along shows in the
    lines that it read: fewer than the file has.
    """
    records, line_count = s3_files.read_records(s3, file.file, [refusal.line_number for refusal in file.refusals])
    by_number = {record.number: record for record in records}
    following = sum(len(record.lines) - 1 for record in records)
    is_each_read = line_count is None or 0 < line_count - 1 < file.line_count + following
    refusals = []
    for refusal in file.refusals:
        record = by_number.get(refusal.line_number)
        if record is None:
            # A line that an open quote before it has taken along, which COPY has nonetheless read by itself.
            refusals.append(refusal)
            continue
        refusals.append(replace(refusal, raw_line=record.lines[0]))
        if not is_each_read:
            reason = f"Part of the record that line {record.number} opens with a quote."
            refusals += [
                Refusal(number, "", reason, line)
                for number, line in enumerate(record.lines[1:], start=record.number + 1)
            ]
    return replace(file, refusals=tuple(refusals), line_count=file.line_count + len(refusals) - len(file.refusals))


def _some(listing: s3_files.Listing) -> str:
    shown = ", ".join(repr(name) for name in listing.others)
    return shown if listing.other_count <= len(listing.others) else f"{shown} ..."
