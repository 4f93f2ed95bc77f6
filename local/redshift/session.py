"""One client's connection: it rewrites the statements that come in and the messages that go out.

What a client sends is passed to a PostgreSQL session of its own, message by message. Three things can happen to a
statement on the way: its text is rewritten (dialect), it is refused (PostgreSQL gets a statement that it cannot
parse, so that the state of the transaction is PostgreSQL's own, and its error is replaced by ours), or it is an
action (COPY, TRUNCATE ...): PostgreSQL gets an empty statement in its place, and on Execute the action runs its own
statements on the same connection, in the same transaction.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterable, Iterator

from .dialect import UNPARSABLE, Statement, independent, split, translate
from .errors import RedshiftError, for_client, missing
from .load import Loader
from .table_statistics import after_statement
from .wire import COPY_DONE, FLUSH, SYNC, Channel, as_redshift, pack, pack_fields, relay, unpack_fields, unpack_row
from .words import regclass, words

log = logging.getLogger(__name__)

ALL = -1  # the answers up to ReadyForQuery, however many
ENDS_A_STEP = b"12Tn3CIs"  # each message of the extended protocol is answered by one of these, or by an error


class Session:
    """The statements of one client, in the order in which they come.

    Args:
        client: The client, logged in.
        postgres: A PostgreSQL session of the same user, ready for queries.
        loader: Runs COPY and UNLOAD; has the S3 client and the place of the load logs.
    """

    def __init__(self, client: Channel, postgres: Channel, loader: Loader) -> None:
        self.client = client
        self.postgres = postgres
        self.loader = loader
        self.transaction = b"I"  # as in ReadyForQuery: I idle, T in a transaction, E in a failed one
        self.outgoing = bytearray()
        self.awaited = 0  # how many answers PostgreSQL owes for what is in `outgoing`, or ALL
        self.statements: dict[bytes, Statement] = {}
        self.portals: dict[bytes, Statement] = {}
        self.current: Statement | None = None  # the one that was read last
        self.executed: Statement | None = None
        self.skip_to_sync = False
        self.failed = False
        self.notices: list[dict[str, str]] = []  # of statements of our own
        self.tag = ""

    def run(self) -> None:
        """Serves the client until it leaves.

        Raises:
            ConnectionError: Either side is gone.
        """
        while True:
            kind, body = self.client.message()
            if kind == b"X":
                return
            if kind == b"Q":
                self.simple_query(body[:-1].decode())
            elif kind in b"HS":
                self.finish_batch(kind)
            elif not self.skip_to_sync:
                self.batch(kind, body)

    def batch(self, kind: bytes, body: bytes) -> None:
        """One message of the extended protocol."""
        if kind == b"P":
            name, text, types = body.split(b"\0", 2)
            known = independent(text.decode())
            if not known or known.fills:
                self.finish_batch(b"H")  # the catalogue is asked by the same connection
                if self.skip_to_sync:
                    return
            self.current = self.statements[name] = self.translated(text.decode())
            body = name + b"\0" + self.current.sent.encode() + b"\0" + types
        elif kind == b"B":
            portal, name, _ = body.split(b"\0", 2)
            if name in self.statements:
                self.portals[portal] = self.statements[name]
        elif kind == b"E":
            statement = self.portals.get(body.split(b"\0", 1)[0])
            if statement and statement.action:
                self.finish_batch(b"H")
                if not self.skip_to_sync:
                    self.skip_to_sync = not self.act(statement)
                return
            self.executed = statement
        elif kind not in b"DC":
            raise ConnectionError(f"message {kind!r} is not one that a Redshift client sends")
        self.outgoing += pack(kind, body)
        self.awaited += 1

    def finish_batch(self, kind: bytes) -> None:
        """Sends what was collected and passes the answers on, after Sync with the state of the transaction."""
        if kind == b"S":
            self.outgoing += SYNC
            self.awaited = ALL
            self.ready(relay(self.postgres, self.client, self.outgoing, self.answer))
            self.skip_to_sync = False
        elif self.awaited and not self.skip_to_sync:
            self.outgoing += FLUSH
            self.client.send(relay(self.postgres, self.client, self.outgoing, self.answer))
        self.awaited = 0

    def translated(self, text: str) -> Statement:
        """The statement for PostgreSQL; where it depends on the catalogue, PostgreSQL is asked."""
        statement = independent(text)
        try:
            if not statement or (statement.fills and self.sort_key(statement.fills)):
                return translate(text, self)
        except RedshiftError as error:  # the transaction has failed before, for instance
            return Statement(text, UNPARSABLE, error=error)
        return statement

    def columns(self, relation: str) -> list[str]:
        """The column names of a table or view, empty when there is none of that name."""
        return self.names(
            "select attname from pg_catalog.pg_attribute where attnum > 0 and not attisdropped"
            f" and attrelid = {regclass(relation)}"
        )

    def table_id(self, relation: str) -> str | None:
        """PostgreSQL's number of a table."""
        return self.query(f"select {regclass(relation)}::oid")[0][0]

    def sort_key(self, relation: str) -> list[str]:
        """The columns of a table's compound sort key, empty when it has none."""
        return self.names(
            "select pg_postgres.jsonb_array_elements_text(attributes -> 'sortkey') from pg_redshift.table_attributes"
            f" where attributes ->> 'sort_style' = 'COMPOUND' and table_id = {regclass(relation)}"
        )

    def simple_query(self, text: str) -> None:
        """The simple protocol: any number of statements in one message."""
        parts = split(text)
        known = [statement for statement in map(independent, parts) if statement]
        if len(known) == len(parts) and not any(it.action or it.error or it.fills for it in known):
            statements = iter([Statement(text, ";".join(statement.sent for statement in known))])
        else:
            statements = map(self.translated, parts)  # each when those before it have run
        answer = bytearray()
        for statement in statements:
            self.client.send(answer)
            answer = bytearray()
            self.current = statement
            self.failed = False
            if statement.action:
                self.failed = not self.act(statement)
            else:
                self.executed = statement
                self.outgoing += pack(b"Q", statement.sent.encode() + b"\0")
                self.awaited = ALL
                answer = relay(self.postgres, self.client, self.outgoing, self.answer)
            if self.failed:
                break
        self.awaited = 0
        self.ready(answer)

    def ready(self, answer: bytes | bytearray) -> None:
        """Does what follows a statement, then sends the end of its answer, and that the next one can come."""
        executed, self.executed = self.executed, None
        if executed:
            try:
                after_statement(self, executed.sent, self.tag)
            except RedshiftError:  # the rows are there; only plans are worse
                log.exception("a table is left without statistics")
        self.client.send(answer + pack(b"Z", self.transaction))

    def act(self, statement: Statement) -> bool:
        """Runs an action and answers for it.

        Returns:
            Whether it went well; otherwise the client has the error, and an open transaction has failed.
        """
        try:
            tag = statement.action(self)  # type: ignore[misc]
        except ConnectionError:
            raise
        except Exception as error:
            if self.transaction == b"T":
                with contextlib.suppress(RedshiftError):  # it is there to fail
                    self.query(UNPARSABLE)
            self.client.send_error(for_client(error))
            return False
        self.client.send(pack(b"C", tag.encode() + b"\0"))
        return True

    def notice(self, text: str) -> None:
        """Tells the client something that is no error; Redshift sends it as INFO."""
        self.client.send(pack_fields(b"N", {"S": "INFO", "C": "00000", "M": text}))

    def query(self, sql: str) -> list[list[str | None]]:
        """Runs a statement of our own on the client's PostgreSQL session.

        Raises:
            RedshiftError: PostgreSQL's error.
        """
        self.postgres.send(pack(b"Q", sql.encode() + b"\0"))
        return self.collect()

    def names(self, sql: str) -> list[str]:
        """The only column of what a statement of our own answers."""
        return [str(name) for (name,) in self.query(sql)]

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Statements of our own that take effect together: in the client's transaction, or in one of their own."""
        own = self.transaction == b"I"
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
        """Sends data into a COPY ... FROM STDIN of our own.

        Returns:
            The number of rows that PostgreSQL took.

        Raises:
            RedshiftError: PostgreSQL's error, or that of the chunks.
        """
        self.postgres.send(pack(b"Q", sql.encode() + b"\0"))
        self.collect(until=b"G")
        try:
            for chunk in chunks:
                if not self.postgres.send_until_error(pack(b"d", chunk)):
                    break  # PostgreSQL has given up, and its error waits: the rest would be thrown away
        except Exception:
            self.postgres.send(pack(b"f", b"stopped\0"))
            with contextlib.suppress(RedshiftError):  # PostgreSQL says that it was stopped
                self.collect()
            raise
        self.postgres.send(COPY_DONE)
        self.collect()
        return int(self.tag.split()[-1])

    def collect(self, until: bytes = b"Z") -> list[list[str | None]]:
        """The rows that PostgreSQL answers up to ReadyForQuery, or up to a message of the kind `until`.

        Raises:
            RedshiftError: PostgreSQL's error.
        """
        rows: list[list[str | None]] = []
        error = None
        while True:
            kind, body = self.postgres.message()
            if kind == b"D":
                rows.append(unpack_row(body))
            elif kind == b"E":
                error = unpack_fields(body)
            elif kind == b"N":
                self.notices.append(unpack_fields(body))
            elif kind == b"C":
                self.tag = body[:-1].decode()
            elif kind == b"Z":
                self.transaction = body
            if kind in (until, b"Z"):
                if error:
                    raise RedshiftError(error["M"], error["C"], detail=error.get("D"))
                return rows

    def answer(self, kind: bytes, body: bytes) -> tuple[bytes, bool]:
        """What the client gets for PostgreSQL's message, and whether it is the last that is awaited.

        ReadyForQuery is sent by the caller.
        """
        if kind == b"Z":
            self.transaction = body
            return b"", True
        if kind == b"E":
            self.failed, self.executed = True, None
            self.skip_to_sync = self.awaited > 0
            return pack_fields(b"E", self.error_fields(unpack_fields(body))), self.skip_to_sync
        if kind == b"C":
            self.tag = body[:-1].decode()
        self.awaited -= kind in ENDS_A_STEP
        return pack(kind, as_redshift(kind, body)), self.awaited == 0

    def error_fields(self, fields: dict[str, str]) -> dict[str, str]:
        """PostgreSQL's error in Redshift's words."""
        current = self.current
        if current and UNPARSABLE in fields["M"]:
            unread = missing("a reader for this statement, though PostgreSQL has")
            return (current.error or unread).fields()
        if current and current.sent.endswith(UNPARSABLE) and fields["M"] == 'syntax error at or near ";"':
            fields["M"] = "syntax error at end of input"
            fields.pop("P")
        absent = re.match(r"function (\w+)\(", fields["M"])
        if fields["C"] == "42883" and absent and (absent[1] in self.loader.absent or absent[1].startswith("st_")):
            return missing(f"the function {absent[1]}").fields()
        for code, pattern, text, *detail in MESSAGES:
            if found := re.fullmatch(pattern, fields["M"]):
                fields |= {"C": fields["C"] if code == "-" else code, "M": found.expand(text)}
                fields |= {"D": detail[0]} if detail else {}
        if role := re.fullmatch(ROLE, fields["M"]):
            fields |= role_error(*role.groups(), current.text if current else "", fields.pop("D", ""))
        if fields["C"] == "42883":
            fields["M"] = re.sub(r"\bunknown\b", '"unknown"', fields["M"])
        fields = {name: text for name, text in fields.items() if name in "SCMDHP"}
        if current and "P" in fields and (position := current.original_position(int(fields.pop("P")))):
            fields["P"] = str(position)
        return fields


def role_error(name: str, what: str, statement: str, detail: str) -> dict[str, str]:
    """What is wrong with a role of PostgreSQL, which is a user, a group or a role (r_DROP_USER.html)."""
    word = re.search(rf'\b(group|role)\s+"?{re.escape(name)}\b', statement, re.I)
    kind = word[1].lower() if word else "user"
    if not what.startswith("cannot"):
        return {"M": f'{kind} "{name}" {what}'}
    why = "owns some object" if "owner of" in detail else "has a privilege on some object"
    return {"C": "55006", "M": f'{kind} "{name}" can\'t be dropped because the {kind} {why}'}


ROLE = r'role "(.+)" (does not exist|already exists|cannot be dropped because some objects depend on it)'
MESSAGES = [line.split(" | ") for line in words("messages")]
