"""The probes that the Redshift emulator is tested with, sent to another warehouse."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import redshift_connector

from redshift_emulator import probes
from redshift_emulator.probes import Probe, Refusal

_OWN_REFUSAL = "the emulator does not have "
# What lies outside the schema of the probes would be left behind, or would be somebody else's.
_ELSEWHERE = re.compile(
    r"\b(?:create|alter|drop|grant|revoke)\b[^;]*?\b(?:user|role|group|database|datashare|external)\b"
    r"|\b(?:create|alter|drop)\s+schema\b|\bon\s+schema\b|\bprober\b",
    re.I,
)


def suitable() -> list[Probe]:
    """Return the probes that a warehouse of others can be sent.

    Left out are refusals of the emulator's own, probes of who is logged in, and whatever makes or changes something
    outside the schema, together with the probes that need it.
    """
    left_out: set[str] = set()
    found = []
    for probe in probes.PROBES:
        text = " ".join(probe.statements)
        own = isinstance(probe.expected, Refusal) and probe.expected.text.startswith(_OWN_REFUSAL)
        if own or "current_user" in text or _ELSEWHERE.search(text):
            left_out.update(re.findall(r'create schema (?:if not exists )?(?:"?\w+"?[.])?"?(\w+)', text))
        elif not any(re.search(rf"\b{name}\b", text, re.I) for name in left_out):
            found.append(probe)
    return found


def ask(connection: Any, schema: str) -> tuple[int, list[str]]:
    """Send the probes; returns how many were sent, and a text for each that was answered differently.

    Args:
        connection: A connection of redshift_connector.
        schema: A schema that is not there yet; the caller drops it.
    """
    connection.autocommit = True  # some probes begin and end transactions of their own
    for statement in (f"create schema {schema}", f"set search_path to {schema}", *probes.SETUP):
        _send(connection, statement)
    differences = []
    asked: Sequence[Probe] = suitable()
    for probe in asked:
        expected: Any = probe.expected if isinstance(probe.expected, list | Refusal) else [(probe.expected,)]
        try:
            answer: Any = [_send(connection, statement) for statement in probe.statements][-1]
        except redshift_connector.Error as error:
            connection.rollback()
            fields = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
            answer = Refusal(fields.get("C", ""), fields.get("M", str(error)))
        if answer != expected:
            sent = "; ".join(probe.statements)
            differences.append(f"{sent}\n      answers {answer}\n      not     {expected} ({probe.page})")
    return len(asked), differences


def _send(connection: Any, statement: str) -> list[tuple[Any, ...]]:
    with closing(connection.cursor()) as cursor:
        cursor.execute(statement)
        return [tuple(row) for row in cursor.fetchall()] if cursor.description else []
