"""A statement of Redshift becomes one of PostgreSQL, an action, or a refusal.

What does not differ is passed on as the client wrote it. Translations are kept by their text, because drivers and dbt
send the same statements again and again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlglot.errors import ParseError, TokenError
from sqlglot.tokens import TokenType

from . import ddl, refusals
from .errors import RedshiftError, unsupported_command
from .grammar import Grammar, tokenize, write
from .rewrite import REWRITTEN_WORDS, Columns, NeedsCatalogueError, Rewriter

if TYPE_CHECKING:
    from .session import Session

UNPARSABLE = "refused_by_the_local_redshift"
POSTGRES_ONLY = re.compile(
    r"(?:savepoint|release|do|listen|unlisten|notify|cluster|reindex|checkpoint|load|discard|security|import|move|call|"
    r"reassign|refresh|table|values|create|alter)\b",
    re.I,
)
CREATE_VIEW = re.compile(
    r"(create\s+(?:or\s+replace\s+)?view\s.*?\sas\b)(.*?)(\s*with\s+no\s+schema\s+binding)?", re.I | re.S
)
REMOVE_DUPLICATES = re.compile(
    r"merge\s+into\s+(\S+)\s+using\s+(\S+)\s+on\s+(.*?)\s+remove\s+duplicates\s*", re.I | re.S
)
LEADING = re.compile(r"(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/)+", re.S)


@dataclass(frozen=True)
class Statement:
    """A statement, as the client wrote it and as PostgreSQL gets it."""

    text: str
    sent: str
    action: Callable[[Session], str] | None = None
    error: RedshiftError | None = None
    resolve: Callable[[Columns], Statement] | None = None

    def original_position(self, position: int) -> int | None:
        """Where in the client's text the token stands that PostgreSQL points at; none if that is not certain."""
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


def split(text: str) -> list[str]:
    """The statements of a text, cut at the semicolons that stand in no literal, identifier or comment."""
    if ";" not in text:
        return [text] if text.strip() else []
    try:
        tokens = tokenize(text)
    except TokenError:
        return [text]  # PostgreSQL says what is wrong with it
    cuts = [-1, *(token.start for token in tokens if token.token_type == TokenType.SEMICOLON), len(text)]
    parts = [text[start + 1 : end] for start, end in zip(cuts, cuts[1:], strict=False)]
    return [part for part in parts if LEADING.sub("", part, count=1)]


@lru_cache(maxsize=4096)
def translate(text: str) -> Statement:
    """What becomes of a statement."""
    try:
        return _translate(text)
    except RedshiftError as error:
        return Statement(text, UNPARSABLE, error=error)


def _translate(text: str) -> Statement:
    body = text.strip().rstrip(";").rstrip()
    start = LEADING.match(body)
    body = body[start.end() :] if start else body
    if not body:
        return Statement(text, "")
    for pattern, handle in STATEMENTS:
        if pattern.match(body):
            return handle(text, body)
    if POSTGRES_ONLY.match(body):
        raise unsupported_command(body)
    return Statement(text, text)  # no statement: PostgreSQL says at which word


def passed(text: str, body: str) -> Statement:
    """The same to PostgreSQL as to Redshift."""
    return Statement(text, text)


def query(text: str, body: str) -> Statement:
    """A query or a change of rows."""
    body = re.sub(r"^delete\s+(?!from\b)", "delete from ", body, flags=re.I)
    return around(text, "", body)


def around(text: str, before: str, sql: str, after: str = "") -> Statement:
    """A statement that has a query in it; what does not differ is left as the client wrote it.

    Args:
        text: The statement as it came.
        before: PostgreSQL's text of what stands before the query.
        sql: The query, as it stands at the end of `text` or in it.
        after: What to append.
    """

    def build(columns: Columns | None) -> Statement:
        try:
            return Statement(text, before + rewritten(sql, columns) + after)
        except RedshiftError as error:
            if error.position is not None:
                error.position += max(text.find(sql), 0)
            return Statement(text, UNPARSABLE, error=error)

    try:
        return build(None)
    except NeedsCatalogueError:
        return Statement(text, before + sql + after, resolve=build)


def rewritten(sql: str, columns: Columns | None) -> str:
    """PostgreSQL's text of a query.

    Raises:
        RedshiftError: Redshift would refuse it.
        NeedsCatalogueError: The rewriting depends on the columns of a table, and `columns` is none.
    """
    if merge := REMOVE_DUPLICATES.fullmatch(sql):
        target, source, condition = merge.groups()
        return (
            f"with removed as (delete from {target} using {source} where {condition})"
            f" insert into {target} select distinct * from {source}"
        )
    try:
        tokens = tokenize(sql)
        refusals.check_tokens(tokens)
        trees = Grammar().parser().parse(tokens, sql)
    except TokenError:
        return sql  # PostgreSQL says what is wrong with it
    except ParseError:
        # PostgreSQL finds the wrong word, or it reads what we cannot read: then it meets the word that we append
        return f"{sql} {UNPARSABLE}"
    tree = trees[0]
    refusals.check(tree)
    rewriter = Rewriter(tree, columns)
    tree = rewriter.run()
    if not rewriter.changed and not any(token.text.upper() in REWRITTEN_WORDS for token in tokens):
        return sql
    return write(tree)


def create_table(text: str, body: str) -> Statement:
    """CREATE TABLE, with and without a query."""
    sql, start, comment = ddl.create_table(body)
    return Statement(text, sql + comment) if start is None else around(text, f"{sql} as ", body[start:], comment)


def create_view(text: str, body: str) -> Statement:
    """CREATE VIEW; a late-binding view is bound here all the same."""
    found = CREATE_VIEW.fullmatch(body)
    if not found:
        raise RedshiftError("syntax error at end of input", "42601")
    return around(text, found[1], found[2])


def copy(text: str, body: str) -> Statement:
    """COPY from S3."""
    from .copy import parse  # the other way round, COPY's tokens come from here

    command = parse(body)
    return Statement(text, "", action=lambda session: session.loader.copy(session, command))


def truncate(text: str, body: str) -> Statement:
    """TRUNCATE commits the transaction in which it runs (r_TRUNCATE.html)."""

    def run(session: Session) -> str:
        session.query(body)
        if session.transaction == b"T":
            session.query("commit")
        return "TRUNCATE TABLE and COMMIT TRANSACTION"

    return Statement(text, "", action=run)


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{pattern})\b", re.I)


STATEMENTS: list[tuple[re.Pattern[str], Callable[[str, str], Statement]]] = [
    (re.compile(r"\(*\s*(?:select|with|insert|update|delete|merge)\b", re.I), query),
    (_words(r"create\s+(?:local\s+)?(?:temp(?:orary)?\s+)?table"), create_table),
    (_words(r"create\s+(?:or\s+replace\s+)?view"), create_view),
    (_words("copy"), copy),
    (_words("truncate"), truncate),
    (
        _words(
            r"begin|start\s+transaction|commit|end|rollback|abort|set|show|reset|lock|analyze|comment|grant|revoke|drop|"
            r"declare|fetch|close|deallocate|explain|alter|create\s+(?:schema|user|group|database|function|or)|vacuum|prepare|execute"
        ),
        passed,
    ),
]
