"""CREATE TABLE and ALTER TABLE: what Redshift adds is taken out of the text and kept as attributes of the table."""

from __future__ import annotations

import json
import re
from itertools import accumulate
from typing import Any

from sqlglot import exp
from sqlglot.errors import ParseError
from sqlglot.tokens import Token, TokenType

from . import refusals
from .errors import NOT_SUPPORTED, SYNTAX_ERROR, RedshiftError, syntax_error
from .grammar import nodes_of, read, tokenize, write
from .rewrite import Rewriter
from .words import NAME

TABLE_HEAD = re.compile(
    r"create\s+(?:local\s+)?(?P<temporary>temp(?:orary)?\s+)?table\s+(?P<exists>if\s+not\s+exists\s+)?"
    rf"(?P<name>{NAME})\s*",
    re.I,
)
# The constraints of a column that PostgreSQL has too; keys are information, and an encoding has no meaning here
KEPT_CONSTRAINTS = (exp.DefaultColumnConstraint, exp.GeneratedAsIdentityColumnConstraint, exp.NotNullColumnConstraint)
LEFT_OUT = (exp.CollateColumnConstraint, exp.Reference, exp.UniqueColumnConstraint)
# One attribute of a table, each word at the end of a line; in ALTER TABLE the distribution key has no parentheses
ATTRIBUTE = re.compile(
    r"(?:backup|encode)\n.*\n|diststyle\n(?P<diststyle>auto|even|key|all)\n|(?P<sort_style>compound|interleaved)\n"
    r"|distkey\n(?:\(\n)?(?P<distkey>[^()\n]+)\n(?:\)\n)?"
    r"|(?P<sortkey>sortkey)\n(?:auto|none|\(\n(?P<sort_columns>[^)]+)\))\n",
    re.I,
)
# c_Compression_encodings.html
NUMERIC_ENCODINGS = set("az64 delta delta32k mostly8 mostly16 mostly32".split())
ENCODINGS = NUMERIC_ENCODINGS | set("auto bytedict lzo raw runlength text255 text32k zstd".split())
# The types of the catalogue, and intervals of no kind: the leader node has them, and no table
LEADER_TYPES = set("aclitem cid interval name oid oidvector regclass regproc regtype tid unknown xid".split())
LIST_HEAD = "create table pg_catalog.made "  # no table of a user: the leader node computes a default


def depths(tokens: list[Token]) -> list[int]:
    """How many parentheses are open after each token."""
    return list(accumulate((t.token_type == TokenType.L_PAREN) - (t.token_type == TokenType.R_PAREN) for t in tokens))


def parts_of(tokens: list[Token]) -> list[list[Token]]:
    """Tokens cut at the commas that stand in no parentheses."""
    parts: list[list[Token]] = [[]]
    for token, depth in zip(tokens, depths(tokens), strict=True):
        if token.token_type == TokenType.COMMA and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


class Table:
    """A CREATE TABLE statement being read."""

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self.given: dict[str, Any] = {}  # diststyle, distkey, sortkey, sort_style, encodings
        self.like: str | None = None
        self.primary_key: set[str] = set()
        self.names: set[str] = set()

    def columns(self, sql: str) -> str:
        """A list of columns and constraints, in its parentheses, as PostgreSQL's; keys are information to the planner.

        Raises:
            RedshiftError: Something in it is not Redshift's, or not in this stand-in.
        """
        try:
            items = self.items(sql)
        except RedshiftError as error:
            if error.position is not None:
                error.position += self.sql.find(sql) - len(LIST_HEAD)
            raise
        columns = [item for item in items if isinstance(item, exp.ColumnDef)]
        for item in items:
            keys = item.find_all(exp.PrimaryKey)
            self.primary_key |= {name.name.lower() for key in keys for name in key.find_all(exp.Identifier)}
            if isinstance(item, exp.LikeProperty):
                self.like = write(item.this)
        for column in columns:
            self.column(column)
        kept = [item for item in items if isinstance(item, exp.ColumnDef | exp.Identifier | exp.LikeProperty)]
        return f"({', '.join(write(item) for item in kept)})"

    def items(self, sql: str) -> list[exp.Expression]:
        """What stands in a list of columns, checked and rewritten as in any statement."""
        text = LIST_HEAD + sql
        try:
            tokens = tokenize(text)
            refusals.check_tokens(tokens)
            tree = read(tokens, text)
        except ParseError as error:
            raise syntax_error(error.errors[0]["highlight"]) from error
        for column in tree.find_all(exp.ColumnDef):
            kind = write(column.kind).strip('"') if column.kind else ""
            if "[" in kind or kind in LEADER_TYPES:
                raise RedshiftError(f'Column "{column.name}" has unsupported type "{kind}".', NOT_SUPPORTED)
        nodes = nodes_of(tree)
        refusals.check(tree, nodes)
        Rewriter(tree, None).run(nodes)
        return tree.this.expressions

    def column(self, column: exp.ColumnDef) -> None:
        """Takes out of a column's definition what PostgreSQL does not know."""
        name, kept = column.name.lower(), []
        self.names.add(name)
        if name == "oid":  # a system column of PostgreSQL 8; PostgreSQL itself refuses the others
            raise RedshiftError(f'column name "{name}" conflicts with a system column name', "42701")
        column.set("this", exp.to_identifier(name, quoted=True))
        for constraint in column.constraints:
            kind = constraint.kind
            if isinstance(kind, KEPT_CONSTRAINTS):
                kept.append(constraint)
            elif isinstance(kind, exp.PrimaryKeyColumnConstraint):
                self.primary_key.add(name)
            elif kind.name == "DISTKEY":
                if "distkey" in self.given:
                    raise RedshiftError("only one column can be the distribution key", SYNTAX_ERROR)
                self.given |= {"diststyle": "KEY", "distkey": name}
            elif kind.name == "SORTKEY":
                self.given["sortkey"] = [*self.given.get("sortkey", []), name]
            elif isinstance(kind, exp.EncodeColumnConstraint):
                text = column.kind and column.kind.this in exp.DataType.TEXT_TYPES
                if kind.name.lower() not in ENCODINGS or (text and kind.name.lower() in NUMERIC_ENCODINGS):
                    raise RedshiftError(f'invalid encoding type specified for column "{name}"', NOT_SUPPORTED)
                self.encode(name, kind.name)
            elif not isinstance(kind, LEFT_OUT):
                raise syntax_error(kind.sql().split()[0].lower())
        if name in self.primary_key and not any(isinstance(c.kind, exp.NotNullColumnConstraint) for c in kept):
            kept.append(exp.ColumnConstraint(kind=exp.NotNullColumnConstraint()))
        column.set("constraints", kept)

    def encode(self, column: str, encoding: str) -> None:
        """Keeps the encoding of a column; AUTO is what a column has without one."""
        if encoding.lower() != "auto":
            names = self.given.setdefault("encodings", {})
            names[column.lower()] = "none" if encoding.lower() == "raw" else encoding.lower()

    def attributes(self, tokens: list[Token]) -> None:
        """What follows the columns: BACKUP, DISTSTYLE, DISTKEY, SORTKEY, ENCODE AUTO."""
        text, at = "".join(f"{token.text}\n" for token in tokens), 0
        while at < len(text):
            found = ATTRIBUTE.match(text, at)
            if not found:
                raise syntax_error(tokens[text.count("\n", 0, at)])
            at = found.end()
            if found["diststyle"]:
                self.given["diststyle"] = found["diststyle"].upper()
            elif found["distkey"]:
                self.given |= {"diststyle": "KEY", "distkey": found["distkey"].lower()}
            elif found["sort_style"]:
                self.given["sort_style"] = found["sort_style"].upper()
            elif found["sortkey"]:
                self.given["sortkey"] = re.findall(r"[^\n,]+", (found["sort_columns"] or "").lower())

    def order(self) -> str:
        """A compound sort key as ORDER BY has it; empty for any other table."""
        names = self.given.get("sortkey", []) if self.given.get("sort_style") != "INTERLEAVED" else []
        return ", ".join(f'"{name}"' for name in names)

    def comment(self, **more: str | None) -> str:
        """The attributes, and the number of the table that this one is LIKE, for the event trigger of catalogue.sql."""
        return f" /*redshift {self.as_json(**more)}*/"

    def as_json(self, **more: str | None) -> str:
        """The attributes that were given; each replaces what the table had."""
        given = ({"distkey": None} if "diststyle" in self.given else {}) | self.given | more
        if given.get("diststyle") == "KEY" and not given["distkey"]:
            raise RedshiftError("DISTKEY must be specified when DISTSTYLE KEY is", SYNTAX_ERROR)
        return json.dumps(({"sort_style": "COMPOUND"} if given.get("sortkey") else {}) | given)


def create_table(sql: str) -> tuple[str, int | None, Table]:
    """Reads CREATE TABLE.

    Returns:
        PostgreSQL's text up to the query of CREATE TABLE AS, where in `sql` that query starts (none if there is
        none), and the table.
    """
    head = TABLE_HEAD.match(sql)
    if not head:
        raise syntax_error()
    table = Table(sql)
    tokens = [token for token in tokenize(sql) if token.start >= head.end()]
    columns = ""
    if tokens and tokens[0].token_type == TokenType.L_PAREN and not starts_query(tokens[1:]):
        if 0 not in depths(tokens):
            raise syntax_error()
        end = depths(tokens).index(0)
        columns = table.columns(sql[tokens[0].start : tokens[end].end + 1])
        tokens = tokens[end + 1 :]
    query = next((i for i, token in enumerate(tokens) if token.token_type == TokenType.ALIAS), None)
    table.attributes(tokens[:query])
    distkey = table.given.get("distkey")
    if table.names and distkey and distkey not in table.names:
        raise RedshiftError(f'column "{distkey}" does not exist', "42703")
    name = head["name"].lower()
    temporary = head["temporary"] or '"#' in name
    text = f"create {'temporary ' if temporary else ''}table {head['exists'] or ''}{name}"
    if head["exists"] and query is not None:
        raise syntax_error(tokens[query])
    if columns or query is None:
        text += columns or " ()"
    return text, None if query is None else tokens[query].end + 1, table


def starts_query(tokens: list[Token]) -> bool:
    """Whether what follows a parenthesis is a query and no column."""
    return bool(tokens) and tokens[0].token_type in (TokenType.SELECT, TokenType.WITH, TokenType.L_PAREN)
