"""Knobs for tests: what an emulator can be made to do worse than it does."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, field

from .errors import INTERNAL_ERROR, RedshiftError

COMMITS = re.compile(r"\s*(?:commit|end)\b", re.I)


@dataclass
class Fault:
    """An error at a statement.

    Attributes:
        pattern: A regular expression, searched for in the statement without regard to case.
        nth: At which of the statements that match, over all connections; 1 is the first.
        message: The error's text.
        code: The error's SQLSTATE.
        disconnects: Whether the connection is closed instead, before the statement runs.
    """

    pattern: str
    nth: int = 1
    message: str = "the emulator fails at this statement, as it was told to"
    code: str = INTERNAL_ERROR
    disconnects: bool = False
    seen: int = 0

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Return a fault from the command line's N:REGULAR_EXPRESSION.

        Raises:
            ValueError: It is written differently, or is no regular expression.
        """
        number, colon, pattern = text.partition(":")
        if not colon or not number.isdigit() or int(number) < 1:
            raise ValueError(f"{text!r} is not N:REGULAR_EXPRESSION")
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
        return cls(pattern, int(number))


@dataclass
class Knobs:
    """What a test can turn, before the emulator starts or while it runs.

    Attributes:
        connect_seconds: How long a log-in takes longer.
        statement_seconds: How long each statement takes longer.
        commit_seconds: How long each COMMIT takes longer, beside that of a statement.
        system_view_lag_seconds: How long after a load or an INSERT the SYS views show it.
        split_bytes: COPY splits larger uncompressed files, as Redshift does from 128 MB on; errors in them have
            the line number -1. 0 splits none.
        faults: The statements that fail.
    """

    connect_seconds: float = 0
    statement_seconds: float = 0
    commit_seconds: float = 0
    system_view_lag_seconds: float = 0
    split_bytes: int = 0
    faults: list[Fault] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def before_statement(self, text: str) -> None:
        """Wait as long as a statement is to take longer, and fail if it is to fail.

        Raises:
            RedshiftError: The statement fails.
            ConnectionError: The connection is to end.
        """
        delay = self.statement_seconds + (self.commit_seconds if COMMITS.match(text) else 0)
        if delay:
            time.sleep(delay)
        for fault in self.faults:
            if not re.search(fault.pattern, text, re.I):
                continue
            with self.lock:
                fault.seen += 1
                is_turn = fault.seen == fault.nth
            if is_turn and fault.disconnects:
                raise ConnectionError("a fault ends the connection")
            if is_turn:
                raise RedshiftError(fault.message, fault.code)
