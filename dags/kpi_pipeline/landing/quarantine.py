"""Where refused files go, if a setting names a place: out of the way of the next run."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from kpi_pipeline.landing.files import File, asking
from kpi_pipeline.settings import Settings

log = logging.getLogger("airflow.task")


def move_to_quarantine(s3: Any, settings: Settings, files: Iterable[File]) -> list[str]:
    """Move refused files below ``KPI_QUARANTINE_PREFIX``, each under the key that it had below the raw prefix.

    A file that was replaced since it was refused stays where it is: the next run judges the new version.

    Returns:
        The addresses that the files have now.
    """
    moved = []
    for file in files:
        key = settings.quarantine_prefix + file.key.removeprefix(settings.raw_prefix)
        with asking(file.url):
            # The managed copy takes objects above 5 GB too, in parts; each part asks for the version that was refused.
            s3.copy({"Bucket": file.bucket, "Key": file.key}, file.bucket, key, {"CopySourceIfMatch": f'"{file.etag}"'})
            if s3.head_object(Bucket=file.bucket, Key=file.key)["ETag"].strip('"') != file.etag:
                continue
            s3.delete_object(Bucket=file.bucket, Key=file.key)
        log.info("kpi_pipeline: moved %s to %s", file.url, f"s3://{file.bucket}/{key}")
        moved.append(f"s3://{file.bucket}/{key}")
    return moved
