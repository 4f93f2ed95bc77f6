"""What Redshift writes differently from PostgreSQL inside a query, on the tree that sqlglot makes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from ..names import fold
from . import ddl
from .functions import extract, function
from .grammar import INTERVALS, call, name_in_catalogue, name_of
from .literals import give_types
from .rewriting import Rewriting
from .selects import select
from .windows import analytic

REWRITTEN_WORDS = {"APPROXIMATE", "CONVERT", "CURRENT_USER_ID", "MINUS", "TOP", "TRY_CAST", "SYSDATE"}
MIDNIGHT = "pg_redshift.time_of_day"
DEFAULT_LENGTH_TYPES = {exp.DType[name] for name in "VARCHAR TEXT CHAR NCHAR NVARCHAR BPCHAR DECIMAL VARBINARY".split()}


def rewrite(rewriting: Rewriting) -> exp.Expression:
    """Return the rewritten statement; `changed` says whether anything differs."""
    if isinstance(rewriting.tree, exp.Create) and isinstance(rewriting.tree.expression, exp.Query):
        give_types(rewriting, rewriting.tree.expression)
    elif isinstance(rewriting.tree, exp.Select) and rewriting.tree.args.get("into"):
        give_types(rewriting, rewriting.tree)
    for node in reversed(rewriting.nodes):
        if handle := REWRITES.get(type(node)):
            handle(rewriting, node)
    return rewriting.tree


def identifier(rewriting: Rewriting, node: exp.Identifier) -> None:
    """Fold a quoted name, also inside the body of a function."""
    name = str(node.this)
    if node.args.get("quoted") and name != fold(name):
        node.set("this", fold(name))
        rewriting.changed = True


def data_type(rewriting: Rewriting, node: exp.DataType) -> None:
    """Write a type without a length with the length that Redshift gives it."""
    rewriting.changed |= node.this in DEFAULT_LENGTH_TYPES or str(node.args.get("kind")).lower() in INTERVALS


def insert(rewriting: Rewriting, node: exp.Insert) -> None:
    """Store the rows of a query in the order of the sort key, as Redshift does.

    So the ranges of blocks, which prune by literals, are narrow also after a statement that brings a year of days.
    """
    if not isinstance(node.expression, exp.Query) or not rewriting.catalogue:  # it is asked for tables with a sort key
        return
    table = name_in_catalogue(node.find(exp.Table))
    keys = rewriting.catalogue.sort_key(table)
    names = [column.name.lower() for column in node.this.expressions] or rewriting.catalogue.columns(table)
    positions = [str(names.index(key) + 1) for key in keys if key in names]
    query = node.expression.unnest()
    if positions and not any(query.args.get(clause) for clause in ("order", "limit", "offset")):
        query.order_by(*positions, copy=False)
        rewriting.changed = True


def into(rewriting: Rewriting, node: exp.Into) -> None:
    """Make a table temporary whose name starts with #."""
    if str(node.this.name).startswith("#") and not node.args.get("temporary"):
        node.set("temporary", True)
        rewriting.changed = True


def time_of_day(rewriting: Rewriting, node: exp.Cast) -> None:
    """Make 24:00:00 midnight: PostgreSQL would keep the hour, which drivers cannot read."""
    around = node.parent
    if node.to.this in (exp.DType.TIME, exp.DType.TIMETZ) and name_of(around) != MIDNIGHT:
        rewriting.replace(node, call(MIDNIGHT, node.copy()), node.output_name)


REWRITES: dict[type[exp.Expression], Callable[[Rewriting, Any], None]] = {
    exp.Alter: ddl.add_column,
    exp.Anonymous: function,
    exp.Cast: time_of_day,
    exp.Create: ddl.create,
    exp.DataType: data_type,
    exp.Extract: extract,
    exp.Identifier: identifier,
    exp.IgnoreNulls: analytic,
    exp.Insert: insert,
    exp.Into: into,
    exp.RespectNulls: analytic,
    exp.Select: select,
    exp.Window: analytic,
    exp.WithinGroup: analytic,
}
