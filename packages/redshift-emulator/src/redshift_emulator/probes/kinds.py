"""What a probe is, what it may expect, and short names for both."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

SYNTAX, UNSUPPORTED, NO_FUNCTION, NO_TYPE = "42601", "0A000", "42883", "42704"
ON_TABLES = "Specified types or functions (one per INFO message) not supported on Redshift tables."
CORRELATED = "This type of correlated subquery pattern is not supported due to internal error"


@dataclass(frozen=True)
class Refusal:
    """An error of Redshift: its SQLSTATE and its message."""

    code: str
    text: str


@dataclass(frozen=True)
class Probe:
    """What is sent, and what Redshift's documentation says of the last statement.

    Attributes:
        section: The heading in the README's table.
        statement: One statement, or several of which the last is the one in question.
        expected: Its rows, the only value of its only row, or the refusal.
        page: The documentation's page.
    """

    section: str
    statement: str | tuple[str, ...]
    expected: Any
    page: str

    @property
    def statements(self) -> tuple[str, ...]:
        """Return the statements, in their order."""
        return (self.statement,) if isinstance(self.statement, str) else self.statement


def when(text: str) -> dt.datetime:
    """Return a timestamp."""
    return dt.datetime.fromisoformat(text)


def at(text: str) -> dt.time:
    """Return a time of day."""
    return dt.time.fromisoformat(text)


def refusals(code: str, *pairs: tuple[str, str]) -> list[tuple[str, Refusal]]:
    """Return statements that are refused with the same SQLSTATE."""
    return [(statement, Refusal(code, text)) for statement, text in pairs]


def absent(name: str, arguments: str = "integer") -> Refusal:
    """Return the refusal of a function that does not exist for arguments of these types."""
    return Refusal(NO_FUNCTION, f"function {name}({arguments}) does not exist".replace("unknown", '"unknown"'))
