"""Probes: statements, what Redshift answers to each, and the page of its developer guide that says so.

A probe is a statement, or several of which the last one counts. The answer is a value, several rows, or a refusal.
Pages are names below docs.aws.amazon.com/redshift/latest/dg/; `users` marks refusals that users of Redshift have
reported. Send SETUP to an empty schema first. The probes can be sent to a real Redshift, to see where the emulator
differs.
"""

from __future__ import annotations

from .functions import FUNCTIONS
from .kinds import Probe, Refusal
from .refusals import REFUSALS
from .setup import SETUP
from .statements import STATEMENTS
from .types import TYPES

__all__ = ["PROBES", "SETUP", "Probe", "Refusal"]

PROBES = [
    Probe(section, statement, expected, page)
    for table in (TYPES, FUNCTIONS, STATEMENTS, REFUSALS)
    for (section, page), rows in table.items()
    for statement, expected in rows
]
