"""Land the new files of a table, exactly once."""

from __future__ import annotations

import logging
import time
import uuid
from dataclasses import dataclass
from typing import Any

from kpi_pipeline.landing import files as s3_files
from kpi_pipeline.landing.errors import LandingError
from kpi_pipeline.landing.files import File
from kpi_pipeline.landing.tables import TABLES, Table
from kpi_pipeline.landing.warehouse import Refusal, Warehouse
from kpi_pipeline.settings import Settings

log = logging.getLogger("airflow.task")

_MOST_NAMED = 5


@dataclass(frozen=True)
class Landed:
    """What a task landed: numbers of files, of rows, and of lines that COPY refused."""

    files: int
    rows: int
    refused_lines: int


def land(table_name: str, settings: Settings, s3: Any, warehouse: Warehouse) -> Landed | None:
    """Load the files of a table that the ledger does not have.

    Args:
        table_name: A key of :data:`~kpi_pipeline.landing.tables.TABLES`.
        settings: The pipeline's settings.
        s3: A boto3 S3 client.
        warehouse: The warehouse, with a connection of its own.

    Returns:
        What landed; None where nothing was new.

    Raises:
        LandingError: A file is refused, or too many of its lines are; nothing of the table's files landed.
        TransientLandingError: An object changed while it was loaded; nothing landed.
    """
    table, started = TABLES[table_name], time.monotonic()
    source = f"s3://{settings.raw_bucket}/{settings.raw_prefix}"
    log.info("kpi_pipeline: landing %s from %s", table.name, source)
    listed, others = s3_files.list_files(s3, settings.raw_bucket, settings.raw_prefix, table)
    if others:
        log.info("kpi_pipeline: %s: %d other objects ignored: %s", table.name, len(others), _some(others))
    new = warehouse.keep_new(table, listed)
    if not new:
        log.info("kpi_pipeline: %s: nothing new among %d files", table.name, len(listed))
        return None
    headers = _read_headers(s3, new, table)
    manifests = _write_manifests(s3, settings, table, headers)
    with warehouse.transaction():
        warehouse.lock(table)
        # Another run may have loaded some of them since: what the manifests name must all be new still.
        if warehouse.keep_new(table, new) != new:
            log.info("kpi_pipeline: %s: another run has just loaded files; looking again", table.name)
            landed = None
        else:
            landed = _load(table, settings, s3, warehouse, manifests)
    if landed is None:
        return land(table_name, settings, s3, warehouse)
    log.info(
        "kpi_pipeline: %s: landed %d rows of %d files, %d lines refused, in %.1f s",
        *(table.name, landed.rows, landed.files, landed.refused_lines, time.monotonic() - started),
    )
    return landed


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
        more = f" ({len(refusals) - 1} more files are refused)" if len(refusals) > 1 else ""
        for refusal in refusals[1:]:
            log.error("kpi_pipeline: %s: %s", table.name, refusal)
        raise LandingError(refusals[0] + more)
    return by_header


def _write_manifests(
    s3: Any, settings: Settings, table: Table, by_header: dict[tuple[str, ...], list[File]]
) -> list[tuple[str, tuple[str, ...], list[File]]]:
    manifests = []
    for header, group in by_header.items():
        for part in _copies(group):
            key = f"manifests/{table.name}/{uuid.uuid4()}.json"
            manifests.append((s3_files.write_manifest(s3, settings.artifact_bucket, key, part), header, part))
    return manifests


def _copies(group: list[File]) -> list[list[File]]:
    """Split files into COPYs whose system tables can tell them apart: those name a file by its first 256 bytes."""
    short = [file for file in group if len(file.url.encode()) <= 256]
    return ([short] if short else []) + [[file] for file in group if file not in short]


def _load(
    table: Table,
    settings: Settings,
    s3: Any,
    warehouse: Warehouse,
    manifests: list[tuple[str, tuple[str, ...], list[File]]],
) -> Landed:
    rows_before = warehouse.row_count_of_newest(table)
    if table.is_snapshot:
        warehouse.delete_rows(table)
    copies = [warehouse.copy(table, url, header, group, settings.copy_iam_role) for url, header, group in manifests]
    loaded = [file for copy in copies for file in copy.files]
    refusals = [
        Refusal(counts.file, line, column, reason, "") for counts in loaded for line, column, reason in counts.refusals
    ]
    refusals = _with_raw_lines(s3, refusals)
    for counts in loaded:
        refused = len(counts.refusals)
        if refused > 10 and refused > counts.line_count / 100:
            warehouse.rollback_keeping(table, refusals)
            first = counts.refusals[0]
            raise LandingError(
                f"{counts.file.url}: {refused} of {counts.line_count} lines can't be loaded, more than 1 %; "
                f"the first is line {first[0]} ({first[2]}). Nothing of the {table.name} files landed; "
                f"{settings.landing_schema}.refused_lines has the lines: mend the file and put it again."
            )
    rows = sum(counts.row_count for counts in loaded)
    if table.is_snapshot and not settings.allow_smaller_snapshots:
        _check_size(table, loaded[0].file, rows, rows_before)
    s3_files.check_unchanged(s3, [counts.file for counts in loaded])
    warehouse.record(table, copies, refusals)
    return Landed(len(loaded), rows, len(refusals))


def _check_size(table: Table, file: File, rows: int, rows_before: int | None) -> None:
    allow = "set KPI_ALLOW_SMALLER_SNAPSHOTS to true for one run if that is meant"
    if rows == 0:
        raise LandingError(f"{file.url} has no rows: put the whole {table.name} file, or {allow}.")
    if rows_before is not None and rows * 5 < rows_before * 4:
        raise LandingError(
            f"{file.url} has {rows} rows, more than a fifth fewer than the {rows_before} of its last version: "
            f"put the whole {table.name} file, or {allow}."
        )


def _with_raw_lines(s3: Any, refusals: list[Refusal]) -> list[Refusal]:
    lines: dict[tuple[str, int], str] = {}
    for file in {refusal.file for refusal in refusals}:
        numbers = [refusal.line_number for refusal in refusals if refusal.file == file]
        lines.update({(file.key, number): text for number, text in s3_files.read_lines(s3, file, numbers)})
    return [refusal.with_raw_line(lines.get((refusal.file.key, refusal.line_number), "")) for refusal in refusals]


def _some(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:_MOST_NAMED])
    return shown if len(names) <= _MOST_NAMED else f"{shown} ..."
