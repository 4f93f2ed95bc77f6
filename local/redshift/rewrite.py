"""What Redshift writes otherwise than PostgreSQL inside a query, on the tree that sqlglot makes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from . import ddl
from .errors import RedshiftError, missing, syntax_error
from .grammar import call, name_in_catalogue, name_of
from .windows import COLLECTING, analytic
from .words import words

if TYPE_CHECKING:
    from .session import Session

DATE_PARTS = {alias: part for part, *aliases in map(str.split, words("date_parts")) for alias in aliases}
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
REWRITTEN_WORDS = {"APPROXIMATE", "CONVERT", "CURRENT_USER_ID", "MINUS", "TOP", "TRY_CAST", "SYSDATE"}
DEFAULT_LENGTH_TYPES = {exp.DType[name] for name in "VARCHAR TEXT CHAR NCHAR NVARCHAR BPCHAR DECIMAL".split()}


class NeedsCatalogueError(Exception):
    """The rewriting depends on the columns of a table."""


class Rewriter:
    """One statement being rewritten.

    Args:
        tree: The statement; changed in place.
        catalogue: Knows the columns of tables; without it, a rewriting that needs them raises NeedsCatalogueError.
    """

    def __init__(self, tree: exp.Expression, catalogue: Session | None) -> None:
        self.tree = tree
        self.catalogue = catalogue
        self.changed = False
        self.attributes = ""  # a comment after the statement, for the event trigger of catalogue.sql
        self.has_lateral_aliases = False
        self.parses = False

    def run(self, nodes: list[exp.Expression]) -> exp.Expression:
        """The rewritten statement; `changed` says whether anything differs.

        Args:
            nodes: Every node of the statement, each before those below it.
        """
        columns = {node.name.lower() for node in nodes if type(node) is exp.Column and not node.args.get("table")}
        aliases = {node.alias.lower() for node in nodes if type(node) is exp.Alias}
        self.has_lateral_aliases = bool(columns & aliases)
        self.parses = any(type(node) is exp.TryCast for node in nodes)
        for node in reversed(nodes):
            if rewrite := REWRITES.get(type(node)):
                rewrite(self, node)
        return self.tree

    def extract(self, node: exp.Extract) -> None:
        """EXTRACT as a function of our own."""
        part = self.date_part(exp.Literal.string(node.this.name))
        self.replace(node, call("pg_redshift.date_part", part, node.expression))

    def keep_attributes(self, attributes: str) -> None:
        """What the catalogue is to keep of the table that is made or altered."""
        self.attributes = f"\n/*redshift {attributes}*/"
        self.changed = True

    def insert(self, node: exp.Insert) -> None:
        """The rows of a query are stored in the order of the sort key, as Redshift stores them.

        So the ranges of blocks, which prune by literals, are narrow also after a statement that brings a year of days.
        """
        if not isinstance(node.expression, exp.Query) or not self.catalogue:  # it is asked for tables with a sort key
            return
        table = name_in_catalogue(node.find(exp.Table))
        keys = self.catalogue.sort_key(table)
        names = [column.name.lower() for column in node.this.expressions] or self.catalogue.columns(table)
        positions = [str(names.index(key) + 1) for key in keys if key in names]
        query = node.expression.unnest()
        if positions and not any(query.args.get(clause) for clause in ("order", "limit", "offset")):
            query.order_by(*positions, copy=False)
            self.changed = True

    def into(self, node: exp.Into) -> None:
        """A table whose name starts with # is temporary."""
        if str(node.this.name).startswith("#") and not node.args.get("temporary"):
            node.set("temporary", True)
            self.changed = True

    def data_type(self, node: exp.DataType) -> None:
        """A type without a length has Redshift's, which is written with it."""
        self.changed |= node.this in DEFAULT_LENGTH_TYPES

    def select(self, node: exp.Select) -> None:
        """What is Redshift's own in a SELECT."""
        if self.has_lateral_aliases:
            self.lateral_aliases(node)
        if node.args.get("qualify"):
            self.qualify(node)
        if self.parses:
            self.compute_once(node)

    def replace(self, node: exp.Expression, new: exp.Expression, name: str = "") -> None:
        """Puts a node in another's place, under the name that a column has from it, if that differs."""
        self.changed = True
        if name and isinstance(node.parent, exp.Select) and node.arg_key == "expressions":
            new = exp.alias_(new, name, copy=False)
        if node is self.tree:
            self.tree = new
        else:
            node.replace(new)

    def identifier(self, node: exp.Identifier) -> None:
        """Names fold to lower case, quoted ones too (r_names.html)."""
        name = str(node.this)
        if node.args.get("quoted") and name != name.lower():
            node.set("this", name.lower())
            self.changed = True

    def date_part(self, node: exp.Expression) -> exp.Literal:
        """A date part as a literal of its long form; it may be bare or in quotes."""
        name = str(node.name).lower()
        if name not in DATE_PARTS:
            raise RedshiftError(f'timestamp units "{name}" not recognized', "22023")
        return exp.Literal.string(DATE_PARTS[name])

    def function(self, node: exp.Anonymous) -> None:
        """One function call."""
        name, arguments = name_of(node), node.expressions
        kinds = exp.Literal if name == "date_trunc" else exp.Column | exp.Literal | exp.Var
        if name in WITH_DATE_PART and arguments and isinstance(arguments[0], kinds):
            part = self.date_part(arguments[0])
            if part.name in WITHOUT_LENGTH and name.startswith(("dateadd", "date_add", "datediff", "date_diff")):
                raise RedshiftError(f'timestamp units "{part.name}" not supported', "0A000")
            arguments[0].replace(part)
            self.changed = True
        if name in SYNONYMS:
            node.set("this", SYNONYMS[name])
            self.changed = True
        if name in POSTGRES_GRAMMAR:  # in quotes it is the name of a function, and PostgreSQL says that there is none
            node.set("this", f'"{name}"')
            self.changed = True
        if name == "nvl2" and len(arguments) == 3:
            test = exp.Not(this=exp.Is(this=exp.paren(arguments[0]), expression=exp.Null()))
            self.replace(node, exp.Case(ifs=[exp.If(this=test, true=arguments[1])], default=arguments[2]))
        elif name == "decode" and len(arguments) > 2:
            self.replace(node, decode(arguments))
        elif name in COLLECTING:
            analytic(self, node)
        elif name in ("current_setting", "set_config") and arguments and arguments[0].name.lower() in words("settings"):
            arguments[0].replace(exp.Literal.string(f"redshift.{arguments[0].name}"))
            self.changed = True
            if name == "current_setting":
                value = call("nullif", call(name, node.expressions[0], exp.true()), exp.Literal.string(""))
                self.replace(node, call("coalesce", value, exp.Literal.string("unset")), name)
        elif name.startswith("json_") and isinstance(arguments[-1], exp.Boolean):  # null_if_invalid
            flag = arguments.pop()
            if flag.this:
                valid = call("pg_redshift.is_json", arguments[0].copy())
                self.replace(node, exp.Case(ifs=[exp.If(this=valid, true=node.copy())]), name)
            self.changed = True

    def compute_once(self, select: exp.Select) -> None:
        """Where a query has TRY_CAST, each step that parses does so once a row.

        PostgreSQL merges the steps, and so copies an expression to each place that names its column. A step that has a
        WITH of its own it leaves alone, and still moves into it the conditions that compare with literals.
        """
        is_step = isinstance(select.parent, exp.CTE | exp.Subquery) and not select.args.get("with_")
        if is_step and any(item.find(exp.TryCast, exp.RegexpLike) for item in select.expressions):
            select.with_("computed_once", as_="select 1", copy=False)
            self.changed = True

    def lateral_aliases(self, select: exp.Select) -> None:
        """An alias can be used further on in the same SELECT list and in WHERE; a column of FROM of its name wins."""
        known: dict[str, exp.Expression] = {}
        from_columns: list[str] | None = None
        later = [select.args.get(clause) for clause in ("where", "having", "qualify")]
        for item in [*select.expressions, *(clause for clause in later if clause)]:
            for column in [c for c in item.find_all(exp.Column) if not c.table and c.name.lower() in known]:
                if column.find_ancestor(exp.Select) is not select or is_bare_argument(column):
                    continue
                if from_columns is None:
                    from_columns = self.columns_of(select)
                if column.name.lower() not in from_columns:
                    new = exp.paren(known[column.name.lower()].copy())
                    if column is item:
                        new = exp.alias_(new, column.name)
                    column.replace(new)
                    self.changed = True
            if isinstance(item, exp.Alias):
                known[item.alias.lower()] = item.this

    def columns_of(self, select: exp.Select, alias: str = "") -> list[str]:
        """The names of the columns that FROM and the joins of a SELECT offer, or only the relation of that alias."""
        relations = [clause.this for clause in (select.args.get("from_"), *(select.args.get("joins") or [])) if clause]
        names: list[str] = []
        for relation in relations:
            if alias and relation.alias_or_name.lower() != alias:
                continue
            if isinstance(relation, exp.Table):
                names += self.columns_of_table(relation)
            elif isinstance(relation, exp.Subquery):
                names += [name.lower() for name in relation.alias_column_names] or self.outputs(relation.this)
        return names

    def columns_of_table(self, table: exp.Table) -> list[str]:
        """The columns of a table of the database, or of a common table expression."""
        node: exp.Expression | None = table
        while node is not None and not table.db:
            with_ = node.args.get("with_")
            for query in with_.expressions if with_ else []:
                if query.alias.lower() == table.name.lower():
                    return [name.lower() for name in query.alias_column_names] or self.outputs(query.this)
            node = node.parent
        return self.asked().columns(name_in_catalogue(table))

    def asked(self) -> Session:
        """Who knows the tables."""
        if self.catalogue is None:
            raise NeedsCatalogueError
        return self.catalogue

    def outputs(self, query: exp.Expression) -> list[str]:
        """The names of a query's columns."""
        while isinstance(query, exp.SetOperation | exp.Subquery):
            query = query.this
        names: list[str] = []
        for item in query.expressions if isinstance(query, exp.Select) else []:
            names += (
                self.columns_of(query, item.text("table").lower()) if item.is_star else [item.alias_or_name.lower()]
            )
        return names

    def qualify(self, select: exp.Select) -> None:
        """QUALIFY filters in a query around the one that has the window functions."""
        if not any(select.args.get(clause) for clause in ("where", "group", "having")):
            last = (select.args.get("joins") or [select.args["from_"]])[-1].this
            if isinstance(last, exp.Table) and not last.alias:
                raise syntax_error("qualify")
        for place, item in enumerate(list(select.expressions)):
            if not item.is_star and not item.alias_or_name:
                item.replace(exp.alias_(item.copy(), f"column_{place + 1}"))
        names = self.outputs(select)
        if not names or len(set(names)) < len(names):
            raise missing("QUALIFY over columns that do not have names of their own")
        inner = select.copy()
        inner.select(exp.alias_(exp.paren(inner.args["qualify"].this), "is_qualified"), copy=False)
        inner.set("qualify", None)
        query = exp.select(*(exp.column(name, quoted=True) for name in names))
        for clause in ("with_", "limit", "offset", "distinct", "order", "into"):
            query.set(clause, inner.args.get(clause))
            inner.set(clause, None)
        for place, item in enumerate(query.args["order"].expressions if query.args.get("order") else []):
            if isinstance(item.this, exp.Column) and not item.this.table and item.this.name.lower() in names:
                continue
            if not item.this.is_int:
                inner.select(exp.alias_(item.this.copy(), f"order_{place}"), copy=False)
                item.set("this", exp.column(f"order_{place}"))
        query.from_(inner.subquery("qualified"), copy=False).where(exp.column("is_qualified"), copy=False)
        self.replace(select, query)


def is_bare_argument(column: exp.Column) -> bool:
    """Whether what looks like a column is a date part."""
    parent = column.parent
    return name_of(parent) in WITH_DATE_PART and parent.expressions[0] is column if parent else False


def decode(arguments: list[exp.Expression]) -> exp.Case:
    """DECODE as CASE; nulls are equal to each other in it (r_DECODE_expression.html)."""
    value, pairs = arguments[0], arguments[1:]
    ifs = [
        exp.If(this=exp.NullSafeEQ(this=value.copy(), expression=search), true=result)
        for search, result in zip(pairs[::2], pairs[1::2], strict=False)
    ]
    return exp.Case(ifs=ifs, default=pairs[-1] if len(pairs) % 2 else None)


REWRITES: dict[type[exp.Expression], Callable[[Rewriter, Any], None]] = {
    exp.Alter: ddl.add_column,
    exp.Anonymous: Rewriter.function,
    exp.Create: ddl.create,
    exp.DataType: Rewriter.data_type,
    exp.Extract: Rewriter.extract,
    exp.Identifier: Rewriter.identifier,
    exp.IgnoreNulls: analytic,
    exp.Insert: Rewriter.insert,
    exp.Into: Rewriter.into,
    exp.RespectNulls: analytic,
    exp.Select: Rewriter.select,
    exp.Window: analytic,
    exp.WithinGroup: analytic,
}
