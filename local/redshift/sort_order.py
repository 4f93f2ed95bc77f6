"""Rows that a query brings into a table are stored in the order of its sort key, as Redshift stores them.

So the ranges of blocks, which prune by literals, are narrow also after one statement has brought a year of days.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.errors import SqlglotError

from .dialect import Statement, query
from .grammar import read, tokenize
from .words import NAME

if TYPE_CHECKING:
    from .session import Session

INSERT = re.compile(rf"(insert\s+into\s+({NAME})\s*(?:\(((?!\s*(?:select|with)\b)[^()]*)\))?)\s*(.*)", re.I | re.S)


def insert(text: str, body: str) -> Statement:
    """INSERT; one that brings the rows of a query sorts them, if the table has a sort key."""
    statement = query(text, body)
    found = INSERT.fullmatch(body)
    if statement.error or not found or re.match(r"values\b|default\b", found[4], re.I):
        return statement

    def resolve(session: Session) -> Statement:
        ready = statement.resolve(session) if statement.resolve else statement
        return ready if ready.error else replace(ready, sent=in_order(session, ready.sent))

    return replace(statement, resolve=resolve)


def in_order(session: Session, sql: str) -> str:
    """The INSERT with an ORDER BY; as it was where the table has no sort key, or the query an order of its own."""
    found = INSERT.fullmatch(sql)
    keys = session.sort_key(found[2]) if found else []
    if not keys or not takes_order(found[4]):
        return sql
    named = re.findall(r'[^\s,"]+', found[3]) if found[3] else session.columns(found[2])
    positions = [str(named.index(key) + 1) for key in keys if key in named]
    return f"{found[1]} ({found[4]}\n) order by {', '.join(positions)}" if positions else sql


def takes_order(sql: str) -> bool:
    """Whether an ORDER BY after the query changes nothing but the order."""
    try:
        tree = read(tokenize(sql), sql)
    except SqlglotError:
        return False
    while isinstance(tree, exp.Subquery):
        tree = tree.this
    return isinstance(tree, exp.Query) and not any(tree.args.get(name) for name in ("order", "limit", "offset"))
