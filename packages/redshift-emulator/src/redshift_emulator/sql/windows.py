"""Functions over many rows, with WITHIN GROUP, IGNORE NULLS or OVER, as PostgreSQL's aggregates over the same rows."""

from __future__ import annotations

from sqlglot import exp

from ..errors import NOT_SUPPORTED, RedshiftError, missing
from .grammar import call, name_of
from .rewriting import Rewriting

AROUND = (exp.Window, exp.WithinGroup, exp.IgnoreNulls, exp.RespectNulls)
COLLECTING = ("listagg", "median", "percentile_cont", "percentile_disc")
FROM_THE_END = {"lag": "last_value", "lead": "first_value"}  # of the rows before, or after


def analytic(rewriting: Rewriting, node: exp.Expression) -> None:
    """Rewrite a function with what wraps it, once, at its outermost wrapper."""
    if isinstance(node.parent, AROUND) and node.arg_key == "this":
        return
    window = node if isinstance(node, exp.Window) else None
    function, order, nulls = node, None, None
    while isinstance(function, AROUND):
        if isinstance(function, exp.WithinGroup):
            order = function.expression
        elif function is not window:
            nulls = type(function)
        function = function.this
    name, arguments = name_of(function), list(function.expressions)
    if arguments and isinstance(arguments[0], exp.IgnoreNulls | exp.RespectNulls):  # the older way to write it
        nulls, arguments[0] = type(arguments[0]), arguments[0].this
        function.set("expressions", arguments)
    if name and nulls is exp.IgnoreNulls:
        new = ignore_nulls(name, arguments, window)
    elif name and nulls:
        new = over(window, function)
    elif name == "ratio_to_report" and window:
        whole = call("nullif", over(window, call("sum", arguments[0].copy())), exp.Literal.number(0))
        new = exp.paren(exp.Div(this=exp.cast(arguments[0], "double precision"), expression=whole), copy=False)
    elif name in COLLECTING and (name != "percentile_disc" or window or not order):  # that one is PostgreSQL's too
        new = collected(name, arguments, order, window)
    else:
        return
    rewriting.replace(node, new, name)


def over(window: exp.Window | None, function: exp.Expression) -> exp.Expression:
    """Return a function in a window, if there is one."""
    if not window:
        return function
    window = window.copy()
    window.set("this", function)
    return window


def frame(start: str, end: str) -> exp.WindowSpec:
    """Return ROWS BETWEEN two bounds, each a number and a side."""
    (first, first_side), (last, last_side) = start.split(), end.split()
    return exp.WindowSpec(kind="ROWS", start=first, start_side=first_side, end=last, end_side=last_side)


def collected(
    name: str, arguments: list[exp.Expression], order: exp.Order | None, window: exp.Window | None
) -> exp.Expression:
    """Return LISTAGG, MEDIAN, PERCENTILE_CONT or PERCENTILE_DISC as a function of ours over the list of the values."""
    if window and window.args.get("order"):
        raise RedshiftError(f"ORDER BY is not supported in the window of {name}", NOT_SUPPORTED)
    ordered = order.expressions if order else []
    is_descending = any(item.args.get("desc") for item in ordered)
    if name == "listagg":
        return listagg(arguments, ordered, window)
    if name != "median" and not order:
        raise RedshiftError(f"WITHIN GROUP is required for ordered-set aggregate {name}", "42809")
    value, part = (ordered[0].this, arguments[0]) if order else (arguments[0], exp.convert(0.5))
    if part.is_number and not 0 <= float(part.sql()) <= 1:
        raise RedshiftError(f"percentile value {part.sql()} is not between 0 and 1", "22003")
    values = over(window, call("pg_postgres.array_agg", value))
    if name == "percentile_disc":
        return call("pg_redshift.percentile_disc", values, part, exp.convert(is_descending))
    if is_descending:
        part = exp.paren(exp.Sub(this=exp.convert(1), expression=exp.paren(part)))
    return call("pg_redshift.percentile", values, part)


def listagg(
    arguments: list[exp.Expression], ordered: list[exp.Expression], window: exp.Window | None
) -> exp.Expression:
    """Return LISTAGG as STRING_AGG, which takes its order inside the parentheses, or from the window's frame."""
    distinct = isinstance(arguments[0], exp.Distinct)
    value, *separators = [*arguments[0].expressions, *arguments[1:]] if distinct else arguments
    separator = separators[0] if separators else exp.Literal.string("")
    if distinct:
        if any(item.this != value for item in ordered):
            raise missing("LISTAGG(DISTINCT ...) in the order of another expression")
        is_descending = exp.convert(any(item.args.get("desc") for item in ordered))
        return call("pg_redshift.listagg", over(window, call("pg_postgres.array_agg", value)), separator, is_descending)
    if window and ordered:
        window.set("order", exp.Order(expressions=ordered))
        window.set("spec", frame("UNBOUNDED PRECEDING", "UNBOUNDED FOLLOWING"))
    elif ordered:
        separator = exp.Order(this=separator, expressions=ordered)
    text = call("nullif", exp.cast(value, "varchar(65535)"), exp.Literal.string(""))
    return call("pg_redshift.listagg", over(window, call("pg_postgres.string_agg", text, separator)))


def ignore_nulls(name: str, arguments: list[exp.Expression], window: exp.Window | None) -> exp.Expression:
    """Return IGNORE NULLS as aggregates that skip nulls; LAG and LEAD by the frame before or after the row."""
    if name not in ("first_value", "last_value", "nth_value", "lag", "lead") or not window:
        raise missing(f"{name} ... IGNORE NULLS")
    value, offset = arguments[0], arguments[1] if len(arguments) > 1 else exp.Literal.number(1)
    if name == "lag":
        window.set("spec", frame("UNBOUNDED PRECEDING", "1 PRECEDING"))
    elif name == "lead":
        window.set("spec", frame("1 FOLLOWING", "UNBOUNDED FOLLOWING"))
    if name != "nth_value" and offset.name == "1":
        return over(window, call(f"pg_redshift.{FROM_THE_END.get(name, name)}", value))
    present = exp.Where(this=exp.Not(this=exp.Is(this=exp.paren(value.copy()), expression=exp.Null())))
    values = over(window, exp.Filter(this=call("pg_postgres.array_agg", value), expression=present))
    return call("pg_redshift.nth", values, exp.Neg(this=exp.paren(offset)) if name == "lag" else offset)
