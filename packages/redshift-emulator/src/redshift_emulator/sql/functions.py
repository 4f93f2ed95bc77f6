"""Function calls that Redshift writes differently from PostgreSQL."""

from __future__ import annotations

from pathlib import Path

from sqlglot import exp

from ..errors import RedshiftError
from ..names import read_list
from .grammar import call, name_of
from .rewriting import Rewriting
from .windows import COLLECTING, analytic

SETTINGS = read_list(Path(__file__).parent / "settings.txt")
# PostgreSQL's names of date parts, and what Redshift takes for each: r_Dateparts_for_datetime_functions.html
DATE_PART_NAMES = {
    "millennium": "millennium millennia mil mils",
    "century": "century centuries c cent cents",
    "decade": "decade decades dec decs",
    "year": "year years y yr yrs",
    "quarter": "quarter quarters qtr qtrs",
    "month": "month months mon mons",
    "week": "week weeks w",
    "dow": "dayofweek dow dw weekday",
    "doy": "dayofyear doy dy yearday",
    "day": "day days d",
    "hour": "hour hours h hr hrs",
    "minute": "minute minutes m min mins",
    "second": "second seconds s sec secs",
    "milliseconds": "millisecond milliseconds ms msec msecs msecond mseconds millisec millisecs millisecon",
    "microseconds": "microsecond microseconds us usec usecs usecond useconds microsec microsecs microsecon",
    "epoch": "epoch",
    "timezone": "timezone",
    "timezone_hour": "timezone_hour",
    "timezone_minute": "timezone_minute",
}
DATE_PARTS = {alias: part for part, aliases in DATE_PART_NAMES.items() for alias in aliases.split()}
WITH_DATE_PART = ("dateadd", "date_add", "datediff", "date_diff", "date_part", "pgdate_part", "date_trunc")
POSTGRES_GRAMMAR = set(
    "json json_array json_arrayagg json_exists json_query json_scalar json_serialize json_value normalize".split()
)
WITHOUT_LENGTH = {"dow", "doy", "epoch", "timezone", "timezone_hour", "timezone_minute"}
# The names under which a function without an alias shows in the result
SYNONYMS = {
    "nvl": "coalesce",
    "dateadd": "date_add",
    "datediff": "date_diff",
    "date_part": "pgdate_part",
    "grouping_id": "grouping",
}


def extract(rewriting: Rewriting, node: exp.Extract) -> None:
    """Write EXTRACT as a function of our own."""
    part = date_part(exp.Literal.string(node.this.name))
    rewriting.replace(node, call("pg_redshift.date_part", part, node.expression))


def date_part(node: exp.Expression) -> exp.Literal:
    """Return a date part as a literal of its long form; it may be bare or in quotes."""
    name = str(node.name).lower()
    if name not in DATE_PARTS:
        raise RedshiftError(f'timestamp units "{name}" not recognized', "22023")
    return exp.Literal.string(DATE_PARTS[name])


def function(rewriting: Rewriting, node: exp.Anonymous) -> None:
    """Rewrite a function call."""
    name, arguments = name_of(node), node.expressions
    kinds = exp.Literal if name == "date_trunc" else exp.Column | exp.Literal | exp.Var
    if name in WITH_DATE_PART and arguments and isinstance(arguments[0], kinds):
        part = date_part(arguments[0])
        if part.name in WITHOUT_LENGTH and name.startswith(("dateadd", "date_add", "datediff", "date_diff")):
            raise RedshiftError(f'timestamp units "{part.name}" not supported', "0A000")
        arguments[0].replace(part)
        rewriting.changed = True
    if name in SYNONYMS:
        node.set("this", SYNONYMS[name])
        rewriting.changed = True
    if name in POSTGRES_GRAMMAR:  # in quotes it is the name of a function, and PostgreSQL says that there is none
        node.set("this", f'"{name}"')
        rewriting.changed = True
    if name == "nvl2" and len(arguments) == 3:
        test = exp.Not(this=exp.Is(this=exp.paren(arguments[0]), expression=exp.Null()))
        rewriting.replace(node, exp.Case(ifs=[exp.If(this=test, true=arguments[1])], default=arguments[2]))
    elif name == "decode" and len(arguments) > 2:
        rewriting.replace(node, decode(arguments))
    elif name in COLLECTING:
        analytic(rewriting, node)
    elif name in ("current_setting", "set_config") and arguments and arguments[0].name.lower() in SETTINGS:
        setting = arguments[0].name.lower()
        arguments[0].replace(exp.Literal.string(f"redshift.{setting}"))
        rewriting.changed = True
        if name == "current_setting":
            unset = "default" if setting == "query_group" else "unset"  # SHOW answers unset: r_RESET.html
            value = call("nullif", call(name, node.expressions[0], exp.true()), exp.Literal.string(""))
            rewriting.replace(node, call("coalesce", value, exp.Literal.string(unset)), name)
    elif name.startswith("json_") and isinstance(arguments[-1], exp.Boolean):  # null_if_invalid
        flag = arguments.pop()
        if flag.this:
            valid = call("pg_redshift.is_json", arguments[0].copy())
            rewriting.replace(node, exp.Case(ifs=[exp.If(this=valid, true=node.copy())]), name)
        rewriting.changed = True


def decode(arguments: list[exp.Expression]) -> exp.Case:
    """Return DECODE as CASE; nulls are equal to each other in it (r_DECODE_expression.html)."""
    value, pairs = arguments[0], arguments[1:]
    ifs = [
        exp.If(this=exp.NullSafeEQ(this=value.copy(), expression=search), true=result)
        for search, result in zip(pairs[::2], pairs[1::2], strict=False)
    ]
    return exp.Case(ifs=ifs, default=pairs[-1] if len(pairs) % 2 else None)


def is_bare_argument(column: exp.Column) -> bool:
    """Return whether what looks like a column is a date part."""
    parent = column.parent
    return name_of(parent) in WITH_DATE_PART and parent.expressions[0] is column if parent else False
