"""What PostgreSQL would run and Redshift refuses, in Redshift's words.

Functions and types that Redshift lacks need no rule here: they do not exist (functions.txt, types.txt).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.tokens import Token, TokenType

from ..errors import NOT_SUPPORTED, SYNTAX_ERROR, RedshiftError, missing, syntax_error
from ..names import read_list
from .grammar import ABSENT_TYPES, name_of, write

ON_TABLES = "Specified types or functions (one per INFO message) not supported on Redshift tables."
CORRELATED = "This type of correlated subquery pattern is not supported due to internal error"
NEEDS_TABLES = (
    "One or more of the used functions must be applied on at least one user created tables. "
    "Examples of user table only functions are LISTAGG, MEDIAN, PERCENTILE_CONT, etc"
)
COLLECTING = {"listagg", "median", "percentile_cont"}
# A word of a grammar that is PostgreSQL's, or that sqlglot knows of other databases, and those that have to follow it,
# where 0 is any number; the last of them is the wrong one, except for ON
TRIGGERS = {
    "AS": ["TABLE"],
    "DISTINCT": ["ON"],
    "FILTER": ["("],
    "IN": ["(", "VALUES"],
    "INTERVAL": ["0"],
    "LIMIT": ["0", ","],
    "ON": ["CONFLICT"],
    **{word: [] for word in "LATERAL MATERIALIZED RETURNING RLIKE REGEXP == ??".split()},
}
AFTER_A_LIST = set(", ) FROM WHERE GROUP HAVING ORDER LIMIT".split())  # sqlglot reads over a comma before them
# The types of the catalogue, and intervals of no kind: the leader node has them, and no table
LEADER_TYPES = set(
    "aclitem any anyarray anycompatible anycompatiblearray anyelement bit cid cstring event_trigger int2vector "
    "internal interval name oid oidvector pg_node_tree record regclass regnamespace regoper regoperator regproc "
    "regprocedure regrole regtype tid trigger unknown void xid".split()
) | {"bit varying"}
RESERVED_WORDS = read_list(Path(__file__).parent / "reserved.txt")
# Functions that only the leader node has, so that no statement that names a table can use them:
# c_SQL_functions_leader_node_only.html, and the functions of PostgreSQL's catalogue
LEADER_ONLY_FUNCTIONS = set(
    "age array_dims array_lower array_upper col_description current_schema current_schemas "
    "current_time current_timestamp format_type generate_series get_bit get_byte "
    "has_database_privilege has_function_privilege has_language_privilege has_schema_privilege "
    "has_table_privilege isfinite localtime localtimestamp now obj_description set_bit set_byte "
    "to_ascii".split()
)
# Window functions that need a frame clause if their window has ORDER BY: c_Window_functions.html
NEEDS_FRAME = set(
    "avg bit_and bit_or bool_and bool_or count first_value last_value max min nth_value "
    "ratio_to_report stddev stddev_pop stddev_samp sum var_pop var_samp variance".split()
)
SYSTEM_PREFIXES = ("pg_", "stv_", "stl_", "svl_", "svv_", "svcs_", "sys_")


def position(node: exp.Expression) -> int | None:
    """Return where a node is in the statement, from 1."""
    starts = [found.meta["start"] for found in node.walk() if "start" in found.meta]
    return min(starts) + 1 if starts else None


def unsupported(message: str, node: exp.Expression | None = None) -> RedshiftError:
    """Return the error for what Redshift's grammar knows and Redshift does not do."""
    return RedshiftError(message, NOT_SUPPORTED, position(node) if node else None)


def check_tokens(tokens: list[Token]) -> None:
    """Check the rules that only the tokens show.

    Raises:
        RedshiftError: In Redshift's words.
    """
    stand_for = {TokenType.STRING: "", TokenType.IDENTIFIER: "", TokenType.NUMBER: "0"}
    texts = [stand_for.get(token.token_type, token.text.upper()) for token in tokens]
    if texts[:1] in (["VALUES"], ["TABLE"]):  # PostgreSQL takes them for queries
        raise syntax_error(tokens[0])
    for place, (word, after) in enumerate(pairwise([*texts, ""])):
        following = [after] if word == "," and after in AFTER_A_LIST else TRIGGERS.get(word)
        if following is not None and texts[place + 1 : place + 1 + len(following)] == following:
            raise syntax_error(tokens[place if word == "ON" else place + len(following)])


def check(tree: exp.Expression, nodes: list[exp.Expression]) -> None:
    """Check a statement against the rules of Redshift.

    Args:
        tree: The statement.
        nodes: Every node of it.

    Raises:
        RedshiftError: In Redshift's words.
    """
    if isinstance(tree, exp.Alter | exp.Create):
        target = tree.find(exp.Table)  # is not read
        nodes = [node for node in nodes if node is not target]
    on_tables = touches_tables(nodes)
    for node in nodes:
        kind = type(node)
        if kind in CHECKS:
            CHECKS[kind](node)
        elif kind in NOT_ON_TABLES and on_tables:
            NOT_ON_TABLES[kind](node)
        elif kind is exp.Bracket and any(name_of(call) == "current_schemas" for call in node.find_all(exp.Anonymous)):
            continue  # an array of the leader node's
        elif kind is exp.Array and node.args.get("bracket_notation"):
            if on_tables or not any(tables(nodes)):
                raise syntax_error("[", position(node))
        elif kind in NOT_HERE:
            raise missing(NOT_HERE[kind], position(node))
        elif kind in NOT_IN_REDSHIFT:
            raise syntax_error(NOT_IN_REDSHIFT[kind], position(node))
    check_statement(tree)
    selects = [node for node in nodes if type(node) is exp.Select]
    if any(name_of(node) in COLLECTING for node in nodes):
        if not any(tables(nodes)):
            raise unsupported(NEEDS_TABLES)
        for select in selects:
            check_aggregates(select)
    if len(selects) > 1:
        check_correlations(tree)


def tables(nodes: list[exp.Expression]) -> Iterator[exp.Table]:
    """Return the tables of the database that a statement names; not its common table expressions."""
    ctes = {node.alias.lower() for node in nodes if isinstance(node, exp.CTE)}
    for node in nodes:
        named = isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier)
        if named and (node.db or node.name.lower() not in ctes):
            yield node


def is_catalogue(table: exp.Table) -> bool:
    """Return whether it is a table or view of the system."""
    return table.db.lower() in ("pg_catalog", "information_schema") or table.name.lower().startswith(SYSTEM_PREFIXES)


def touches_tables(nodes: list[exp.Expression]) -> bool:
    """Return whether Redshift's compute nodes run the statement; one on PG_ tables alone runs on the leader node.

    Raises:
        RedshiftError: It needs both.
    """
    found = list(tables(nodes))
    users = [table for table in found if not is_catalogue(table)]
    leader = [
        table for table in found if table.name.lower().startswith("pg_") or table.db.lower() == "information_schema"
    ]
    if users and [table for table in leader if not table.name.lower().startswith("pg_temp")]:
        raise unsupported(ON_TABLES, leader[0])
    return bool(users)


def check_function(node: exp.Expression) -> None:
    """Check a function call, in a statement on tables."""
    name, arguments = name_of(node), node.expressions
    if name in LEADER_ONLY_FUNCTIONS or isinstance(node, LEADER_ONLY):
        raise unsupported(ON_TABLES, node)
    if name == "substr":
        raise unsupported("SUBSTR() function is not supported (Hint: use SUBSTRING instead)", node)
    if name.startswith("regexp_") and len(arguments) > 1:
        check_pattern(arguments[1])


def check_interval(node: exp.Interval) -> None:
    """Check an interval, in a statement on tables: its months and years have no fixed length."""
    unit = str(node.args.get("unit") or node.this).lower()
    if any(part in unit for part in ("year", "mon", "decade", "centur")):
        raise unsupported("Interval values with month or year parts are not supported")


def check_detail(node: exp.Expression) -> None:
    """Check a node by itself, in any statement."""
    match node:
        case exp.Identifier() if not node.args.get("quoted") and str(node.this).lower() in RESERVED_WORDS:
            raise syntax_error(str(node.this), position(node))
        case _ if isinstance(node, PATTERNS):
            check_pattern(node.expression)
        case exp.SetOperation() if any(map(is_limited, (node.this, node.expression))):
            raise unsupported("LIMIT may not be used within input to set operations.")
        case exp.Except() | exp.Intersect() if node.args.get("distinct") is False:
            raise unsupported(f"{node.key.upper()} ALL is not supported")
        case exp.Column() if node.args.get("join_mark"):
            raise missing("the outer join operator (+)", position(node))
        case exp.Is() if isinstance(node.expression, exp.Column):  # IS JSON, IS NORMALIZED
            raise syntax_error(node.expression.name, position(node.expression))
        case exp.Star() if node.args.get("except_"):
            raise missing("SELECT * EXCLUDE")
        case exp.CollateColumnConstraint() if node.this.name.lower() != "case_sensitive":
            raise missing(f"COLLATE {node.this.name.upper()}")


def is_limited(query: exp.Expression) -> bool:
    """Return whether a query in parentheses has LIMIT or OFFSET."""
    return isinstance(query, exp.Subquery) and bool(
        {"limit", "offset"} & {k for k, v in query.unnest().args.items() if v}
    )


def check_pattern(pattern: exp.Expression) -> None:
    """Check that a regular expression is a literal."""
    if pattern.find(exp.Column):
        raise unsupported("The pattern must be a valid UTF-8 literal character expression", pattern)


def check_values(node: exp.Values) -> None:
    """Check VALUES, which only INSERT has; more than one row holds no subquery (r_INSERT_30.html)."""
    if not isinstance(node.parent, exp.Insert):
        raise syntax_error("values")
    rows = node.expressions
    if len(rows) > 1 and any(isinstance(value, exp.Query) for row in rows for value in row.expressions):
        raise unsupported("can't use subqueries in multi-row VALUES")


def check_window(node: exp.Window) -> None:
    """Check a window function."""
    function = node.this
    while isinstance(function, exp.IgnoreNulls | exp.RespectNulls | exp.WithinGroup):
        function = function.this
    name, spec = name_of(function), node.args.get("spec")
    for item in node.args.get("partition_by") or []:
        if not item.find(exp.Anonymous, exp.Column, exp.Query):
            raise unsupported("constant expressions are not supported in partition by clauses", function)
    if name != "listagg" and function.find(exp.Distinct):
        raise unsupported("DISTINCT is not supported for window functions", function)
    if spec and str(spec.args.get("kind")).upper() == "RANGE":
        raise unsupported("RANGE clause of window functions not yet implemented", function)
    if spec and str(spec.args.get("kind")).upper() != "ROWS":
        raise syntax_error(str(spec.args.get("kind")).lower(), position(function))
    if spec and spec.args.get("exclude"):
        raise syntax_error("exclude", position(function))
    if name in NEEDS_FRAME and node.args.get("order") and not spec:
        raise unsupported("Aggregate window functions with an ORDER BY clause require a frame clause", function)
    if name in ("lag", "lead") and len(function.expressions) > 2:
        raise unsupported(f"Default parameter not be supported for window function {name}", function)


def check_select(node: exp.Select) -> None:
    """Check for clauses that Redshift or the emulator lacks."""
    for clause, word in (("locks", "for"), ("windows", "window")):
        if node.args.get(clause):
            raise syntax_error(word)
    if not node.expressions:
        raise syntax_error("from")
    if node.args.get("group") and node.args["group"].args.get("all"):
        raise missing("GROUP BY ALL")


def check_aggregates(node: exp.Select) -> None:
    """Check LISTAGG-type aggregates beside others in one SELECT."""
    orders, collecting, distinct = set(), False, False
    for function in node.find_all(exp.Anonymous):
        name = name_of(function)
        if function.find_ancestor(exp.Select) is not node or function.find_ancestor(exp.Window):
            continue
        collecting |= name in COLLECTING
        distinct |= name not in COLLECTING and any(isinstance(item, exp.Distinct) for item in function.expressions)
        if isinstance(function.parent, exp.WithinGroup):
            orders.add(function.parent.expression.sql())
        elif name == "median":
            orders.add(f" ORDER BY {function.expressions[0].sql()}")
    if collecting and distinct:
        functions = "LISTAGG/PERCENTILE_CONT/MEDIAN"
        raise unsupported(f"Using {functions} aggregate functions with other distinct aggregate function not supported")
    if len(orders) > 1:
        raise unsupported("within group ORDER BY clauses for aggregate functions must be the same")


def check_data_type(node: exp.DataType) -> None:
    """Check the type of a cast."""
    text = node.sql(dialect="redshift").lower()
    if node.this == exp.DType.ARRAY or "[" in text or text.endswith("serial"):
        raise RedshiftError(f'type "{text}" does not exist', "42704", position(node))
    if text.split("(")[0] in ABSENT_TYPES:
        raise missing(f"the type {text}")


def check_column(node: exp.ColumnDef) -> None:
    """Check the type of a column."""
    kind = write(node.kind).strip('"') if node.kind else ""
    if not isinstance(node.parent, exp.TableAlias) and ("[" in kind or kind in LEADER_TYPES):
        table = node.find_ancestor(exp.Create, exp.Alter).find(exp.Table)
        raise RedshiftError(f'Column "{table.name}.{node.name}" has unsupported type "{kind}".', NOT_SUPPORTED)


def check_cte(node: exp.CTE) -> None:
    """Check a common table expression: it is a query, and one that refers to itself names its columns."""
    if isinstance(node.this, exp.DML):
        raise syntax_error(node.this.key, position(node))
    with_ = node.parent
    refers = any(table.name.lower() == node.alias.lower() for table in node.this.find_all(exp.Table))
    if not (with_ and with_.args.get("recursive") and refers):
        return
    if not node.args["alias"].columns:
        message = f'recursive common table expression "{node.alias}" needs a list of its columns'
        raise RedshiftError(message, SYNTAX_ERROR)
    if isinstance(node.this, exp.SetOperation) and node.this.args.get("distinct"):
        raise RedshiftError(f'recursive common table expression "{node.alias}" needs UNION ALL', SYNTAX_ERROR)


def check_statement(tree: exp.Expression) -> None:
    """Check the rules of INSERT, UPDATE, DELETE and MERGE."""
    if isinstance(tree, exp.Update) and any(isinstance(item.this, exp.Tuple) for item in tree.expressions):
        raise syntax_error("(")
    source = tree.args.get("from_")
    if isinstance(tree, exp.Update) and source and any(join.side for join in source.this.args.get("joins") or []):
        raise unsupported("Target table must be part of an equijoin predicate")
    if isinstance(tree, exp.Insert) and tree.args.get("with_"):
        raise syntax_error("insert")
    if isinstance(tree, exp.Delete) and tree.this and tree.this.alias:
        raise syntax_error("as", position(tree.this.args["alias"]))
    if isinstance(tree, exp.Merge):
        target = tree.this
        if target.alias:
            raise syntax_error(target.alias, position(target.args["alias"]))
        if tree.args.get("with_"):
            raise syntax_error("merge")
        whens = tree.args["whens"].expressions
        for when in whens:
            nothing = when.args["then"].name == "DO NOTHING"
            for word, found in (("and", when.args.get("condition")), ("by", when.args.get("source")), ("do", nothing)):
                if found:
                    raise syntax_error(word)
        if [bool(when.args.get("matched")) for when in whens] != [True, False]:
            raise syntax_error()
        source = tree.args["using"]
        if any(t.name == target.name and t.db == target.db for t in source.find_all(exp.Table) if t is not source):
            raise unsupported("Source view/subquery in Merge statement cannot reference target table.")


def check_correlations(tree: exp.Expression) -> None:
    """Check for the patterns that Redshift cannot decorrelate (r_correlated_subqueries.html)."""
    query = tree if isinstance(tree, exp.Query) else tree.find(exp.Query)
    if not isinstance(query, exp.Query):
        return
    for scope in traverse_scope(query):
        select = scope.expression
        if not scope.is_subquery or not scope.parent or not isinstance(select, exp.Select):
            continue
        outer = [c for c in scope.external_columns if c.table and c.table not in scope.sources]
        if not outer:
            continue
        join = select.find_ancestor(exp.Join, exp.Select)
        grouped = select.args.get("group") and isinstance(select.find_ancestor(exp.In, exp.Select), exp.In)
        aggregates = {name_of(f) for f in select.find_all(exp.Anonymous)} & {"sum", "avg", "count", "listagg"}
        alias = select.find_ancestor(exp.Alias, exp.Select)
        group = scope.parent.expression.args.get("group")
        in_group = isinstance(alias, exp.Alias) and group and any(g.name == alias.alias for g in group.expressions)
        if (
            any(column.table not in scope.parent.sources for column in outer)
            or (isinstance(join, exp.Join) and join.side)
            or any(window.find_ancestor(exp.Select) is select for window in select.find_all(exp.Window))
            or (grouped and aggregates)
            or in_group
        ):
            raise unsupported(CORRELATED, outer[0])


PATTERNS = (exp.RegexpILike, exp.RegexpLike, exp.SimilarTo)
SET_OPERATIONS = (exp.Except, exp.Intersect, exp.Union)
DETAILS = (exp.CollateColumnConstraint, exp.Column, exp.Identifier, exp.Is, exp.Star, *PATTERNS, *SET_OPERATIONS)
CHECKS = dict.fromkeys(DETAILS, check_detail) | {
    exp.CTE: check_cte,
    exp.ColumnDef: check_column,
    exp.DataType: check_data_type,
    exp.Select: check_select,
    exp.Values: check_values,
    exp.Window: check_window,
}
LEADER_ONLY = (exp.CurrentTime, exp.CurrentTimestamp, exp.Localtime, exp.Localtimestamp)
NOT_ON_TABLES = dict.fromkeys((exp.Anonymous, *LEADER_ONLY), check_function) | {exp.Interval: check_interval}
NOT_HERE = {
    exp.Array: "arrays, which are SUPER",
    exp.Bracket: "arrays, which are SUPER",
    exp.Collate: "COLLATE",
    exp.Connect: "CONNECT BY",
    exp.Pivot: "PIVOT and UNPIVOT",
}
NOT_IN_REDSHIFT = {
    exp.CheckColumnConstraint: "check",
    exp.Fetch: "fetch",
    exp.NullSafeEQ: "distinct",
    exp.NullSafeNEQ: "distinct",
    exp.TableSample: "tablesample",
}
