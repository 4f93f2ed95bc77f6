"""One client's session: it translates the statements that arrive and passes the answers on.

What a client sends is passed to a PostgreSQL session of its own, message by message. Three things can happen to a
statement on the way:

- Its text is rewritten (sql/translate).
- It is refused. PostgreSQL gets a statement that it cannot parse, so that the state of the transaction is PostgreSQL's
  own, and its error is replaced.
- It is an action (COPY, TRUNCATE ...). PostgreSQL gets an empty statement in its place. On Execute the action runs
  statements of its own on the same connection, in the same transaction.
"""

from __future__ import annotations

import contextlib
import logging
import re
import struct
from collections.abc import Collection

from ..catalogue.statistics import after_statement, filled_table
from ..catalogue.tables import Catalogue
from ..errors import RedshiftError, for_client
from ..knobs import Knobs
from ..load.files import Loader
from ..load.run import load, log_insert
from ..postgres.connection import Connection
from ..protocol.channel import Channel, relay
from ..protocol.long_names import restored, restored_description
from ..protocol.messages import UNKNOWN, VARCHAR, Backend, Frontend, as_redshift, pack, pack_fields, unpack_fields
from ..protocol.values import Values
from ..sql.copy import Copy
from ..sql.messages import in_redshift_words
from ..sql.statement import UNPARSABLE, Statement
from ..sql.translate import independent, split, translate
from .neighbours import ELSEWHERE, bring

log = logging.getLogger(__name__)

ALL = -1  # the answers up to ReadyForQuery, however many
# Each message of the extended protocol is answered by one of these, or by an error
ENDS_A_STEP = (
    Backend.PARSE_COMPLETE,
    Backend.BIND_COMPLETE,
    Backend.ROW_DESCRIPTION,
    Backend.NO_DATA,
    Backend.CLOSE_COMPLETE,
    Backend.COMMAND_COMPLETE,
    Backend.EMPTY_QUERY_RESPONSE,
    Backend.PORTAL_SUSPENDED,
)


class Session:
    """The statements of one client, in the order in which they arrive.

    Args:
        client: The client, logged in.
        postgres: A PostgreSQL session of the same user, ready for queries.
        loader: Reads the objects that COPY loads, and keeps the log of loads.
        absent_functions: The functions that Redshift has and the emulator lacks.
        knobs: What a test makes worse.
        protocol: The version of Redshift's protocol that the client was told, none for a PostgreSQL client.
    """

    def __init__(
        self,
        client: Channel,
        postgres: Connection,
        loader: Loader,
        absent_functions: Collection[str],
        knobs: Knobs,
        protocol: int | None = None,
    ) -> None:
        self.knobs = knobs
        self.protocol = protocol or 0
        self.client = client
        self.postgres = postgres
        self.catalogue = Catalogue(postgres)
        self.loader = loader
        self.absent_functions = absent_functions
        self.values = Values()
        self.outgoing = bytearray()
        self.awaited = 0  # how many answers PostgreSQL owes for what is in `outgoing`, or ALL
        self.statements: dict[bytes, Statement] = {}
        self.portals: dict[bytes, Statement] = {}
        self.current: Statement | None = None  # the one that was read last
        self.executed: Statement | None = None
        self.skip_to_sync = False
        self.failed = False

    def run(self) -> None:
        """Serve the client until it leaves.

        Raises:
            ConnectionError: Either side is gone.
        """
        while True:
            kind, body = self.client.message()
            if kind == Frontend.TERMINATE:
                return
            if kind == Frontend.QUERY:
                self.simple_query(body[:-1].decode())
            elif kind in (Frontend.FLUSH, Frontend.SYNC):
                self.finish_batch(kind)
            elif not self.skip_to_sync:
                self.batch(kind, body)

    def batch(self, kind: bytes, body: bytes) -> None:
        """Take one message of the extended protocol."""
        if kind == Frontend.PARSE:
            name, text, types = body.split(b"\0", 2)
            types = with_types_of_unused(text.decode(), self.values.parse(name, types))
            known = independent(text.decode())
            if not known or known.fills:
                self.finish_batch(Frontend.FLUSH)  # the catalogue is asked on the same connection
                if self.skip_to_sync:
                    return
            self.current = self.statements[name] = translated(text.decode(), self.catalogue)
            body = name + b"\0" + self.current.sent.encode() + b"\0" + types
        elif kind == Frontend.BIND:
            body = self.values.bind(body)
            portal, name, _ = body.split(b"\0", 2)
            if name in self.statements:
                self.portals[portal] = self.statements[name]
                if ELSEWHERE.search(self.statements[name].sent):
                    self.finish_batch(Frontend.FLUSH)
                    self.skip_to_sync = self.skip_to_sync or not self.brought(self.statements[name])
                    if self.skip_to_sync:
                        return
        elif kind == Frontend.EXECUTE:
            statement = disturbed(self.portals.get(body.split(b"\0", 1)[0]), self.knobs)
            if statement and statement.action:
                self.finish_batch(Frontend.FLUSH)
                if not self.skip_to_sync:
                    self.skip_to_sync = not self.act(statement)
                return
            self.executed = statement
        elif kind not in (Frontend.DESCRIBE, Frontend.CLOSE):
            raise ConnectionError(f"message {kind!r} is not one that a Redshift client sends")
        self.values.await_answer(kind, body)
        self.outgoing += pack(kind, body)
        self.awaited += 1

    def finish_batch(self, kind: bytes) -> None:
        """Send what was collected and pass the answers on, after Sync with the state of the transaction."""
        if kind == Frontend.SYNC:
            self.outgoing += pack(Frontend.SYNC)
            self.awaited = ALL
            self.ready(self.relayed())
            self.skip_to_sync = False
        elif self.awaited and not self.skip_to_sync:
            self.outgoing += pack(Frontend.FLUSH)
            self.client.send(self.relayed())
        self.awaited = 0

    def relayed(self) -> bytearray:
        """Send what was collected to PostgreSQL, and return the end of its answer."""
        return relay(self.postgres.channel, self.client, self.outgoing, self.answer, self.values.rows)

    def simple_query(self, text: str) -> None:
        """Run a message of the simple protocol, which holds any number of statements."""
        parts = split(text)
        is_disturbed = self.knobs.faults or self.knobs.statement_seconds or self.knobs.commit_seconds
        known = [statement for statement in map(independent, parts) if statement]
        if not is_disturbed and len(known) == len(parts) and not any(map(stands_alone, known)):
            statements = iter([Statement(text, ";".join(statement.sent for statement in known))])
        else:
            statements = (translated(part, self.catalogue) for part in parts)  # each when those before it have run
        answer = bytearray()
        for statement in statements:
            self.client.send(answer)
            answer = bytearray()
            statement = disturbed(statement, self.knobs) or statement
            self.current = statement
            self.failed = not self.brought(statement)
            if statement.action and not self.failed:
                self.failed = not self.act(statement)
            elif not self.failed:
                self.executed = statement
                self.outgoing += pack(Frontend.QUERY, statement.sent.encode() + b"\0")
                self.awaited = ALL
                answer = self.relayed()
            if self.failed:
                break
        self.awaited = 0
        self.ready(answer)

    def ready(self, answer: bytes | bytearray) -> None:
        """Finish a statement: gather statistics, send the end of its answer and ReadyForQuery."""
        executed, self.executed = self.executed, None
        if executed and (table := filled_table(executed.sent, self.postgres.tag)):
            try:
                after_statement(self.postgres, executed.sent, self.postgres.tag)
                log_insert(self.loader, self.postgres, table)
            except RedshiftError:  # the rows are there; only plans are worse
                log.exception("a table is left without statistics")
        self.client.send(answer + pack(Backend.READY_FOR_QUERY, self.postgres.transaction))

    def act(self, statement: Statement) -> bool:
        """Run an action and answer for it.

        Returns:
            Whether it succeeded; otherwise the client has the error, and an open transaction has failed.
        """
        try:
            tag = statement.action(self)  # type: ignore[misc]
        except ConnectionError:
            raise
        except Exception as error:
            if self.postgres.is_in_transaction:
                with contextlib.suppress(RedshiftError):  # fails on purpose, to abort the transaction
                    self.postgres.query(UNPARSABLE)
            self.client.send_error(refusal_of(error, statement, self.absent_functions))
            return False
        self.client.send(pack(Backend.COMMAND_COMPLETE, tag.encode() + b"\0"))
        return True

    def brought(self, statement: Statement) -> bool:
        """Bring what a SHOW reads of another database; False if the client got an error instead."""
        try:
            bring(self.postgres, statement.sent, self.values.given)
        except RedshiftError as error:
            self.client.send_error(refusal_of(error, statement, self.absent_functions))
            return False
        return True

    def copy(self, command: Copy) -> str:
        """Run a COPY in the client's transaction, or in one of its own, and return its command tag."""
        message = load(self.loader, self.postgres, command)
        self.client.send(pack_fields(Backend.NOTICE_RESPONSE, {"S": "INFO", "C": "00000", "M": message}))
        return "COPY"

    def answer(self, kind: bytes, body: bytes) -> tuple[bytes, bool]:
        """Return what the client gets for PostgreSQL's message, and whether it is the last that is awaited.

        ReadyForQuery is sent by the caller.
        """
        self.values.take(kind, body)
        if kind == Backend.READY_FOR_QUERY:
            self.postgres.transaction = body
            return b"", True
        if kind == Backend.ERROR_RESPONSE:
            self.failed, self.executed = True, None
            self.skip_to_sync = self.awaited > 0
            fields = in_redshift_words(unpack_fields(body), self.current, self.absent_functions)
            return pack_fields(Backend.ERROR_RESPONSE, restored_fields(fields)), self.skip_to_sync
        if kind == Backend.COMMAND_COMPLETE:
            self.postgres.tag = body[:-1].decode()
        if kind == Backend.ROW_DESCRIPTION:
            body = restored_description(body)
        self.awaited -= kind in ENDS_A_STEP
        return pack(kind, as_redshift(kind, body, self.protocol)), self.awaited == 0


def translated(text: str, catalogue: Catalogue) -> Statement:
    """Return the statement for PostgreSQL, which is asked where the statement depends on the catalogue."""
    statement = independent(text)
    try:
        if not statement or (statement.fills and catalogue.sort_key(statement.fills)):
            return translate(text, catalogue)
    except RedshiftError as error:  # the transaction has failed before, for instance
        return Statement(text, UNPARSABLE, error=error)
    return statement


def stands_alone(statement: Statement) -> bool:
    """Return whether a statement cannot be sent together with others."""
    return bool(statement.action or statement.error or statement.fills or ELSEWHERE.search(statement.sent))


def refusal_of(error: Exception, statement: Statement, absent_functions: Collection[str]) -> dict[str, str]:
    """Return the fields of the error with which an action has ended."""
    refusal = for_client(error)
    fields = refusal.fields()
    return restored_fields(in_redshift_words(fields, statement, absent_functions) if refusal.is_postgres else fields)


def restored_fields(fields: dict[str, str]) -> dict[str, str]:
    """Return the fields of an error with the names that the client knows."""
    return {name: restored(text) for name, text in fields.items()}


def disturbed(statement: Statement | None, knobs: Knobs) -> Statement | None:
    """Return the statement, or one that fails if a test has asked for that; wait as long as a test has asked for."""
    try:
        if statement:
            knobs.before_statement(statement.text)
    except RedshiftError as error:

        def fail(_: object, error: RedshiftError = error) -> str:
            raise error

        return Statement(statement.text if statement else "", action=fail)
    return statement


def with_types_of_unused(text: str, types: bytes) -> bytes:
    """Return the types of a statement's parameters, where one that the text does not use is text.

    Redshift ignores such a parameter; PostgreSQL asks for its type.
    """
    (count,) = struct.unpack_from("!h", types)
    if not count:
        return types
    used = max((int(number) for number in re.findall(r"[$](\d+)", text)), default=0)
    numbers = list(struct.unpack_from(f"!{count}i", types, 2))
    numbers[used:] = [VARCHAR if number in (0, UNKNOWN) else number for number in numbers[used:]]
    return struct.pack(f"!h{count}i", count, *numbers)
