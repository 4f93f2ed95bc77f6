"""A connection to PostgreSQL on which the emulator runs statements of its own, beside those of the client."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..errors import RedshiftError
from ..protocol.channel import Channel
from ..protocol.messages import FAILED, IDLE, IN_TRANSACTION, Backend, Frontend, pack, unpack_fields, unpack_row


class Connection:
    """A PostgreSQL session.

    Args:
        channel: The connection, ready for queries.
        open_database: Opens a connection of the same user to another database.

    Attributes:
        transaction: The state of the transaction, as in the last ReadyForQuery.
        tag: The tag of the last command that was completed.
        notices: What PostgreSQL reported about statements of the emulator's own.
    """

    def __init__(self, channel: Channel, open_database: Callable[[str], Channel] | None = None) -> None:
        self.channel = channel
        self.open_database = open_database
        self.transaction = IDLE
        self.tag = ""
        self.notices: list[dict[str, str]] = []

    @property
    def is_in_transaction(self) -> bool:
        """Whether a transaction is open and has not failed."""
        return self.transaction == IN_TRANSACTION

    @property
    def has_failed(self) -> bool:
        """Whether a transaction is open and has failed."""
        return self.transaction == FAILED

    def query(self, sql: str) -> list[list[str | None]]:
        """Run a statement.

        Raises:
            RedshiftError: PostgreSQL's error.
        """
        self.channel.send(pack(Frontend.QUERY, sql.encode() + b"\0"))
        return self.collect()

    def of_database(self, name: str) -> Connection:
        """Return a session of the same user in another database.

        Raises:
            RedshiftError: PostgreSQL's error, for instance that the user may not connect.
        """
        if not self.open_database:
            raise RuntimeError("a connection of the emulator's own stays in its database")
        return Connection(self.open_database(name))

    def names(self, sql: str) -> list[str]:
        """Return the only column of a query's answer."""
        return [str(name) for (name,) in self.query(sql)]

    def records(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows of a query's answer by the names of its columns."""
        answer = self.query(f"select pg_postgres.row_to_json(answer) from ({sql}) answer")
        return [json.loads(str(row)) for (row,) in answer]

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Make statements take effect together: in the client's transaction, or in one of their own."""
        own = self.transaction == IDLE
        if own:
            self.query("begin")
        try:
            yield
        except Exception:
            if own:
                self.query("rollback")
            raise
        if own:
            self.query("commit")

    def copy_in(self, sql: str, chunks: Iterable[bytes]) -> int:
        """Send data into a COPY ... FROM STDIN.

        Returns:
            The number of rows that PostgreSQL took.

        Raises:
            RedshiftError: PostgreSQL's error, or that of the chunks.
        """
        self.channel.send(pack(Frontend.QUERY, sql.encode() + b"\0"))
        self.collect(until=Backend.COPY_IN_RESPONSE)
        try:
            for chunk in chunks:
                if not self.channel.send_until_error(pack(Frontend.COPY_DATA, chunk)):
                    break  # PostgreSQL has given up, and its error waits: the rest would be thrown away
        except Exception:
            self.channel.send(pack(Frontend.COPY_FAIL, b"stopped\0"))
            with contextlib.suppress(RedshiftError):  # PostgreSQL says that it was stopped
                self.collect()
            raise
        self.channel.send(pack(Frontend.COPY_DONE))
        self.collect()
        return int(self.tag.split()[-1])

    def collect(self, until: bytes = Backend.READY_FOR_QUERY) -> list[list[str | None]]:
        """Return the rows that PostgreSQL answers up to ReadyForQuery, or up to a message of the kind `until`.

        Raises:
            RedshiftError: PostgreSQL's error.
        """
        rows: list[list[str | None]] = []
        error = None
        while True:
            kind, body = self.channel.message()
            match kind:
                case Backend.DATA_ROW:
                    rows.append(unpack_row(body))
                case Backend.ERROR_RESPONSE:
                    error = unpack_fields(body)
                case Backend.NOTICE_RESPONSE:
                    self.notices.append(unpack_fields(body))
                case Backend.COMMAND_COMPLETE:
                    self.tag = body[:-1].decode()
                case Backend.READY_FOR_QUERY:
                    self.transaction = body
            if kind in (until, Backend.READY_FOR_QUERY):
                if error:
                    refusal = RedshiftError(error["M"], error["C"], detail=error.get("D"))
                    refusal.is_postgres = True
                    raise refusal
                return rows

    def close(self) -> None:
        """Close the connection."""
        self.channel.close()
