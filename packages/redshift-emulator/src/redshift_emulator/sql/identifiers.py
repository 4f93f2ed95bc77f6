"""Names in a statement: how they fold, how long they may be, and the database that may stand before a schema."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlglot.tokens import Token, TokenType

from ..errors import RedshiftError
from ..names import fold, literal, quoted
from ..protocol import long_names
from .grammar import tokenize

LONGEST_NAME = 63  # bytes, PostgreSQL's limit
REDSHIFTS_LONGEST_NAME = 127  # r_names.html
NAME_TOO_LONG = "42622"
CATALOGUE = re.compile(r"\b(?:pg_|svv_|stv_|sys_|information_schema)", re.I)
MAY_BE_TOO_LONG = re.compile(r'"(?:[^"]|""){16,}"|[^\s"\'(),;]{16,}')
MAY_FOLD = re.compile(r'"[^"]*[A-Z]')
BLANKS = " \t\r\n\f\v"
NAMES = (TokenType.VAR, TokenType.IDENTIFIER)
ROLES = ("USER", "GROUP", "ROLE")


def normalized(sql: str) -> str:
    """Return a statement whose quoted names are folded, whose long names are short, and whose names with # are quoted.

    Raises:
        RedshiftError: A name is longer than 127 bytes.
        sqlglot.errors.TokenError: A literal or a comment does not end.
    """
    sql = with_short_names(sql)
    if MAY_FOLD.search(sql):
        sql = with_folded_names(sql)
    return with_quoted_temporary_names(sql)


def with_short_names(sql: str) -> str:
    """Shorten the names that PostgreSQL would cut, so that two of them could become one.

    Raises:
        RedshiftError: A name is longer than Redshift's own limit.
    """
    if not any(len(found[0].encode()) > LONGEST_NAME for found in MAY_BE_TOO_LONG.finditer(sql)):
        return sql
    asks_catalogue = CATALOGUE.search(sql)
    for token in reversed(tokenize(sql)):
        if token.token_type in NAMES and len(token.text.encode()) > LONGEST_NAME:
            if len(token.text.encode()) > REDSHIFTS_LONGEST_NAME:
                message = f"a name is longer than {REDSHIFTS_LONGEST_NAME} bytes"
                raise RedshiftError(message, NAME_TOO_LONG, token.start + 1)
            sql = f"{sql[: token.start]}{quoted(long_names.shortened(fold(token.text)))}{sql[token.end + 1 :]}"
        elif token.token_type == TokenType.STRING and asks_catalogue and long_names.is_known(token.text):
            sql = f"{sql[: token.start]}{literal(long_names.shortened(token.text))}{sql[token.end + 1 :]}"
    return sql


def with_folded_names(sql: str) -> str:
    """Fold the ASCII letters of quoted names (r_names.html). Users, groups and roles keep theirs.

    The positions in the text stay as they are.
    """
    tokens = tokenize(sql)
    kept = set(role_names(tokens))
    for place, token in enumerate(tokens):
        if token.token_type == TokenType.IDENTIFIER and place not in kept:
            sql = sql[: token.start] + fold(sql[token.start : token.end + 1]) + sql[token.end + 1 :]
    return sql


def keyword(token: Token) -> str:
    """Return the upper-case text of a token that is neither a quoted name nor a literal."""
    return "" if token.token_type in (TokenType.IDENTIFIER, TokenType.STRING) else token.text.upper()


def role_names(tokens: list[Token]) -> Iterator[int]:
    """Yield the places of the tokens that may name users, groups or roles."""
    words = [keyword(token) for token in tokens]
    verb, noun = (*words, "", "")[:2]
    if verb in ("CREATE", "ALTER", "DROP") and noun in ROLES:
        yield from range(len(words))
    elif verb in ("GRANT", "REVOKE"):
        whom = "TO" if verb == "GRANT" else "FROM"
        start = max((place for place, word in enumerate(words) if word == whom), default=0)
        yield from range(start if "ON" in words else 0, len(words))
    elif (verb, noun) == ("ALTER", "DEFAULT"):
        schemas = words.index("SCHEMA") if "SCHEMA" in words else len(words)
        end = next((place for place in range(schemas, len(words)) if words[place] in ("GRANT", "REVOKE")), len(words))
        yield from (place for place in range(len(words)) if not schemas < place < end)
    for place, word in enumerate(words):
        before = words[place - 1] if place else ""
        if (
            word == "AUTHORIZATION"
            or (word == "OWNER" and verb == "CREATE")
            or (word == "TO" and before == "OWNER")
            or (word == "ROLE" and verb in ("SET", "RESET"))
        ):
            yield place + 1


def with_quoted_temporary_names(sql: str) -> str:
    """Quote the names of temporary tables that start with #, as PostgreSQL wants them."""
    for token in reversed(tokenize(sql)) if "#" in sql else []:
        if token.token_type == TokenType.VAR and re.match(r"#\w", token.text):
            sql = f'{sql[: token.start]}"{fold(token.text)}"{sql[token.end + 1 :]}'
    return sql


def without_databases(sql: str) -> tuple[str, set[str]]:
    """Take the database from before the name of each schema, which PostgreSQL does not have there.

    Returns:
        The statement, and the databases that it names.
    """
    if not re.search(r"\bschema\b.*[.]", sql, re.I | re.S):
        return sql, set()
    tokens = tokenize(sql)
    databases: set[str] = set()
    cuts: list[tuple[int, int]] = []
    place = 0
    while place < len(tokens):
        place += 1
        if keyword(tokens[place - 1]) != "SCHEMA":
            continue
        while place < len(tokens) and keyword(tokens[place]) in ("IF", "NOT", "EXISTS"):
            place += 1
        while place + 2 < len(tokens):
            if tokens[place + 1].token_type == TokenType.DOT:
                databases.add(fold(tokens[place].text))
                cuts.append((tokens[place].start, tokens[place + 1].end + 1))
                place += 2
            if place + 1 >= len(tokens) or tokens[place + 1].token_type != TokenType.COMMA:
                break
            place += 2
    for start, end in reversed(cuts):
        sql = sql[:start] + sql[end:]
    return sql, databases
