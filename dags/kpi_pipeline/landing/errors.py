"""What the pipeline says when it stops, in one sentence for the person who is woken up."""

from __future__ import annotations

import re
import struct

import redshift_connector
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError


class LandingError(Exception):
    """A file, the bucket or the warehouse is not what it should be: one sentence that names it and says what to do.

    Trying again does not help before somebody has mended it.
    """


class TransientLandingError(Exception):
    """Something moved or broke while the load ran; it was rolled back, and the next try starts from what is there."""


# A broken connection reaches the caller of redshift_connector as any of these, depending on the byte at which it broke.
WAREHOUSE_ERRORS = (redshift_connector.Error, OSError, EOFError, struct.error)
STORAGE_ERRORS = (ClientError, BotoCoreError)

# What Redshift's message has in it, and what to do; the first that fits. Source: the error texts in Redshift's
# documentation. None of them goes away by itself.
_LASTING = (
    ("password authentication failed", "check the user and the password of the Airflow connection"),
    ("disk full", "free space in the warehouse, or enlarge it"),
    ("authorized to assume", "attach the role of KPI_COPY_IAM_ROLE to the warehouse"),
    ("unauthorized", "attach the role of KPI_COPY_IAM_ROLE to the warehouse"),
    ("status 403", "let the role of KPI_COPY_IAM_ROLE read the raw and the artifact bucket"),
    ("access denied", "let the role of KPI_COPY_IAM_ROLE read the raw and the artifact bucket"),
    ("permission denied", "grant the user of the Airflow connection what the message names"),
    ("cannot insert a null value", "correct the SQL that gives that column no value: its contract says not_null"),
    ("must be owner", "grant the user of the Airflow connection what the message names"),
)
# Of what does not exist, by the first word of the message that says what it is.
_ABSENT = {
    "database": "check the database of the Airflow connection",
    "user": "check the user of the Airflow connection, and that deploy/sql/bootstrap.sql was sent",
    "role": "send deploy/sql/bootstrap.sql, which makes the roles, or check KPI_ANALYST_ROLE",
    "group": "send deploy/sql/bootstrap.sql, which makes whom rights are granted to",
    "function": "correct the SQL that calls it: Redshift has no such function for these types",
    "column": "correct the SQL that names it, or bring the table to this version of the pipeline",
    "schema": "check KPI_LANDING_SCHEMA and KPI_SCHEMA, or run the task prepare, which makes the landing tables",
    "relation": "run the task prepare, which makes the landing tables, or build the model that is missing",
    "table": "run the task prepare, which makes the landing tables, or build the model that is missing",
    "view": "build the model that is missing",
}
_NAMED = re.compile(r'"[^"]*"')
_KIND = re.compile(rf"\b({'|'.join(_ABSENT)})\b")
# These look like one of the above and go away by themselves: an object that was deleted since it was listed.
_PASSING = ("error nosuchkey", "status 404", "specified key does not exist")
# Errors of concurrency, by Redshift's number: a relation was dropped, or changed, by another transaction meanwhile.
_PASSING_NUMBERS = re.compile(r"(^|error:?\s*)(1018|1023)\b")
_WAIT = "the next try starts anew, and if none succeeds, look at the warehouse's status and at what else runs there"

_BUCKET_CODES = ("NoSuchBucket",)
_DENIED_CODES = ("AccessDenied", "403", "Forbidden", "AllAccessDisabled")
_IDENTITY_CODES = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken")
_REGION_CODES = ("PermanentRedirect", "301", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException")
_MOVED_CODES = ("NoSuchKey", "404", "PreconditionFailed", "412")


def is_lasting(text: str) -> bool:
    """Tell whether Redshift's message is of an error that stays until somebody has mended it."""
    return _remedy(text) is not None


def _remedy(text: str) -> str | None:
    """Return what to do about an error that lasts; None for one that may pass."""
    words = text.lower()
    if any(passing in words for passing in _PASSING) or _PASSING_NUMBERS.search(words):
        return None
    remedy = next((remedy for lasting, remedy in _LASTING if lasting in words), None)
    if remedy is None and ("does not exist" in words or "nonexistent" in words):
        kind = _KIND.search(_NAMED.sub("", words))
        return _ABSENT[kind[1]] if kind else "make what the message names, or correct what names it"
    return remedy


def explain(error: Exception) -> LandingError | TransientLandingError:
    """Say what an error of the driver or the network means, and by its type whether trying again may help.

    What is not known to last is worth another try: a load is one transaction, and repeats nothing that was committed.

    Args:
        error: Any of :data:`WAREHOUSE_ERRORS`.
    """
    sentence = _words(error)
    if remedy := _remedy(sentence):
        return LandingError(f"Redshift says: {sentence}. Nothing of this transaction was kept: {remedy}.")
    if not isinstance(error, redshift_connector.DatabaseError):
        # The driver goes on with advice about proxies and firewalls.
        return TransientLandingError(f"The connection to Redshift broke ({sentence.partition('. ')[0]}): {_WAIT}.")
    return TransientLandingError(f"Redshift says: {sentence}. Nothing of this transaction was kept: {_WAIT}.")


def explain_storage(error: ClientError | BotoCoreError, url: str) -> LandingError | TransientLandingError:
    """Say what an answer of S3, or none, means, and by its type whether trying again may help.

    Args:
        error: What boto3 raised, after the tries of its own.
        url: What was asked for.
    """
    code = error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""
    if code in _BUCKET_CODES:
        return LandingError(f"There is no bucket for {url}: check KPI_RAW_BUCKET and KPI_ARTIFACT_BUCKET.")
    if code in _DENIED_CODES:
        return LandingError(f"Access to {url} is denied: give the role of the workers the right to use it.")
    if code in _IDENTITY_CODES or isinstance(error, NoCredentialsError):
        return LandingError(f"S3 does not accept the credentials for {url}: check the connection of KPI_AWS_CONN_ID.")
    if code in _REGION_CODES:
        return LandingError(f"The bucket of {url} is in another region: set it in the connection of KPI_AWS_CONN_ID.")
    if code in _MOVED_CODES:
        return TransientLandingError(f"{url} was replaced or deleted since it was listed: the next try lists anew.")
    answer = f"answered {code}" if code else f"did not answer ({' '.join(str(error).split()).rstrip('.')})"
    return TransientLandingError(
        f"S3 {answer} for {url}: the next try starts anew, and if none succeeds, look at the status of S3 in AWS."
    )


def _words(error: Exception) -> str:
    """Return what an error says, in one line: redshift_connector hands over the fields of Redshift's own message."""
    details = error.args[0] if error.args else ""
    if isinstance(details, dict):
        words = f"{details.get('M', '')} {details.get('D', '')}"
    elif isinstance(error, redshift_connector.Error):
        words = ": ".join(str(argument) for argument in error.args)
    else:
        words = str(error)
    return " ".join(words.split()).rstrip(".") or type(error).__name__
