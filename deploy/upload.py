"""Bringing the artifact bucket in line with a release, and remembering what is there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from deploy.release import CONSTRAINTS, MANIFEST, VERSIONED, Item

RECORD = "deployments/current.json"
CONTENT_TYPES = {".html": "text/html; charset=utf-8", ".json": "application/json", ".zip": "application/zip"}


@dataclass
class Record:
    """What the last deployments put into the bucket.

    Attributes:
        commit: The version that it holds.
        files: Key, and its digest, ETag and S3 version.
    """

    commit: str = ""
    files: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """An object that differs from the release: `+` to add, `~` to replace, `-` to delete."""

    mark: str
    key: str
    item: Item | None = None


class Bucket:
    """The artifact bucket.

    Args:
        s3: A boto3 S3 client.
        name: The bucket.
    """

    def __init__(self, s3: Any, name: str) -> None:
        self._s3, self._name = s3, name
        self.record = self._read()

    def changes(self, items: Iterable[Item]) -> list[Change]:
        """List what differs from the release, in the order in which it is safe to apply.

        An object counts as unchanged if the record has its digest, and S3 the ETag that the record noted: what somebody
        else put there is replaced. MWAA syncs dags/ while it is written, so the DAG comes after all that it needs.
        """
        etags = self._etags()
        wanted = {item.key: item for item in items}
        found = []
        for key, item in wanted.items():
            known = self.record.files.get(key)
            if key not in etags:
                found.append(Change("+", key, item))
            elif not known or known["digest"] != item.digest or known["etag"] != etags[key]:
                found.append(Change("~", key, item))
        found += [Change("-", key) for key in etags if key.startswith("dags/") and key not in wanted]
        return sorted(found, key=_order)

    def apply(self, changes: Iterable[Change], commit: str, progress: Callable[[str], None]) -> None:
        """Put and delete what the changes say, and write the record if there was anything to do.

        Args:
            changes: What to do, in this order.
            commit: The version that the bucket holds then.
            progress: Is called with a line for each object.
        """
        done = False
        try:
            for change in changes:
                progress(f"{change.mark} {change.key}")
                if change.item is None:
                    self._s3.delete_object(Bucket=self._name, Key=change.key)
                    self.record.files.pop(change.key, None)
                else:
                    self.record.files[change.key] = self._put(change.item)
                done = True
        finally:
            # Also after a failure: what did get there need not be put again.
            if done:
                self.record.commit = commit
                body = json.dumps({"commit": commit, "files": self.record.files}, indent=1, sort_keys=True)
                self._s3.put_object(Bucket=self._name, Key=RECORD, Body=body.encode(), ContentType="application/json")

    def versions(self) -> Mapping[str, str]:
        """Return the S3 versions that MWAA is told, by parameter of the root template."""
        return {
            parameter: self.record.files[key]["version"]
            for key, parameter in VERSIONED.items()
            if key in self.record.files
        }

    def _put(self, item: Item) -> dict[str, str]:
        kind = next(
            (kind for ending, kind in CONTENT_TYPES.items() if item.key.endswith(ending)), "text/plain; charset=utf-8"
        )
        put = self._s3.put_object(Bucket=self._name, Key=item.key, Body=item.read(), ContentType=kind)
        return {"digest": item.digest, "etag": put["ETag"].strip('"'), "version": put.get("VersionId", "none")}

    def _etags(self) -> dict[str, str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._name)
        return {entry["Key"]: entry["ETag"].strip('"') for page in pages for entry in page.get("Contents", ())}

    def _read(self) -> Record:
        try:
            content = json.loads(self._s3.get_object(Bucket=self._name, Key=RECORD)["Body"].read())
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404"):
                return Record()
            raise
        return Record(content["commit"], content["files"])


def before_airflow(changes: Iterable[Change]) -> list[Change]:
    """Return those changes that MWAA needs at an update: its packages come before the DAG that imports them."""
    return [change for change in changes if change.key in {*VERSIONED, CONSTRAINTS}]


def _order(change: Change) -> tuple[int, str]:
    if change.item is None:
        return 3, change.key  # what is left over harms nobody
    if change.key.startswith("dags/") and change.key.count("/") == 1 and change.key.endswith(".py"):
        return 2, change.key  # a DAG file
    if change.key == MANIFEST:
        return 1, change.key
    return 0, change.key
