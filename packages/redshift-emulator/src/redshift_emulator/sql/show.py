"""SHOW of the objects of a database: each statement becomes a query of the view that has Redshift's columns."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import missing, syntax_error
from ..names import fold, literal
from .grammar import postgres_type

PART = r'(?:"(?:[^"]|"")+"|[\w#$]+)'
VALUE = r"(?:'(?:[^'\\]|\\.|'')*'|\$\d+)"
# What Redshift shows and the emulator does not
ABSENT = re.compile(
    r"(?:table|view|procedure|function|model|datashares?|grants|external\s+\w+|materialized\s+views?|shared\s+\w+|"
    r"identity\s+providers?|masking\s+\w+|rls\s+\w+)\b",
    re.I,
)


@dataclass(frozen=True)
class Shown:
    """A kind of objects that SHOW lists.

    Attributes:
        view: The view that has them, in pg_redshift.
        names: The columns that the name in the statement is compared with, the last part of the name last.
        pattern: The column that LIKE filters.
        order: The columns by which the rows come.
        columns: What is shown of the view.
    """

    view: str
    names: tuple[str, ...] = ()
    pattern: str = ""
    order: str = ""
    columns: str = "*"


IN_SCHEMA = ("database_name", "schema_name")
IN_TABLE = (*IN_SCHEMA, "table_name")
FOREIGN = tuple(f"fk_{name}" for name in IN_TABLE), tuple(f"pk_{name}" for name in IN_TABLE)
BY_GRANT = "privilege_type, identity_type desc, identity_id"
PARAMETERS = (
    "database_name, schema_name, {0}_name, parameter_name, ordinal_position, parameter_type, data_type, "
    "character_maximum_length, numeric_precision, numeric_scale"
)
SHOWN = {
    "databases": Shown("databases", (), "database_name", "database_name"),
    "schemas from database": Shown("schemas", ("database_name",), "schema_name", "schema_name"),
    "tables from schema": Shown("tables", IN_SCHEMA, "table_name", "table_name"),
    "columns from table": Shown("columns", IN_TABLE, "column_name", "ordinal_position"),
    "constraints primary keys from table": Shown("primary_keys", IN_TABLE, "", "key_seq"),
    "constraints foreign keys from table": Shown("foreign_keys", FOREIGN[0], "", "fk_name, key_seq"),
    "constraints foreign keys exported from table": Shown("foreign_keys", FOREIGN[1], "", "fk_name, key_seq"),
    "column grants on table": Shown("column_grants", IN_TABLE, "column_name", f"column_name, {BY_GRANT}"),
    "grants on table": Shown("grants", (*IN_SCHEMA, "object_name"), "", BY_GRANT),
    "grants on schema": Shown("grants", ("database_name", "object_name"), "", BY_GRANT),
    "functions from schema": Shown("functions", IN_SCHEMA, "function_name", "function_name, argument_list"),
    "procedures from schema": Shown("procedures", IN_SCHEMA, "procedure_name"),
    **{
        f"parameters of {kind}": Shown(
            f"parameters_{kind}",
            (*IN_SCHEMA, f"{kind}_name"),
            "parameter_name",
            "ordinal_position",
            PARAMETERS.format(kind),
        )
        for kind in ("function", "procedure")
    },
}
STATEMENT = re.compile(
    rf"show\s+(?P<words>[a-z]+(?:\s+(?:primary|foreign|keys|exported|grants|from|of|on|database|schema|table|function|"
    rf"procedure)\b)*)(?:\s+(?P<name>{PART}(?:\s*\.\s*{PART}){{0,2}}))?(?:\s*\((?P<types>.*?)\))?"
    rf"(?:\s+for\s+(?P<identity>(?:role\s+)?{PART}))?(?:\s+like\s+(?P<like>{VALUE}))?(?:\s+limit\s+(?P<limit>\d+))?",
    re.I | re.S,
)


def show(body: str) -> str | None:
    """Return the query of a SHOW of objects, none for a SHOW of a setting.

    Raises:
        RedshiftError: The emulator lacks this SHOW, or it is written differently.
    """
    found = STATEMENT.fullmatch(body)
    words = " ".join(found["words"].lower().split()) if found else ""
    shown = SHOWN.get(words)
    if not found or not shown:
        rest = re.sub(r"show\s+", "", body, count=1, flags=re.I)
        start = next((words for words in SHOWN if rest.lower().split()[:1] == words.split()[:1]), "")
        if absent := ABSENT.match(rest):
            raise missing(f"SHOW {' '.join(absent[0].upper().split())}")
        if start:
            raise syntax_error()
        return None
    parts = re.findall(PART, found["name"] or "")
    conditions = named(shown, words, parts)
    if found["types"] is not None:
        conditions.append(f"argument_list = {argument_list(found['types'])}")
    if found["identity"]:
        kind, _, name = found["identity"].rpartition(" ")
        conditions.append(f"identity_name = {value(name)}")
        conditions += ["identity_type = 'role'"] if kind else []
    if found["like"]:
        conditions.append(f"{shown.pattern} like {found['like']}" if shown.pattern else "false")
    where = f" where {' and '.join(conditions)}" if conditions else ""
    order = f" order by {shown.order}" if shown.order else ""
    limit = f" limit {found['limit']}" if found["limit"] else ""
    rows = source(shown, value(parts[0]) if len(parts) == len(shown.names) and parts else "")
    return f"select {shown.columns} from {rows}{where}{order}{limit}"


def named(shown: Shown, words: str, parts: list[str]) -> list[str]:
    """Return the conditions of the name in the statement, in which the database can be left out.

    Raises:
        RedshiftError: The name has too many parts, or too few.
    """
    conditions = []
    if words == "grants on table" and len(parts) == 1:
        conditions.append("schema_name = any (current_schemas(false))")
    elif len(parts) not in (len(shown.names), len(shown.names) - (len(shown.names) > 1)):
        raise syntax_error()
    names = shown.names[len(shown.names) - len(parts) :]
    pairs = [pair for pair in zip(names, parts, strict=True) if not pair[0].endswith("database_name")]
    conditions += [f"{column} = {value(part)}" for column, part in pairs]
    if shown.view == "grants":
        conditions.append(f"object_type = '{words.split()[-1].upper()}'")
    return conditions


def value(part: str) -> str:
    """Return the expression of a part of a name: a parameter, or the name as the catalogue keeps it."""
    if re.fullmatch(r"\$\d+", part):
        return f"{part}::varchar"
    if part.startswith('"'):
        part = part[1:-1].replace('""', '"')
    return literal(fold(part))


def source(shown: Shown, database: str) -> str:
    """Return what the rows are read from: a view of this database, or the same in the one that the statement names."""
    view = f"pg_redshift.show_{shown.view}"
    if not database:
        return view
    here = f"select * from {view} where {database} = current_database()"
    return f"({here} union all select * from pg_redshift.elsewhere({database}, null::{view})) as shown"


def argument_list(text: str) -> str:
    """Return the expression of the types of a function, as SHOW FUNCTIONS lists them."""
    types = [part.strip() for part in text.split(",") if part.strip()]
    if not types:
        return "''"
    names = [
        value(kind) if kind.startswith("$") else f"pg_redshift.type_name({literal(postgres_type(kind))}::regtype::oid)"
        for kind in types
    ]
    return " || ', ' || ".join(names)
