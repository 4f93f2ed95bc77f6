"""A statement of Redshift becomes one of PostgreSQL, an action, or a refusal.

What does not differ is passed on as the client wrote it. Translations are kept by their text, because drivers and dbt
send the same statements again and again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from sqlglot.errors import ParseError, TokenError
from sqlglot.tokens import TokenType

from . import refusals
from .errors import RedshiftError, for_client
from .grammar import nodes_of, read, tokenize, write
from .rewrite import REWRITTEN_WORDS, Columns, NeedsCatalogueError, Rewriter

if TYPE_CHECKING:
    from .session import Session

UNPARSABLE = "refused_by_the_local_redshift"
REMOVE_DUPLICATES = re.compile(
    r"merge\s+into\s+(\S+)\s+using\s+(\S+(?:\s+(?:as\s+)?\w+)?)\s+on\s+(.*?)\s+remove\s+duplicates\s*", re.I | re.S
)
LEADING = re.compile(r"(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/)+", re.S)


@dataclass(frozen=True)
class Statement:
    """A statement, as the client wrote it and as PostgreSQL gets it."""

    text: str
    sent: str
    action: Callable[[Session], str] | None = None
    error: RedshiftError | None = None
    resolve: Callable[[Session], Statement] | None = None

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
    parts = [text[start + 1 : end] for start, end in pairwise(cuts)]
    return [part for part in parts if LEADING.sub("", part, count=1)]


@lru_cache(maxsize=4096)
def translate(text: str) -> Statement:
    """What becomes of a statement."""
    try:
        return _translate(text)
    except Exception as error:  # a refusal, or a fault of ours or of sqlglot's
        return Statement(text, UNPARSABLE, error=for_client(error))


def _translate(text: str) -> Statement:
    body = text.strip().rstrip(";").rstrip()
    start = LEADING.match(body)
    body = body[start.end() :] if start else body
    if not body:
        return Statement(text, "")
    if "#" in body:  # the name of a temporary table can start with it, which PostgreSQL wants in quotes
        for token in reversed(tokenize(body)):
            if token.token_type == TokenType.VAR and re.match(r"#\w", token.text):
                body = f'{body[: token.start]}"{token.text.lower()}"{body[token.end + 1 :]}'
    from .statements import STATEMENTS  # they are made of what stands here

    for pattern, handle in STATEMENTS:
        if pattern.match(body):
            return handle(text, body)
    return Statement(text, text)  # no statement: PostgreSQL says at which word


def passed(text: str, body: str) -> Statement:
    """The same to PostgreSQL as to Redshift."""
    return Statement(text, body)


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
    after = after and "\n" + after  # the query can end in a comment

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
        return Statement(text, before + sql + after, resolve=lambda session: build(session.columns))


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
        tree = read(tokens, sql)
    except TokenError:
        return sql  # PostgreSQL says what is wrong with it
    except ParseError:
        # PostgreSQL finds the wrong word, or it reads what we cannot read: then it meets the word that we append
        return f"{sql}\n;{UNPARSABLE}"
    nodes = nodes_of(tree)
    refusals.check(tree, nodes)
    rewriter = Rewriter(tree, columns)
    tree = rewriter.run(nodes)
    if not rewriter.changed and not any(token.text.upper() in REWRITTEN_WORDS for token in tokens):
        return sql
    return write(tree)
