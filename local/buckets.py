"""The raw and artifact buckets: making them, filling the raw one from a directory, emptying both."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from local.environment import ARTIFACT_BUCKET, RAW_BUCKET
from local.errors import LocalError


@dataclass
class Upload:
    """What `put_raw` did.

    Attributes:
        keys: Objects that are in the bucket now.
        ignored: Files below the directory that are no raw files, as paths below it.
    """

    keys: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


def s3_client(env: Mapping[str, str]) -> Any:
    """Return a boto3 client of the stack's S3."""
    session = boto3.Session(
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
        region_name=env["AWS_DEFAULT_REGION"],
    )
    return session.client(
        "s3",
        endpoint_url=env["AWS_ENDPOINT_URL"],
        config=Config(proxies={}, s3={"addressing_style": "path"}, retries={"max_attempts": 3, "mode": "standard"}),
    )


def make_buckets(s3: Any) -> None:
    """Create the buckets that are not there yet."""
    existing = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    for bucket in (RAW_BUCKET, ARTIFACT_BUCKET):
        if bucket not in existing:
            s3.create_bucket(Bucket=bucket)


def is_raw(path: str) -> bool:
    """Whether a path below the raw directory is one that the contract knows."""
    if "/" not in path:
        return path in ("songs.csv", "users.csv") or fnmatchcase(path, "streams*.csv")
    return path.startswith("streams/") and path.endswith(".csv")


def put_raw(s3: Any, directory: Path, prefix: str = "") -> Upload:
    """Put a directory's raw files into the raw bucket, under their paths below the directory.

    Args:
        s3: The client.
        directory: Holds `songs.csv`, `users.csv` and `streams*.csv` or `streams/**/*.csv`, or some of them.
        prefix: Goes before each key.

    Raises:
        LocalError: there is no such directory, or no raw file in it.
    """
    if not directory.is_dir():
        raise LocalError(f"{directory} is not a directory.")
    upload = Upload()
    for file in sorted(path for path in directory.rglob("*") if path.is_file()):
        path = file.relative_to(directory).as_posix()
        if is_raw(path):
            s3.upload_file(str(file), RAW_BUCKET, prefix + path)
            upload.keys.append(prefix + path)
        else:
            upload.ignored.append(path)
    if not upload.keys:
        raise LocalError(f"{directory} holds none of songs.csv, users.csv, streams*.csv and streams/**/*.csv.")
    return upload


def empty_buckets(s3: Any) -> None:
    """Delete every object of both buckets."""
    for bucket in (RAW_BUCKET, ARTIFACT_BUCKET):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for item in page.get("Contents", []):
                s3.delete_object(Bucket=bucket, Key=item["Key"])
