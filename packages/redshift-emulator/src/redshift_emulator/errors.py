"""Errors in Redshift's words: the one exception that every module raises and that clients get."""

from __future__ import annotations

import logging
import re

from sqlglot.tokens import Token

log = logging.getLogger(__name__)

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

    Attributes:
        is_postgres: Whether the text is PostgreSQL's, and not yet Redshift's.
    """

    def __init__(
        self, message: str, code: str = NOT_SUPPORTED, position: int | None = None, detail: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.position = position
        self.detail = detail
        self.is_postgres = False

    def fields(self) -> dict[str, str]:
        """Return the fields of an ErrorResponse message, by their one-letter names."""
        fields = {"S": "ERROR", "C": self.code, "M": self.message}
        if self.detail:
            fields["D"] = self.detail
        if self.position:
            fields["P"] = str(self.position)
        return fields


def syntax_error(at: Token | str | None = None, position: int | None = None) -> RedshiftError:
    """Return the error for a word that does not belong there; without one, for a statement that ends too early."""
    if isinstance(at, Token):
        word, of_more, _ = at.text.partition(" ")  # sqlglot makes one token of PARTITION BY
        at, position = word.lower() if of_more else word, at.start + 1
    where = "at end of input" if at is None else f'at or near "{at}"'
    return RedshiftError(f"syntax error {where}", SYNTAX_ERROR, position)


def missing(what: str, position: int | None = None) -> RedshiftError:
    """Return the error for what Redshift has and the emulator lacks."""
    return RedshiftError(f"the emulator does not have {what}; Redshift does", NOT_SUPPORTED, position)


def unsupported_command(statement: str) -> RedshiftError:
    """Return the error for a statement that PostgreSQL has and Redshift lacks."""
    command = " ".join(statement.split())[:80]
    where = " on Redshift tables" if re.match(r"create (unique )?index", command, re.I) else ""
    return RedshiftError(f'SQL command "{command}" not supported{where}.', NOT_SUPPORTED, 1)


def for_client(error: Exception) -> RedshiftError:
    """Return the error that a client gets: a refusal as it is, or a fault of the emulator, which is logged."""
    if isinstance(error, RedshiftError):
        return error
    log.error("a fault of the emulator", exc_info=error)
    return RedshiftError(f"the emulator fails: {type(error).__name__}: {error}", INTERNAL_ERROR)
