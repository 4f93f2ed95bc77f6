"""Which version of an object is there: its ETag, and its checksum where S3 makes the ETag from something else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kpi_pipeline.landing.errors import TransientLandingError
from kpi_pipeline.landing.files import File, asking, side_by_side

_ALGORITHMS = ("SHA256", "CRC64NVME", "SHA1", "CRC32C", "CRC32")


def checksums(s3: Any, files: Iterable[File]) -> dict[File, str]:
    """Ask for the checksums that S3 keeps of the versions that were listed.

    Returns:
        For each file ``algorithm:value``, empty where S3 keeps none.

    Raises:
        TransientLandingError: An object is another one by now, or S3 did not answer.
    """
    asked = list(files)

    def ask(file: File) -> str:
        with asking(file.url):
            answer = s3.head_object(Bucket=file.bucket, Key=file.key, ChecksumMode="ENABLED")
        if answer["ETag"].strip('"') != file.etag:
            raise _replaced(file)
        found = ((name, answer.get(f"Checksum{name}")) for name in _ALGORITHMS)
        return next((f"{name}:{value}" for name, value in found if value), "")

    return dict(zip(asked, side_by_side(s3, ask, asked), strict=True))


def drop_known_contents(s3: Any, files: list[File], known: Mapping[str, set[str]]) -> list[File]:
    """Leave out files whose content has landed under their key before, though their ETag is a new one.

    Args:
        s3: A boto3 S3 client.
        files: Files whose version, by key and ETag, has not landed.
        known: The checksums of the versions that have, by key.
    """
    again = [file for file in files if known.get(file.key)]
    found = checksums(s3, again)
    return [file for file in files if not found.get(file) or found[file] not in known[file.key]]


def check_copied(listed: Mapping[File, tuple[str, ...]]) -> list[File]:
    """Compare the ETags that COPY itself read with those that were listed.

    Args:
        listed: For each file, the ETags that SYS_LOAD_DETAIL names; none where it does not.

    Returns:
        The files for which Redshift names no ETag.

    Raises:
        TransientLandingError: COPY read another version than the one that was listed.
    """
    for file, etags in listed.items():
        if any(etag != file.etag for etag in etags):
            raise _replaced(file)
    return [file for file, etags in listed.items() if not etags]


def _replaced(file: File) -> TransientLandingError:
    return TransientLandingError(
        f"{file.url} was replaced while it was loaded: the load was rolled back, and the next try lists anew."
    )
