"""COPY as a statement: its table, its source and its options (r_COPY.html)."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlglot.tokens import Token, TokenType

from ..errors import SYNTAX_ERROR, RedshiftError, missing, syntax_error
from ..names import fold
from .grammar import tokenize

MAXERROR_LIMIT = 100_000
SWITCHES = ("ON", "OFF", "TRUE", "FALSE", "PRESET")
# COPY's options by what follows each: r_COPY.html, copy-parameters-*.html
FLAGS = (
    "ACCEPTANYDATE BLANKSASNULL BZIP2 CSV EMPTYASNULL EXPLICIT_IDS FILLRECORD GZIP IGNOREALLERRORS "
    "IGNOREBLANKLINES MANIFEST ROUNDEC TRIMBLANKS TRUNCATECOLUMNS"
).split()
WITH_VALUE = (
    "ACCESS_KEY_ID COMPROWS CREDENTIALS DATEFORMAT DELIMITER ENCODING IAM_ROLE IGNOREHEADER MAXERROR "
    "NULL QUOTE READRATIO REGION SECRET_ACCESS_KEY SESSION_TOKEN TIMEFORMAT"
).split()
WITH_OPTIONAL_VALUE = "ACCEPTINVCHARS COMPUPDATE NOLOAD STATUPDATE".split()
ABSENT = "AVRO EMR ENCRYPTED ESCAPE FIXEDWIDTH JSON LZOP ORC PARQUET REMOVEQUOTES SHAPEFILE SSH ZSTD".split()
# Python's names of the encodings: copy-parameters-data-conversion.html
ENCODINGS = {
    "UTF8": "utf-8",
    "UTF16": "utf-16",
    "UTF16LE": "utf-16-le",
    "UTF16BE": "utf-16-be",
    "ISO88591": "iso-8859-1",
}


@dataclass(frozen=True)
class Copy:
    """A COPY statement that was read."""

    table: str
    columns: tuple[str, ...]
    source: str
    options: dict[str, str] = field(default_factory=dict)

    def number(self, option: str) -> int:
        """Return the value of an option that counts."""
        return int(self.options.get(option) or 0)

    @property
    def errors_allowed(self) -> float:
        """The number of errors at which the load fails: 0 and 1 are the same (copy-parameters-data-load.html)."""
        return float("inf") if "IGNOREALLERRORS" in self.options else max(1, self.number("MAXERROR"))

    @property
    def encoding(self) -> str:
        """The encoding of the files."""
        return self.options.get("ENCODING", "UTF8").upper()

    @property
    def delimiter(self) -> str:
        """The character between fields: a comma in CSV, a pipe otherwise."""
        return self.options.get("DELIMITER") or ("," if "CSV" in self.options else "|")


def parse(sql: str) -> Copy:
    """Read a COPY statement.

    Raises:
        RedshiftError: With the word at which it stops being one.
    """
    tokens = tokenize(sql)[1:]
    start = next((i for i, token in enumerate(tokens) if token.text.upper() == "FROM"), len(tokens) - 1)
    opening = next((i for i in range(start) if tokens[i].token_type == TokenType.L_PAREN), start)
    table = fold("".join(sql[token.start : token.end + 1] for token in tokens[:opening]))
    columns = tuple(fold(t.text) for t in tokens[opening + 1 : max(start - 1, opening)] if t.text != ",")
    if len(tokens) <= start + 1 or tokens[start + 1].token_type != TokenType.STRING:
        raise syntax_error(*tokens[start + 1 : start + 2])
    command = Copy(table, columns, tokens[start + 1].text, read_options(tokens[start + 2 :]))
    if not command.source.startswith("s3://"):
        raise missing(f"COPY from {command.source.split(':')[0]}")
    if not {"IAM_ROLE", "CREDENTIALS", "ACCESS_KEY_ID"} & set(command.options):
        raise RedshiftError("COPY needs an authorization: IAM_ROLE", SYNTAX_ERROR)
    if command.number("MAXERROR") > MAXERROR_LIMIT:
        raise RedshiftError(f"MAXERROR must be between 0 and {MAXERROR_LIMIT}", "22023")
    if "MAXERROR" in command.options and "IGNOREALLERRORS" in command.options:
        raise RedshiftError("MAXERROR and IGNOREALLERRORS cannot be specified together", SYNTAX_ERROR)
    if command.encoding not in ENCODINGS:
        raise RedshiftError(f"ENCODING {command.encoding} is not one of {', '.join(ENCODINGS)}", "22023")
    return command


def read_options(tokens: list[Token]) -> dict[str, str]:
    """Return the options of COPY by their upper-case names; one without a value has the empty text."""
    options: dict[str, str] = {}
    tokens = [t for t in tokens if t.token_type == TokenType.STRING or t.text.upper() not in ("AS", "FORMAT")]
    while tokens:
        token, *tokens = tokens
        word = token.text.upper()
        if word in ABSENT:
            raise missing(f"COPY ... {word}", token.start + 1)
        if word not in (*FLAGS, *WITH_VALUE, *WITH_OPTIONAL_VALUE):
            raise syntax_error(token)
        takes = word in WITH_VALUE
        if word in WITH_OPTIONAL_VALUE and tokens:
            following = tokens[0]
            takes = following.token_type in (TokenType.STRING, TokenType.NUMBER) or following.text.upper() in SWITCHES
        if takes and not tokens:
            raise syntax_error()
        options[word] = tokens.pop(0).text if takes else ""
    return options
