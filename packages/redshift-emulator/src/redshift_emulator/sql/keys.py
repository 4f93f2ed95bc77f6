"""Primary, unique and foreign keys, which Redshift keeps as information and does not enforce."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlglot import exp

from ..catalogue.tables import Catalogue
from ..errors import UNDEFINED_TABLE, RedshiftError
from ..names import fold
from .grammar import name_in_catalogue

Key = dict[str, Any]  # type: p, u or f; name; columns; for f: references, keys


def column_key(column: str, kind: exp.Expression) -> Key | None:
    """Return the key that a constraint of a column makes, None if it makes none."""
    match kind:
        case exp.PrimaryKeyColumnConstraint():
            return {"type": "p", "columns": [column]}
        case exp.UniqueColumnConstraint():
            return {"type": "u", "columns": [column]}
        case exp.Reference():
            return {"type": "f", "columns": [column], **referenced(kind)}
    return None


def table_keys(item: exp.Expression, name: str | None = None) -> Iterator[Key]:
    """Yield the keys that an item of a list of columns makes, or what follows ALTER TABLE ... ADD."""
    named = {"name": name} if name else {}
    match item:
        case exp.Constraint():
            for part in item.expressions:
                yield from table_keys(part, fold(item.name))
        case exp.AddConstraint():
            for part in item.expressions:
                yield from table_keys(part, name)
        case exp.PrimaryKey():
            yield {"type": "p", "columns": column_names(item), **named}
        case exp.UniqueColumnConstraint():
            yield {"type": "u", "columns": column_names(item.this), **named}
        case exp.ForeignKey():
            yield {"type": "f", "columns": column_names(item), **referenced(item.args["reference"]), **named}


def referenced(reference: exp.Reference) -> Key:
    """Return the table that a foreign key refers to, and its columns if they are named."""
    target = reference.this
    columns = column_names(target) if isinstance(target, exp.Schema) else []
    table = target.this if isinstance(target, exp.Schema) else target
    return {"references": fold(name_in_catalogue(table)), "keys": columns}


def column_names(node: exp.Expression) -> list[str]:
    """Return the names in a list of columns."""
    return [fold(item.name) for item in node.expressions]


def resolve_references(keys: list[Key], table: str, catalogue: Catalogue) -> None:
    """Replace the tables that foreign keys refer to by their numbers, and by None the table that has the key.

    Raises:
        RedshiftError: There is no such table.
    """
    for key in keys:
        if name := key.get("references"):
            key["references"] = catalogue.table_id(name)
            if not key["references"] and name.split(".")[-1] != table.split(".")[-1]:
                raise RedshiftError(f'relation "{name}" does not exist', UNDEFINED_TABLE)
