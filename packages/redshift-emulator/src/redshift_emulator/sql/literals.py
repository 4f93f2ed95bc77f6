"""The types of literals in the columns of a new table or view, which PostgreSQL would leave without limits.

Redshift gives a decimal literal the digits that it has (3.14 is NUMERIC(3,2)) and a text literal the bytes that it has.
"""

from __future__ import annotations

import re

from sqlglot import exp

from .grammar import TEXT_TYPES
from .rewriting import Rewriting

DECIMAL = re.compile(r"(\d*)[.](\d*)")
MOST_DIGITS = 38
ESCAPE = re.compile(r"''|\\.", re.S)  # two characters in the text of the statement, one in the literal


def give_types(rewriting: Rewriting, query: exp.Expression) -> None:
    """Cast each literal that is a column of a query, or of a query inside it."""
    inside: set[int] = set()
    for node in list(query.walk(bfs=True)):
        if id(node) in inside or not isinstance(node, exp.Query):
            continue
        if isinstance(node, exp.SetOperation):
            branches = list(branches_of(node))
            inside |= {id(part) for part in node.walk() if isinstance(part, exp.SetOperation)} | set(map(id, branches))
            type_columns(rewriting, branches)
        elif isinstance(node, exp.Select):
            type_columns(rewriting, [node])


def branches_of(query: exp.Expression) -> list[exp.Select]:
    """Return the SELECTs of a set operation, in their order."""
    if isinstance(query, exp.SetOperation):
        return [*branches_of(query.this), *branches_of(query.expression)]
    query = query.unnest()
    return (
        branches_of(query) if isinstance(query, exp.SetOperation) else [query] if isinstance(query, exp.Select) else []
    )


def type_columns(rewriting: Rewriting, selects: list[exp.Select]) -> None:
    """Cast the columns that are literals in each of the SELECTs, to a type that holds all of them."""
    if any(item.is_star for select in selects for item in select.expressions):
        return
    for items in zip(*(select.expressions for select in selects), strict=False):
        kind = common_type([item.unalias() for item in items])
        for item in items if kind else []:
            value = item.unalias()
            name = value.output_name if isinstance(value, exp.Cast) else ""
            bare = value.this if isinstance(value, exp.Cast) else value
            new = exp.cast(bare.copy(), exp.DataType.build(kind, dialect="redshift"))
            rewriting.replace(value, new, name if not isinstance(item, exp.Alias) else "")


def common_type(values: list[exp.Expression]) -> str:
    """Return the type of a column whose values are these, empty if they are not all literals of one kind."""
    decimals = [decimal_digits(value) for value in values]
    if all(decimals):
        whole = max(found[0] for found in decimals if found)
        scale = max(found[1] for found in decimals if found)
        return f"numeric({whole + scale},{scale})" if 0 < whole + scale <= MOST_DIGITS else ""
    widths = [text_width(value) for value in values]
    if all(widths):
        return f"varchar({max(widths)})"
    return ""


def decimal_digits(value: exp.Expression) -> tuple[int, int] | None:
    """Return the digits before and after the point of a decimal literal."""
    value = value.this if isinstance(value, exp.Neg) else value
    found = DECIMAL.fullmatch(value.name) if isinstance(value, exp.Literal) and not value.is_string else None
    return (len(found[1].lstrip("0")) or 1, len(found[2])) if found else None


def text_width(value: exp.Expression) -> int:
    """Return the bytes of a text literal, also of one that is cast to VARCHAR without a length; 0 for anything else."""
    if isinstance(value, exp.Cast) and value.to.this in TEXT_TYPES and not value.to.expressions:
        value = value.this
    if not isinstance(value, exp.Literal) or not value.is_string:
        return 0
    return len(ESCAPE.sub("x", str(value.this)).encode())
