"""What landing says when it stops, in one sentence for the person who is woken up."""

from __future__ import annotations

from typing import Any


class LandingError(Exception):
    """A file, the bucket or the warehouse is not what it should be: one sentence that names it and says what to do.

    Trying again does not help before somebody has mended it.
    """


class TransientLandingError(Exception):
    """Something moved or broke while the load ran; it was rolled back, and the next try starts from what is there."""


# What Redshift's message has in it, and what to do. Source: the error texts in Redshift's documentation.
_LASTING = (
    ("permission denied", "grant the user of the Airflow connection what the message names"),
    ("password authentication failed", "check the user and the password of the Airflow connection"),
    ("disk full", "free space in the warehouse, or enlarge it"),
    ("not authorized to assume", "attach the role of KPI_COPY_IAM_ROLE to the warehouse"),
    ("unauthorized", "attach the role of KPI_COPY_IAM_ROLE to the warehouse"),
    ("access denied", "let the role of KPI_COPY_IAM_ROLE read the raw bucket"),
    ("does not exist", "run the task prepare, which makes the landing tables"),
)


def explain(error: Exception) -> LandingError | TransientLandingError:
    """Say what an error of redshift_connector means, and by its type whether trying again may help.

    What is not known to last is worth another try: a load is one transaction, and repeats nothing that was committed.
    """
    details: Any = error.args[0] if error.args else type(error).__name__
    message = details.get("M", str(details)) if isinstance(details, dict) else str(details)
    sentence = " ".join(message.split()).rstrip(".")
    for words, remedy in _LASTING:
        if words in sentence.lower():
            return LandingError(f"Redshift says: {sentence}. Nothing of this load was kept: {remedy}.")
    return TransientLandingError(f"Redshift says: {sentence}. Nothing of this load was kept; it is tried again.")
