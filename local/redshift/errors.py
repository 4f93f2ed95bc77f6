"""What goes wrong, in Redshift's words: the one exception that every room raises and the wire sends."""

from __future__ import annotations

import re

SYNTAX_ERROR = "42601"
NOT_SUPPORTED = "0A000"
INTERNAL_ERROR = "XX000"
UNDEFINED_TABLE = "42P01"


class RedshiftError(Exception):
    """An error for the client.

    Args:
        message: The text, in Redshift's words.
        code: The SQLSTATE.
        position: 1-based character in the statement that the client sent; none when no place can be named.
        detail: What Redshift sends as DETAIL.
    """

    def __init__(
        self, message: str, code: str = NOT_SUPPORTED, position: int | None = None, detail: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.position = position
        self.detail = detail

    def fields(self) -> dict[str, str]:
        """The fields of an ErrorResponse message, by their one-letter names."""
        fields = {"S": "ERROR", "C": self.code, "M": self.message}
        if self.detail:
            fields["D"] = self.detail
        if self.position:
            fields["P"] = str(self.position)
        return fields


def missing(what: str, position: int | None = None) -> RedshiftError:
    """The error for what Redshift has and this stand-in lacks."""
    return RedshiftError(f"the local Redshift does not have {what}; Redshift does", NOT_SUPPORTED, position)


def unsupported_command(statement: str) -> RedshiftError:
    """The error for a statement that PostgreSQL has and Redshift lacks."""
    command = " ".join(statement.split())[:80]
    where = " on Redshift tables" if re.match(r"create (unique )?index", command, re.I) else ""
    return RedshiftError(f'SQL command "{command}" not supported{where}.', NOT_SUPPORTED, 1)


def fault(error: Exception) -> RedshiftError:
    """The error for what must not happen: a fault of this stand-in, or of what it runs on."""
    return RedshiftError(f"the local Redshift fails: {type(error).__name__}: {error}", INTERNAL_ERROR)
