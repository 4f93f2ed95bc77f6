"""Redshift's grammar as sqlglot reads it, and PostgreSQL's as it is written again.

sqlglot knows what Redshift's functions mean and would translate them; here they keep their names (each is an
`Anonymous` node), because functions.sql gives them their meaning. String literals keep their raw text, so that
what is written again is what was read, backslashes included.
"""

from __future__ import annotations

import re
from typing import ClassVar

from sqlglot import exp
from sqlglot.dialects.redshift import Redshift
from sqlglot.generators.redshift import RedshiftGenerator
from sqlglot.parsers.redshift import RedshiftParser
from sqlglot.tokens import Token, TokenType

from ..errors import RedshiftError

KEPT_PARSERS = ("CAST", "CONVERT", "EXTRACT", "OVERLAY", "POSITION", "SUBSTRING", "TRIM", "TRY_CAST")
# PostgreSQL's name, the length where none is given, and the largest: r_Character_types.html, r_Numeric_types201.html
LENGTHS = {
    **dict.fromkeys(("varchar", "character varying", "nvarchar", "text"), ("varchar", "256", 65535)),
    **dict.fromkeys(("char", "character", "nchar"), ("char", "1", 4096)),
    "bpchar": ("char", "256", 4096),
    **dict.fromkeys(("varbyte", "varbinary", "binary varying"), ("varbyte", "64000", 1024000)),
    **dict.fromkeys(("numeric", "decimal"), ("numeric", "18,0", 38)),
}
# r_interval_data_types.html, and the names that Redshift's catalogue has for the types
INTERVALS = {"intervald2s": "interval day to second", "intervaly2m": "interval year to month"}
QUALIFIERS = (("YEAR", "TO", "MONTH"), ("DAY", "TO", "SECOND"))
# The names of Redshift's types (c_Supported_data_types.html), and words that sqlglot counts among types
TYPE_WORDS = set(
    "SMALLINT INT2 INTEGER INT INT4 BIGINT INT8 DECIMAL NUMERIC DEC REAL FLOAT4 FLOAT8 FLOAT CHAR CHARACTER NCHAR "
    "BPCHAR VARCHAR NVARCHAR TEXT DATE TIME TIMETZ TIMESTAMP TIMESTAMPTZ BOOLEAN BOOL INTERVAL GEOMETRY GEOGRAPHY "
    "HLLSKETCH SUPER VARBYTE VARBINARY ARRAY NULL RANGE UNION UNKNOWN".split()
) | {"DOUBLE PRECISION", "CHARACTER VARYING", "CHAR VARYING", "BINARY VARYING"}
# Blanks that are no ASCII are letters of a name in Redshift; sqlglot would cut the name there
FOREIGN_BLANKS = re.compile(r"[^\S\x00-\x7f]")
STAND_FOR_BLANK = "\ue000"  # of private use
TEXT_TYPES = (exp.DType.VARCHAR, exp.DType.NVARCHAR, exp.DType.TEXT)
ABSENT_TYPES = {"super", "hllsketch", "geometry", "geography"}


def postgres_type(text: str) -> str:
    """Return a type of Redshift as PostgreSQL writes it: `text` is varchar(256), `numeric` is numeric(18,0)."""
    name = " ".join(text.lower().split())
    if name.strip('"') in INTERVALS:
        return INTERVALS[name.strip('"')]
    found = re.fullmatch(r"([^(]*?)\s*(?:\(([^)]*)\))?", name)
    if not found or found[1] not in LENGTHS:
        return name
    kind, default, limit = LENGTHS[found[1]]
    length = (found[2] or default).replace("max", str(limit))
    size, *scale = map(int, length.split(","))
    if size > limit and kind == "numeric":
        raise RedshiftError(f"NUMERIC precision {size} must be between 1 and {limit}", "22023")
    if size > limit:
        raise RedshiftError(f"length for type {found[1]} cannot exceed {limit}", "22023")
    if scale and scale[0] > size:
        raise RedshiftError(f"NUMERIC scale {scale[0]} must be between 0 and precision {size}", "22023")
    return f"{kind}({length})"


def tokenize(sql: str) -> list[Token]:
    """Return the tokens of a statement, string literals raw.

    Raises:
        sqlglot.errors.TokenError: A literal or a comment does not end.
    """
    blanks = FOREIGN_BLANKS.search(sql)
    tokens = GRAMMAR.tokenize(FOREIGN_BLANKS.sub(STAND_FOR_BLANK, sql) if blanks else sql)
    for token in tokens:
        if blanks and STAND_FOR_BLANK in token.text:
            token.text = sql[token.start : token.end + 1].strip('"')
        if token.token_type == TokenType.STRING:
            token.text = sql[token.start + 1 : token.end]
    return tokens


class Tokenizer(Redshift.Tokenizer):
    """Types of other databases (DATETIME, STRING) are no words: PostgreSQL says that there is none of the name."""

    COMMANDS: ClassVar = set()  # the words after VACUUM and the like are tokens, too
    KEYWORDS: ClassVar = {
        word: kind
        for word, kind in Redshift.Tokenizer.KEYWORDS.items()
        if (kind not in RedshiftParser.TYPE_TOKENS or word in TYPE_WORDS) and word != "TRIGGER"
    }


class Parser(RedshiftParser):
    """Functions keep their names; APPROXIMATE and SYSDATE are Redshift's own."""

    SUPPORTS_IMPLICIT_UNNEST: ClassVar = False  # of SUPER, which is not here
    FUNCTIONS: ClassVar = {
        "ARRAY": lambda arguments: exp.Array(expressions=arguments),
        "COLLATE": lambda arguments: exp.Collate(this=arguments[0], expression=arguments[-1]),
    }
    TYPE_LITERAL_PARSERS: ClassVar = {kind: lambda self, this, kind: typed_literal(this, kind) for kind in exp.DType}
    FUNCTION_PARSERS: ClassVar = {name: RedshiftParser.FUNCTION_PARSERS[name] for name in KEPT_PARSERS}
    CONSTRAINT_PARSERS: ClassVar = {
        **RedshiftParser.CONSTRAINT_PARSERS,
        "DISTKEY": lambda self: exp.Var(this="DISTKEY"),
        "SORTKEY": lambda self: exp.Var(this="SORTKEY"),
        "IDENTITY": lambda self: self.identity(),
    }
    PROPERTY_PARSERS: ClassVar = {
        **RedshiftParser.PROPERTY_PARSERS,
        "COMPOUND": lambda self: self.sort_key(),
        "DISTKEY": lambda self: exp.DistKeyProperty(this=self._parse_wrapped(self._parse_id_var, optional=True)),
        "ENCODE": lambda self: exp.EncodeProperty(this=self._parse_var(any_token=True)),
        "INTERLEAVED": lambda self: self.sort_key(compound=False),
        "LOCAL": lambda self: exp.TemporaryProperty(),
        "SORTKEY": lambda self: self.sort_key(),
    }
    NO_PAREN_FUNCTION_PARSERS: ClassVar = {
        **{name: read for name, read in RedshiftParser.NO_PAREN_FUNCTION_PARSERS.items() if name != "IF"},
        "CURRENT_USER_ID": lambda self: exp.Anonymous(this="current_user_id"),
        "SYSDATE": lambda self: exp.Anonymous(this="sysdate"),
        "APPROXIMATE": lambda self: self._parse_function(),  # exact is one of the answers that it may give
    }

    def sort_key(self, compound: bool = True) -> exp.SortKeyProperty:
        """Read the columns of a sort key; AUTO and NONE are no columns."""
        self._match_text_seq("SORTKEY")
        names = [] if self._match_texts(("AUTO", "NONE")) else self._parse_wrapped_id_vars()
        return exp.SortKeyProperty(this=names, compound=compound)

    def _parse_types(self, *arguments: bool, **options: bool) -> exp.Expression | None:
        return self.interval_type() or super()._parse_types(*arguments, **options)

    def interval_type(self) -> exp.DataType | None:
        """Read INTERVAL YEAR TO MONTH, or INTERVAL DAY TO SECOND with or without a precision."""
        start = self._index
        if self._match(TokenType.INTERVAL):
            for words in QUALIFIERS:
                if self._match_text_seq(*words):
                    precision = self._parse_wrapped(self._parse_number, optional=True) if "DAY" in words else None
                    kind = f"interval {' '.join(words).lower()}" + (f"({precision.name})" if precision else "")
                    return exp.DataType(this=exp.DType.USERDEFINED, kind=kind)
        if self._match_text_seq("BIT", "VARYING"):  # PostgreSQL's
            return exp.DataType(this=exp.DType.USERDEFINED, kind="bit varying")
        self._retreat(start)
        return None

    def _parse_as_command(self, start: Token) -> exp.Command:
        self.raise_error("not read to its end", start)
        return super()._parse_as_command(start)

    def identity(self) -> exp.GeneratedAsIdentityColumnConstraint:
        """IDENTITY(seed, step), whose values cannot be given as those of GENERATED BY DEFAULT can."""
        has_numbers = self._match(TokenType.L_PAREN, advance=False)
        start, increment = self._parse_wrapped_csv(self._parse_bitwise) if has_numbers else (None, None)
        return exp.GeneratedAsIdentityColumnConstraint(this=True, start=start, increment=increment)


def typed_literal(value: exp.Expression, kind: exp.DataType) -> exp.Expression:
    """Return DATE '2020-01-31' in what was read of '2020-01-31' and all that follows it, such as ::timestamp."""
    literal = next(node for node in value.walk(bfs=False) if isinstance(node, exp.Literal))
    typed = exp.Cast(this=literal.copy(), to=kind)
    if literal is value:
        return typed
    literal.replace(typed)
    return value


class Generator(RedshiftGenerator):
    """PostgreSQL's text of what was read."""

    TRANSFORMS: ClassVar = {
        **{kind: write for kind, write in RedshiftGenerator.TRANSFORMS.items() if kind is not exp.Select},
        exp.CurrentTimestamp: lambda self, node: "CURRENT_TIMESTAMP",
        exp.CurrentDate: lambda self, node: "CURRENT_DATE",
        exp.GeneratedAsIdentityColumnConstraint: lambda self, node: self.identity(node),
    }

    def identity(self, expression: exp.GeneratedAsIdentityColumnConstraint) -> str:
        """IDENTITY, whose seed can be below one."""
        seed, step = self.sql(expression, "start") or "1", self.sql(expression, "increment") or "1"
        kind = "always" if expression.this else "by default"
        least = min(0, int(seed))
        return f"generated {kind} as identity (minvalue {least} start with {seed} increment by {step})"

    def identifier_sql(self, expression: exp.Identifier) -> str:
        """Write a name in lower case, as it is read, where it gets quotes because it is a word of the grammar."""
        if not expression.quoted and expression.name.lower() in self.RESERVED_KEYWORDS:
            return f'"{expression.name.lower()}"'
        return super().identifier_sql(expression)

    def literal_sql(self, expression: exp.Literal) -> str:
        """Write a literal as it was read; the default would escape it anew."""
        return f"'{expression.this}'" if expression.is_string else str(expression.this)

    def datatype_sql(self, expression: exp.DataType) -> str:
        """Write a type with the length that Redshift gives it."""
        if expression.this in TEXT_TYPES and not expression.expressions and isinstance(expression.parent, exp.Cast):
            return "varchar"  # as long as what is cast: r_Character_types.html
        if expression.this == exp.DType.TEXT and not expression.expressions:
            return postgres_type("text")  # the default would make VARCHAR(MAX) of it
        return postgres_type(super().datatype_sql(expression))

    def trycast_sql(self, expression: exp.TryCast, safe_prefix: str | None = None) -> str:
        """Write TRY_CAST as a function that gives null for what cannot be cast."""
        target = self.sql(expression, "to")
        return f"cast(pg_redshift.try_cast({self.sql(expression, 'this')}, '{target}') AS {target})"


class Grammar(Redshift):
    """The dialect of the emulator: read as Redshift, written as PostgreSQL."""

    SUPPORTS_USER_DEFINED_TYPES: ClassVar = True  # PostgreSQL says that there is none of the name
    Tokenizer = Tokenizer
    Parser = Parser
    Generator = Generator


GRAMMAR = Grammar()  # once: making a dialect costs as much as reading a short statement


def read(tokens: list[Token], sql: str) -> exp.Expression:
    """Return the tree of a statement.

    Raises:
        sqlglot.errors.ParseError: sqlglot cannot read it.
    """
    return GRAMMAR.parser().parse(tokens, sql)[0]


def nodes_of(tree: exp.Expression) -> list[exp.Expression]:
    """Return every node of a tree, each before those below it; in half the time of sqlglot's own walk."""
    nodes = [tree]
    for node in nodes:
        for value in node.args.values():
            if isinstance(value, exp.Expr):
                nodes.append(value)
            elif type(value) is list:
                nodes += [item for item in value if isinstance(item, exp.Expr)]
    return nodes


def name_of(node: exp.Expression) -> str:
    """Return the lower-case name of a function, empty for anything else."""
    return str(node.this).lower() if isinstance(node, exp.Anonymous) else ""


def name_in_catalogue(table: exp.Table) -> str:
    """Return the name of a table, with its schema if it has one."""
    return ".".join(part.sql(dialect="redshift") for part in table.parts[-2:])


def call(name: str, *arguments: exp.Expression) -> exp.Anonymous:
    """Return a function call."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def write(node: exp.Expression) -> str:
    """PostgreSQL's text of a statement or a part of one."""
    for when in node.args["whens"].expressions if isinstance(node, exp.Merge) else []:
        # INSERT VALUES without names is read as a list of names
        names = when.args["then"].this
        if isinstance(names, exp.Tuple) and str(names.expressions[0].this).lower() == "values":
            when.args["then"].set("expression", exp.Tuple(expressions=names.expressions[0].expressions))
            when.args["then"].set("this", None)
    return node.sql(GRAMMAR, copy=False, comments=False, normalize_functions=False)
