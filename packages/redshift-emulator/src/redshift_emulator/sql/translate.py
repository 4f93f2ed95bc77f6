"""A statement of Redshift becomes one of PostgreSQL, an action, or a refusal.

What does not differ is passed on as the client wrote it. Translations are kept by their text, because drivers and dbt
send the same statements again and again.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

from sqlglot.errors import ParseError, TokenError
from sqlglot.tokens import TokenType

from ..catalogue.tables import Catalogue
from ..errors import for_client
from ..names import NAME
from .grammar import tokenize
from .identifiers import BLANKS, normalized
from .query import Query
from .rewriting import NeedsCatalogueError
from .statement import UNPARSABLE, Statement
from .statements import plan

LEADING = re.compile(rf"(?:[{BLANKS}]+|--[^\n]*(?:\n|$)|/\*.*?\*/)+", re.S)
FILLS = re.compile(rf"insert\s+into\s+({NAME})\s*(?:\([^()]*\)\s*)?\(*\s*(?:select|with)\b", re.I)


def split(text: str) -> list[str]:
    """Return the statements of a text, cut at the semicolons that stand in no literal, identifier or comment."""
    if ";" not in text:
        return [text] if text.strip(BLANKS) else []
    try:
        tokens = tokenize(text)
    except TokenError:
        return [text]  # PostgreSQL says what is wrong with it
    cuts = [-1, *(token.start for token in tokens if token.token_type == TokenType.SEMICOLON), len(text)]
    parts = [text[start + 1 : end] for start, end in pairwise(cuts)]
    return [part for part in parts if LEADING.sub("", part, count=1)]


@lru_cache(maxsize=4096)
def independent(text: str) -> Statement | None:
    """Translate a statement without the catalogue; None if it is needed."""
    try:
        return translate(text, None)
    except NeedsCatalogueError:
        return None


def translate(text: str, catalogue: Catalogue | None) -> Statement:
    """Translate a statement.

    Args:
        text: As the client wrote it.
        catalogue: Who can be asked for the columns of tables.

    Raises:
        NeedsCatalogueError: It depends on them, and `catalogue` is none.
    """
    leading = LEADING.match(text)
    start = leading.end() if leading else 0
    body = text[start:].rstrip(BLANKS).rstrip(";").rstrip(BLANKS)
    try:
        planned = plan(normalized(body))
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
