"""CREATE TABLE and ALTER TABLE: what Redshift adds is taken out of the tree and kept as attributes of the table."""

from __future__ import annotations

import json
import re
from typing import Any

from sqlglot import exp

from ..catalogue.tables import Catalogue
from ..errors import NOT_SUPPORTED, SYNTAX_ERROR, RedshiftError, syntax_error
from ..names import NAME, fold
from .grammar import name_in_catalogue, name_of, read, tokenize, write
from .keys import Key, column_key, resolve_references, table_keys
from .rewriting import Rewriting

# The constraints of a column that PostgreSQL has too; keys are information, and an encoding has no meaning here
KEPT_CONSTRAINTS = (exp.DefaultColumnConstraint, exp.GeneratedAsIdentityColumnConstraint, exp.NotNullColumnConstraint)
LEFT_OUT = (exp.CollateColumnConstraint,)
WITHOUT_EFFECT = (exp.BackupProperty, exp.EncodeProperty, exp.TemporaryProperty)
STYLES = ("AUTO", "EVEN", "KEY", "ALL")
# c_Compression_encodings.html
NUMERIC_ENCODINGS = set("az64 delta delta32k mostly8 mostly16 mostly32".split())
ENCODINGS = NUMERIC_ENCODINGS | set("auto bytedict lzo raw runlength text255 text32k zstd".split())
ALTERED_ENCODING = re.compile(rf",?\s*\balter\s+(?:column\s+)?({NAME})\s+encode\s+(\w+)", re.I)


class Table:
    """What a statement says of a table beside its columns.

    Attributes:
        given: diststyle, distkey, sortkey, sort_style, encodings.
        names: The names of all columns.
        keys: Primary, unique and foreign keys, which are information.
    """

    def __init__(self) -> None:
        self.given: dict[str, Any] = {}
        self.names: set[str] = set()
        self.keys: list[Key] = []

    @property
    def primary_key(self) -> set[str]:
        """The columns of the primary key, which cannot be null."""
        return {name for key in self.keys if key["type"] == "p" for name in key["columns"]}

    def column(self, column: exp.ColumnDef) -> None:
        """Take out of a column's definition what PostgreSQL does not know."""
        name, kept = fold(column.name), []
        self.names.add(name)
        if name == "oid":  # a system column of PostgreSQL 8; PostgreSQL itself refuses the others
            raise RedshiftError(f'column name "{name}" conflicts with a system column name', "42701")
        column.set("this", exp.to_identifier(name, quoted=True))
        for constraint in column.constraints:
            kind = constraint.kind
            if isinstance(kind, KEPT_CONSTRAINTS):
                kept.append(constraint)
            elif key := column_key(name, kind):
                self.keys.append(key)
            elif kind.name == "DISTKEY":
                if "distkey" in self.given:
                    raise RedshiftError("only one column can be the distribution key", SYNTAX_ERROR)
                self.given |= {"diststyle": "KEY", "distkey": name}
            elif kind.name == "SORTKEY":
                self.given["sortkey"] = [*self.given.get("sortkey", []), name]
            elif isinstance(kind, exp.EncodeColumnConstraint):
                text = column.kind and column.kind.this in exp.DataType.TEXT_TYPES
                if kind.name.lower() not in ENCODINGS or (text and kind.name.lower() in NUMERIC_ENCODINGS):
                    raise RedshiftError(f'invalid encoding type specified for column "{name}"', NOT_SUPPORTED)
                self.encode(name, kind.name)
            elif not isinstance(kind, LEFT_OUT):
                raise syntax_error(kind.sql().split()[0].lower())
        if name in self.primary_key and not any(isinstance(c.kind, exp.NotNullColumnConstraint) for c in kept):
            kept.append(exp.ColumnConstraint(kind=exp.NotNullColumnConstraint()))
        column.set("constraints", kept)

    def encode(self, column: str, encoding: str) -> None:
        """Keep the encoding of a column; AUTO is what a column has without one."""
        if encoding.lower() != "auto":
            names = self.given.setdefault("encodings", {})
            names[fold(column)] = "none" if encoding.lower() == "raw" else encoding.lower()

    def attribute(self, node: exp.Expression) -> None:
        """Keep one property of a table: BACKUP, DISTSTYLE, DISTKEY, SORTKEY, ENCODE AUTO."""
        match node:
            case exp.DistStyleProperty() if node.name.upper() in STYLES:
                self.given["diststyle"] = node.name.upper()
            case exp.DistKeyProperty():
                self.given |= {"diststyle": "KEY", "distkey": fold(node.name)}
            case exp.SortKeyProperty():
                self.given["sortkey"] = [fold(name.name) for name in node.this]
                self.given["sort_style"] = "COMPOUND" if node.args["compound"] else "INTERLEAVED"
            case _ if not isinstance(node, WITHOUT_EFFECT):
                raise syntax_error(re.match(r"\w*", write(node))[0].lower())  # type: ignore[index]

    def as_json(self, **more: str | None) -> str:
        """Return the attributes that were given; each replaces what the table had."""
        given = ({"distkey": None} if "diststyle" in self.given else {}) | self.given | more
        if given.get("diststyle") == "KEY" and not given["distkey"]:
            raise RedshiftError("DISTKEY must be specified when DISTSTYLE KEY is", SYNTAX_ERROR)
        given |= {"keys": self.keys} if self.keys else {}
        return json.dumps(({"sort_style": "COMPOUND"} if given.get("sortkey") else {}) | given)


def create(rewriting: Rewriting, node: exp.Create) -> None:
    """Take out of CREATE TABLE, with or without a query, what PostgreSQL does not know."""
    if node.expression and node.args.get("exists"):
        raise syntax_error("as")
    if isinstance(node.expression, exp.Table):  # VALUES, read as a function
        raise syntax_error(name_of(node.expression.this))
    table, more = Table(), {}
    items = node.this.expressions if isinstance(node.this, exp.Schema) else []
    properties = node.args["properties"].expressions if node.args.get("properties") else []
    table.keys += [key for item in items for key in table_keys(item)]
    for item in items:
        if isinstance(item, exp.ColumnDef):
            table.column(item)
        elif isinstance(item, exp.LikeProperty):
            more["like"] = rewriting.asked().table_id(name_in_catalogue(item.this))
    if items:  # the rest are keys, which are information
        kept = [item for item in items if isinstance(item, exp.ColumnDef | exp.Identifier | exp.LikeProperty)]
        node.this.set("expressions", kept)
    if any("references" in key for key in table.keys):
        resolve_references(table.keys, fold(node.find(exp.Table).name), rewriting.asked())
    for item in properties:
        table.attribute(item)
    distkey = table.given.get("distkey")
    if table.names and distkey and distkey not in table.names:
        raise RedshiftError(f'column "{distkey}" does not exist', "42703")
    temporary = any(isinstance(item, exp.TemporaryProperty) for item in properties)
    temporary |= node.find(exp.Table).name.startswith("#")
    node.set("properties", exp.Properties(expressions=[exp.TemporaryProperty()] if temporary else []))
    sort_key = table.given.get("sortkey")
    if node.expression and sort_key and table.given["sort_style"] == "COMPOUND":
        alias = exp.TableAlias(this=exp.to_identifier("unsorted"), columns=items)
        rows = exp.Subquery(this=node.expression, alias=alias)
        order = [exp.column(name, quoted=True) for name in sort_key]
        node.set("expression", exp.select("*").from_(rows).order_by(*order))
    rewriting.keep_attributes(table.as_json(**more))


def add_column(rewriting: Rewriting, node: exp.Alter) -> None:
    """Take out of ALTER TABLE ... ADD COLUMN what PostgreSQL does not know."""
    column, *others = node.args["actions"]
    if others:
        raise syntax_error(",")
    table = Table()
    table.column(column)
    kinds = {type(constraint.kind) for constraint in column.constraints}
    if exp.GeneratedAsIdentityColumnConstraint in kinds:
        raise RedshiftError("an identity column cannot be added to a table", NOT_SUPPORTED)
    if exp.NotNullColumnConstraint in kinds and exp.DefaultColumnConstraint not in kinds:
        message = "ALTER TABLE ADD COLUMN defined as NOT NULL must have a non-null default expression"
        raise RedshiftError(message, NOT_SUPPORTED)
    rewriting.keep_attributes(table.as_json())


def altered(changes: str) -> str:
    """Return the attributes that ALTER ... gives a table, one or several at once."""
    table = Table()
    for column, encoding in ALTERED_ENCODING.findall(changes):
        table.encode(column.strip('"'), encoding)
    attributes = re.sub(r",?\s*\balter\s", " ", ALTERED_ENCODING.sub("", changes), flags=re.I)
    sql = f"create table altered (a int) {attributes}"
    for item in read(tokenize(sql), sql).args["properties"].expressions if attributes.strip() else []:
        table.attribute(item)
    return table.as_json()


def added_keys(sql: str, name: str, catalogue: Catalogue) -> str:
    """Return the attributes that ALTER TABLE ... ADD gives a table when it adds keys."""
    table = Table()
    table.keys = [key for action in read(tokenize(sql), sql).args["actions"] for key in table_keys(action)]
    resolve_references(table.keys, name, catalogue)
    return table.as_json()
