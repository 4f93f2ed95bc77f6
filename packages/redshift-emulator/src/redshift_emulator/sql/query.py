"""A query: read, checked, and rewritten only where it differs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..catalogue.tables import Catalogue
from ..errors import RedshiftError
from . import refusals
from .grammar import nodes_of, read, tokenize, write
from .literals import give_types
from .rewrite import REWRITTEN_WORDS, rewrite
from .rewriting import Rewriting

REMOVE_DUPLICATES = re.compile(
    r"merge\s+into\s+(\S+)\s+using\s+(\S+(?:\s+(?:as\s+)?\w+)?)\s+on\s+(.*?)\s+remove\s+duplicates\s*", re.I | re.S
)


@dataclass(frozen=True)
class Query:
    """A statement that has a query in it; what does not differ is left as the client wrote it.

    Attributes:
        sql: The query.
        before: PostgreSQL's text of what stands before it.
        after: What to append.
        makes_columns: Whether the columns of a new relation come from it, so that its literals need types.
    """

    sql: str
    before: str = ""
    after: str = ""
    makes_columns: bool = False

    def written(self, body: str, catalogue: Catalogue | None) -> str:
        """Return PostgreSQL's text of the statement `body`."""
        try:
            sql = rewritten(self.sql, catalogue, self.makes_columns)
        except RedshiftError as error:
            if error.position is not None:
                error.position += max(body.find(self.sql), 0)
            raise
        return self.before + sql + (self.after and "\n" + self.after)  # the query can end in a comment


def rewritten(sql: str, catalogue: Catalogue | None, makes_columns: bool = False) -> str:
    """Return PostgreSQL's text of a query.

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
    rewriting = Rewriting(tree, nodes, catalogue)
    if makes_columns:
        give_types(rewriting, tree)
    tree = rewrite(rewriting)
    if not rewriting.changed and not any(token.text.upper() in REWRITTEN_WORDS for token in tokens):
        return sql
    return write(tree) + rewriting.attributes
