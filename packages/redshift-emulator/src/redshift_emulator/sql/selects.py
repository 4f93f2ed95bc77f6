"""What Redshift's SELECT has and PostgreSQL's lacks: lateral aliases, QUALIFY, and steps that are computed once."""

from __future__ import annotations

from sqlglot import exp

from ..errors import missing, syntax_error
from .functions import is_bare_argument
from .grammar import name_in_catalogue
from .rewriting import Rewriting

# Columns that PostgreSQL's tables lack
CATALOGUE_COLUMNS = {
    "pg_class": ("reldiststyle", "releffectivediststyle"),
    "pg_attribute": ("attisdistkey", "attsortkeyord", "attencodingtype"),
    "pg_attrdef": ("adsrc",),
}
CONDITIONS = (exp.Where, exp.Having, exp.And, exp.Or, exp.Not)


def select(rewriting: Rewriting, node: exp.Select) -> None:
    """Rewrite what is Redshift's own in a SELECT."""
    qualify_catalogue_columns(rewriting, node)
    truth_of_numbers(rewriting, node)
    if rewriting.has_lateral_aliases:
        lateral_aliases(rewriting, node)
    if node.args.get("qualify"):
        qualify(rewriting, node)
    if rewriting.has_try_cast:
        compute_once(rewriting, node)


def qualify_catalogue_columns(rewriting: Rewriting, select: exp.Select) -> None:
    """Qualify columns that only Redshift's catalogue has: the emulator has functions of a row in their place."""
    clauses = [select.args.get("from_"), *(select.args.get("joins") or [])]
    for table in [clause.this for clause in clauses if clause and isinstance(clause.this, exp.Table)]:
        for column in select.find_all(exp.Column) if table.name.lower() in CATALOGUE_COLUMNS else []:
            is_own = column.find_ancestor(exp.Select) is select and not column.table
            if is_own and column.name.lower() in CATALOGUE_COLUMNS[table.name.lower()]:
                column.set("table", exp.to_identifier(table.alias_or_name))
                rewriting.changed = True


def truth_of_numbers(rewriting: Rewriting, select: exp.Select) -> None:
    """Write a number that is a condition of its own (WHERE 1 AND ...) as a boolean."""
    for clause in ("where", "having"):
        for node in select.args[clause].walk() if select.args.get(clause) else []:
            if isinstance(node, exp.Literal) and node.is_int and isinstance(node.parent, CONDITIONS):
                rewriting.replace(node, exp.Boolean(this=int(node.name) != 0))


def compute_once(rewriting: Rewriting, select: exp.Select) -> None:
    """Let each step that parses do so once a row, in a query that has TRY_CAST.

    PostgreSQL merges the steps, and so copies an expression to each place that names its column. A step that has a
    WITH of its own it leaves alone, and still moves into it the conditions that compare with literals.
    """
    is_step = isinstance(select.parent, exp.CTE | exp.Subquery) and not select.args.get("with_")
    if is_step and any(item.find(exp.TryCast, exp.RegexpLike) for item in select.expressions):
        select.with_("computed_once", as_="select 1", copy=False)
        rewriting.changed = True


def lateral_aliases(rewriting: Rewriting, select: exp.Select) -> None:
    """Put in the place of an alias what it stands for, unless FROM has a column of its name."""
    known: dict[str, exp.Expression] = {}
    from_columns: list[str] | None = None
    later = [select.args.get(clause) for clause in ("where", "having", "qualify")]
    for item in [*select.expressions, *(clause for clause in later if clause)]:
        for column in [c for c in item.find_all(exp.Column) if not c.table and c.name.lower() in known]:
            if column.find_ancestor(exp.Select) is not select or is_bare_argument(column):
                continue
            if from_columns is None:
                from_columns = columns_of(rewriting, select)
            if column.name.lower() not in from_columns:
                new = exp.paren(known[column.name.lower()].copy())
                if column is item:
                    new = exp.alias_(new, column.name)
                column.replace(new)
                rewriting.changed = True
        if isinstance(item, exp.Alias):
            known[item.alias.lower()] = item.this


def columns_of(rewriting: Rewriting, select: exp.Select, alias: str = "") -> list[str]:
    """Return the names of the columns that FROM and the joins of a SELECT offer, or only the relation of that alias."""
    relations = [clause.this for clause in (select.args.get("from_"), *(select.args.get("joins") or [])) if clause]
    names: list[str] = []
    for relation in relations:
        if alias and relation.alias_or_name.lower() != alias:
            continue
        if isinstance(relation, exp.Table):
            names += columns_of_table(rewriting, relation)
        elif isinstance(relation, exp.Subquery):
            names += [name.lower() for name in relation.alias_column_names] or outputs(rewriting, relation.this)
    return names


def columns_of_table(rewriting: Rewriting, table: exp.Table) -> list[str]:
    """Return the columns of a table of the database, or of a common table expression."""
    node: exp.Expression | None = table
    while node is not None and not table.db:
        with_ = node.args.get("with_")
        for query in with_.expressions if with_ else []:
            if query.alias.lower() == table.name.lower():
                return [name.lower() for name in query.alias_column_names] or outputs(rewriting, query.this)
        node = node.parent
    return rewriting.asked().columns(name_in_catalogue(table))


def outputs(rewriting: Rewriting, query: exp.Expression) -> list[str]:
    """Return the names of a query's columns."""
    while isinstance(query, exp.SetOperation | exp.Subquery):
        query = query.this
    names: list[str] = []
    for item in query.expressions if isinstance(query, exp.Select) else []:
        names += (
            columns_of(rewriting, query, item.text("table").lower()) if item.is_star else [item.alias_or_name.lower()]
        )
    return names


def qualify(rewriting: Rewriting, select: exp.Select) -> None:
    """Filter in a query around the one that has the window functions of QUALIFY."""
    if not any(select.args.get(clause) for clause in ("where", "group", "having")):
        last = (select.args.get("joins") or [select.args["from_"]])[-1].this
        if isinstance(last, exp.Table) and not last.alias:
            raise syntax_error("qualify")
    for place, item in enumerate(list(select.expressions)):
        if not item.is_star and not item.alias_or_name:
            item.replace(exp.alias_(item.copy(), f"column_{place + 1}"))
    names = outputs(rewriting, select)
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
    rewriting.replace(select, query)
