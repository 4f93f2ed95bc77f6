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
from .rewrite import REWRITTEN_WORDS, NeedsCatalogueError, Rewriter
from .words import NAME

if TYPE_CHECKING:
    from .session import Session

UNPARSABLE = "refused_by_the_local_redshift"
REMOVE_DUPLICATES = re.compile(
    r"merge\s+into\s+(\S+)\s+using\s+(\S+(?:\s+(?:as\s+)?\w+)?)\s+on\s+(.*?)\s+remove\s+duplicates\s*", re.I | re.S
)
LEADING = re.compile(r"(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/)+", re.S)
FILLS = re.compile(rf"insert\s+into\s+({NAME})\s*(?:\([^()]*\)\s*)?\(*\s*(?:select|with)\b", re.I)
Action = Callable[["Session"], str]  # its result is the command tag


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


@dataclass(frozen=True)
class Query:
    """A statement that has a query in it; what does not differ is left as the client wrote it.

    Attributes:
        sql: The query.
        before: PostgreSQL's text of what stands before it.
        after: What to append.
    """

    sql: str
    before: str = ""
    after: str = ""

    def written(self, body: str, catalogue: Session | None) -> str:
        """PostgreSQL's text of the statement `body`."""
        try:
            sql = rewritten(self.sql, catalogue)
        except RedshiftError as error:
            if error.position is not None:
                error.position += max(body.find(self.sql), 0)
            raise
        return self.before + sql + (self.after and "\n" + self.after)  # the query can end in a comment


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
def independent(text: str) -> Statement | None:
    """What becomes of a statement, whatever tables there are; none if it depends on them."""
    try:
        return translate(text, None)
    except NeedsCatalogueError:
        return None


def translate(text: str, catalogue: Session | None) -> Statement:
    """What becomes of a statement.

    Args:
        text: As the client wrote it.
        catalogue: Who can be asked for the columns of tables.

    Raises:
        NeedsCatalogueError: It depends on them, and `catalogue` is none.
    """
    from .statements import plan  # its plans are made of what stands here

    leading = LEADING.match(text)
    start = leading.end() if leading else 0
    body = text[start:].rstrip().rstrip(";").rstrip()
    try:
        planned = plan(with_quoted_temporary_names(body))
        if isinstance(planned, Query):
            planned = planned.written(body, catalogue)
    except NeedsCatalogueError:
        raise
    except TokenError:
        return Statement(text, body)  # PostgreSQL says what is wrong with it
    except ParseError:
        # PostgreSQL finds the wrong word, or it reads what we cannot read: then it meets the word that we append
        return Statement(text, f"{body}\n;{UNPARSABLE}")
    except Exception as error:  # a refusal, or a fault of ours or of sqlglot's
        refusal = for_client(error)
        if refusal.position is not None:
            refusal.position += start
        return Statement(text, UNPARSABLE, error=refusal)
    if not isinstance(planned, str):
        return Statement(text, action=planned)
    fills = FILLS.match(planned)
    return Statement(text, planned, fills=fills[1] if fills else "")


def with_quoted_temporary_names(sql: str) -> str:
    """The name of a temporary table can start with #, which PostgreSQL wants in quotes."""
    for token in reversed(tokenize(sql)) if "#" in sql else []:
        if token.token_type == TokenType.VAR and re.match(r"#\w", token.text):
            sql = f'{sql[: token.start]}"{token.text.lower()}"{sql[token.end + 1 :]}'
    return sql


def rewritten(sql: str, catalogue: Session | None) -> str:
    """PostgreSQL's text of a query.

    Raises:
        RedshiftError: Redshift would refuse it.
        SqlglotError: It cannot be read.
        NeedsCatalogueError: The rewriting depends on the columns of a table, and `catalogue` is none.
    """
    if merge := REMOVE_DUPLICATES.fullmatch(sql):
        target, source, condition = merge.groups()
        return (
            f"with removed as (delete from {target} using {source} where {condition})"
            f" insert into {target} select distinct * from {source}"
        )
    tokens = tokenize(sql)
    refusals.check_tokens(tokens)
    tree = read(tokens, sql)
    nodes = nodes_of(tree)
    refusals.check(tree, nodes)
    rewriter = Rewriter(tree, catalogue)
    tree = rewriter.run(nodes)
    if not rewriter.changed and not any(token.text.upper() in REWRITTEN_WORDS for token in tokens):
        return sql
    return write(tree) + rewriter.attributes
