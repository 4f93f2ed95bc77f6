"""What one COPY loads: files with one header and one compression, named in a manifest."""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kpi_pipeline.landing.files import File, asking
from kpi_pipeline.landing.headers import Header

_LONGEST_NAME = 256


@dataclass(frozen=True)
class Manifest:
    """What one COPY loads.

    Attributes:
        url: The manifest itself, ``s3://bucket/key``.
        header_only_url: An object that the manifest names beside the files, with a header line and no row.
        columns: The header of every file.
        is_gzip: Whether every file is compressed.
        files: The files.
    """

    url: str
    header_only_url: str
    columns: tuple[str, ...]
    is_gzip: bool
    files: list[File]


def write_manifests(
    s3: Any, bucket: str, table_name: str, headers: Mapping[File, Header], *, one_by_one: bool
) -> list[Manifest]:
    """Write a manifest for each COPY that the files need.

    COPY takes columns by position and one compression, so files that differ in them go into COPYs of their own; so do
    files whose names the system tables, which cut them at 256 bytes, could not tell apart.

    Args:
        s3: A boto3 S3 client.
        bucket: The artifact bucket.
        table_name: The landing table.
        headers: The files, each with its header.
        one_by_one: Whether each file is to have a COPY of its own.
    """
    groups: dict[tuple[object, ...], list[File]] = {}
    for file, header in headers.items():
        is_alone = one_by_one or len(file.url.encode()) > _LONGEST_NAME
        groups.setdefault((header.columns, file.is_gzip, file.key if is_alone else ""), []).append(file)
    return [
        _write(s3, bucket, f"manifests/{table_name}/{uuid.uuid4()}", headers[files[0]].columns, files)
        for files in groups.values()
    ]


def _write(s3: Any, bucket: str, stem: str, columns: tuple[str, ...], files: list[File]) -> Manifest:
    """Write one; an object that is absent fails the COPY (``mandatory``).

    The header-only object calibrates the line count: SYS_LOAD_DETAIL counts the lines that COPY read of each file, and
    AWS does not say whether the header is one of them. Of this object it can be the only one.
    """
    is_gzip = files[0].is_gzip
    url, ending = f"s3://{bucket}/{stem}", ".csv.gz" if is_gzip else ".csv"
    manifest = Manifest(f"{url}.json", f"{url}{ending}", columns, is_gzip, files)
    entries = [{"url": url, "mandatory": True} for url in (manifest.header_only_url, *(file.url for file in files))]
    header = (",".join(columns) + "\n").encode()
    with asking(manifest.url):
        s3.put_object(Bucket=bucket, Key=stem + ending, Body=gzip.compress(header, mtime=0) if is_gzip else header)
        s3.put_object(Bucket=bucket, Key=f"{stem}.json", Body=json.dumps({"entries": entries}).encode())
    return manifest
