"""CREATE TABLE and ALTER TABLE: what Redshift adds is taken out of the text and kept as attributes of the table."""

from __future__ import annotations

import json
import re

from sqlglot.tokens import Token, TokenType

from .errors import NOT_SUPPORTED, SYNTAX_ERROR, RedshiftError, missing
from .grammar import ABSENT_TYPES, postgres_type, tokenize

TABLE_HEAD = re.compile(
    r"create\s+(?:local\s+)?(?P<temporary>temp(?:orary)?\s+)?table\s+(?P<exists>if\s+not\s+exists\s+)?"
    r'(?P<name>(?:"[^"]+"|[#\w$]+)(?:\s*\.\s*(?:"[^"]+"|[#\w$]+))*)\s*',
    re.I,
)
COLUMN_WORDS = {
    "DEFAULT",
    "IDENTITY",
    "GENERATED",
    "ENCODE",
    "DISTKEY",
    "SORTKEY",
    "COLLATE",
    "NOT",
    "NULL",
    "PRIMARY",
    "UNIQUE",
    "REFERENCES",
    "CHECK",
    "CONSTRAINT",
}


def words_of(sql: str) -> list[Token]:
    """The tokens of a statement, one for each word: sqlglot makes one of PRIMARY KEY, for instance."""
    words = []
    for token in tokenize(sql):
        if " " in token.text and token.token_type not in (TokenType.STRING, TokenType.IDENTIFIER):
            for found in re.finditer(r"\S+", sql[token.start : token.end + 1]):
                start = token.start + found.start()
                words.append(Token(TokenType.VAR, found[0], start=start, end=start + len(found[0]) - 1))
        else:
            words.append(token)
    return words


def parts_of(tokens: list[Token]) -> list[list[Token]]:
    """Tokens cut at the commas that stand in no parentheses."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += (token.token_type == TokenType.L_PAREN) - (token.token_type == TokenType.R_PAREN)
        if token.token_type == TokenType.COMMA and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def closing(tokens: list[Token], start: int) -> int:
    """The place of the parenthesis that closes the one at `start`."""
    depth = 0
    for place in range(start, len(tokens)):
        depth += (tokens[place].token_type == TokenType.L_PAREN) - (tokens[place].token_type == TokenType.R_PAREN)
        if depth == 0:
            return place
    raise RedshiftError("syntax error at end of input", SYNTAX_ERROR)


class Table:
    """A CREATE TABLE statement being read."""

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self.distkey: str | None = None
        self.diststyle: str | None = None
        self.sortkey: list[str] | None = None
        self.sort_style: str | None = None
        self.like: str | None = None
        self.primary_key: set[str] = set()

    def text(self, tokens: list[Token]) -> str:
        """What the client wrote for these tokens."""
        return self.sql[tokens[0].start : tokens[-1].end + 1] if tokens else ""

    def columns(self, tokens: list[Token]) -> str:
        """The list of columns and constraints for PostgreSQL; keys are informational, so they are left out."""
        kept = []
        for part in parts_of(tokens):
            words = [token.text.upper() for token in part]
            if words[:1] == ["LIKE"]:
                self.like = self.text(parts_of(part[1:])[0]).split()[0].lower()
                kept.append(self.text(part))
            elif words[:1] == ["CONSTRAINT"] or words[:2] in (["PRIMARY", "KEY"], ["FOREIGN", "KEY"]):
                self.table_constraint(part, words)
            elif words[:2] == ["UNIQUE", "("]:
                continue
            elif words[:1] == ["CHECK"]:
                self.table_constraint(part, words)
            else:
                kept.append(self.column(part))
        keys = self.primary_key
        return ", ".join(
            f"{column} not null" if keys and name_of(column) in keys and "not null" not in column else column
            for column in kept
        )

    def table_constraint(self, part: list[Token], words: list[str]) -> None:
        """PRIMARY KEY, UNIQUE and FOREIGN KEY are information to Redshift's planner; CHECK does not exist."""
        if "CHECK" in words:
            token = part[words.index("CHECK")]
            raise RedshiftError('syntax error at or near "check"', SYNTAX_ERROR, token.start + 1)
        if "PRIMARY" in words:
            at = words.index("(")
            self.primary_key |= {token.text.lower() for token in part[at + 1 : closing(part, at)] if token.text != ","}

    def column(self, part: list[Token]) -> str:
        """One column: its name, its type as PostgreSQL writes it, and those attributes that PostgreSQL knows."""
        if not part:
            raise RedshiftError('syntax error at or near ","', SYNTAX_ERROR)
        name, rest = part[0].text.lower(), part[1:]
        end = next((i for i, token in enumerate(rest) if token.text.upper() in COLUMN_WORDS), len(rest))
        if end == 0:
            return f'"{name}"'  # CREATE TABLE t (a, b) AS ...
        kind = self.text(rest[:end])
        check_type(name, kind, rest[0].start + 1)
        out = [f'"{name}" {postgres_type(kind)}']
        at = end
        while at < len(rest):
            word = rest[at].text.upper()
            after = rest[at + 1].text.upper() if at + 1 < len(rest) else ""
            stop = at + 1
            while stop < len(rest) and rest[stop].text.upper() not in COLUMN_WORDS:
                stop = closing(rest, stop) + 1 if rest[stop].token_type == TokenType.L_PAREN else stop + 1
            if word == "DEFAULT":
                if after == "NULL":
                    stop = at + 2
                out.append(self.default(rest[at:stop]))
            elif word in ("IDENTITY", "GENERATED"):
                if word == "GENERATED":
                    stop = next(i for i in range(at, len(rest)) if rest[i].text.upper() == "IDENTITY") + 1
                    stop = closing(rest, stop) + 1 if stop < len(rest) and rest[stop].text == "(" else stop
                seed, step = [t.text for t in rest[at:stop] if t.token_type == TokenType.NUMBER] or ["1", "1"]
                kind = "by default" if word == "GENERATED" else "always"
                least = f"minvalue {min(0, int(seed))}"
                out.append(f"generated {kind} as identity ({least} start with {seed} increment by {step})")
            elif word == "NOT":
                stop = at + 2
                out.append("not null")
            elif word == "PRIMARY":
                stop = at + 2
                self.primary_key.add(name)
            elif word == "DISTKEY":
                if self.distkey:
                    raise RedshiftError("only one column can be the distribution key", SYNTAX_ERROR)
                self.distkey, self.diststyle = name, "KEY"
            elif word == "SORTKEY":
                self.sortkey = [*(self.sortkey or []), name]
            elif word == "CHECK":
                raise RedshiftError('syntax error at or near "check"', SYNTAX_ERROR, rest[at].start + 1)
            elif word == "COLLATE" and after != "CASE_SENSITIVE":
                raise missing(f"COLLATE {after}")
            at = stop
        return " ".join(out)

    def default(self, tokens: list[Token]) -> str:
        """DEFAULT with its expression; SYSDATE has no parentheses in Redshift."""
        return " ".join("sysdate()" if t.text.upper() == "SYSDATE" else self.sql[t.start : t.end + 1] for t in tokens)

    def attributes(self, tokens: list[Token]) -> None:
        """What follows the columns: BACKUP, DISTSTYLE, DISTKEY, SORTKEY, ENCODE AUTO."""
        at = 0
        while at < len(tokens):
            word = tokens[at].text.upper()
            after = tokens[at + 1].text if at + 1 < len(tokens) else ""
            if word in ("BACKUP", "ENCODE"):
                at += 2
            elif word == "DISTSTYLE" and after.upper() in ("AUTO", "EVEN", "KEY", "ALL"):
                self.diststyle = after.upper()
                at += 2
            elif word in ("COMPOUND", "INTERLEAVED"):
                self.sort_style = word
                at += 1
            elif word == "SORTKEY" and after.upper() in ("AUTO", "NONE"):
                self.sortkey = []
                at += 2
            elif word in ("DISTKEY", "SORTKEY") and after == "(":
                end = closing(tokens, at + 1)
                names = [token.text.lower() for token in tokens[at + 2 : end] if token.text != ","]
                if word == "DISTKEY":
                    self.distkey, self.diststyle = names[0], "KEY"
                else:
                    self.sortkey = names
                at = end + 1
            elif word == "DISTKEY" and after:  # in ALTER TABLE, where no parentheses are around it
                self.distkey, self.diststyle = after.lower(), "KEY"
                at += 2
            else:
                raise RedshiftError(f'syntax error at or near "{tokens[at].text}"', SYNTAX_ERROR, tokens[at].start + 1)

    def order(self) -> str:
        """A compound sort key as ORDER BY has it; empty for any other table."""
        return ", ".join(f'"{name}"' for name in self.sortkey or []) if self.sort_style != "INTERLEAVED" else ""

    def comment(self, parent: str | None = None) -> str:
        """The attributes, and the number of the table that this one is LIKE, for the event trigger of catalogue.sql."""
        return f" /*redshift {self.as_json(parent)}*/"

    def as_json(self, parent: str | None = None) -> str:
        """The attributes that were given."""
        if self.diststyle == "KEY" and not self.distkey:
            raise RedshiftError("DISTKEY must be specified when DISTSTYLE KEY is", SYNTAX_ERROR)
        style = self.sort_style or ("COMPOUND" if self.sortkey else None)
        words = {"diststyle": self.diststyle, "distkey": self.distkey, "sortkey": self.sortkey, "sort_style": style}
        return json.dumps({key: value for key, value in (words | {"like": parent}).items() if value is not None})


def name_of(column: str) -> str:
    """The name at the start of a column's definition."""
    return column.split('"', 2)[1]


def check_type(column: str, kind: str, position: int) -> None:
    """Refuses types that Redshift lacks, or that this stand-in lacks.

    Raises:
        RedshiftError: With the type's name.
    """
    base = kind.lower().split("(")[0].strip()
    if base in ("serial", "bigserial", "smallserial", "serial4", "serial8"):
        raise RedshiftError(f'type "{base}" does not exist', "42704", position)
    if "[" in kind:
        raise RedshiftError(f'Column "{column}" has unsupported type "{kind.lower()}".', NOT_SUPPORTED, position)
    if base in ABSENT_TYPES:
        raise missing(f"the type {base}", position)


def create_table(sql: str) -> tuple[str, int | None, Table]:
    """Reads CREATE TABLE.

    Returns:
        PostgreSQL's text up to the query of CREATE TABLE AS, where in `sql` that query starts (none if there is
        none), and the table.
    """
    head = TABLE_HEAD.match(sql)
    if not head:
        raise RedshiftError("syntax error at end of input", SYNTAX_ERROR)
    table = Table(sql)
    tokens = [token for token in words_of(sql) if token.start >= head.end()]
    columns = ""
    if tokens and tokens[0].token_type == TokenType.L_PAREN and not starts_query(tokens[1:]):
        end = closing(tokens, 0)
        columns = table.columns(tokens[1:end])
        tokens = tokens[end + 1 :]
    query = next((i for i, token in enumerate(tokens) if token.token_type == TokenType.ALIAS), None)
    table.attributes(tokens[:query])
    name = head["name"].lower()
    temporary = head["temporary"] or '"#' in name
    text = f"create {'temporary ' if temporary else ''}table {head['exists'] or ''}{name}"
    if columns or query is None:
        text += f" ({columns})"
    return text, None if query is None else tokens[query].end + 1, table


def starts_query(tokens: list[Token]) -> bool:
    """Whether what follows a parenthesis is a query and no column."""
    return bool(tokens) and tokens[0].token_type in (TokenType.SELECT, TokenType.WITH, TokenType.L_PAREN)
