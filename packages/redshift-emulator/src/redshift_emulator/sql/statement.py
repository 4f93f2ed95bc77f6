"""What becomes of a client's statement: a text for PostgreSQL, an action, or an error."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ..catalogue.tables import Catalogue
from ..errors import RedshiftError
from ..postgres.connection import Connection
from .copy import Copy

UNPARSABLE = "refused_by_the_emulator"


class Session(Protocol):
    """What an action can use of the session in which it runs."""

    postgres: Connection
    catalogue: Catalogue

    def copy(self, command: Copy) -> str:
        """Run a COPY and return its command tag."""


Action = Callable[[Session], str]  # its result is the command tag


@dataclass(frozen=True)
class Statement:
    """A statement, as the client wrote it and as PostgreSQL gets it.

    Attributes:
        fills: The table into which a query brings rows: if it has a sort key, the statement depends on that.
    """

    text: str
    sent: str = ""
    action: Action | None = None
    error: RedshiftError | None = None
    fills: str = ""

    def original_position(self, position: int) -> int | None:
        """Return where the token that PostgreSQL points at is in the client's text; None if that is not certain."""
        if self.text == self.sent:
            return position
        word = re.match(r'\w+|"[^"]+"|\'[^\']*\'|\S', self.sent[position - 1 :])
        if not word:
            return None
        pattern = re.compile(rf"(?<!\w){re.escape(word[0])}(?!\w)", re.I)
        sent = [found.start() for found in pattern.finditer(self.sent)]
        original = [found.start() for found in pattern.finditer(self.text)]
        if len(sent) != len(original) or position - 1 not in sent:
            return None
        return original[sent.index(position - 1)] + 1
