"""PostgreSQL's errors in Redshift's words."""

from __future__ import annotations

import re
from collections.abc import Collection

from ..errors import missing
from .statement import UNPARSABLE, Statement

UNDEFINED_FUNCTION = "42883"
FORWARDED_FIELDS = "SCMDHP"  # severity, code, message, detail, hint, position
ROLE = r'role "(.+)" (does not exist|already exists|cannot be dropped because some objects depend on it)'
# PostgreSQL's message, a regular expression; Redshift's SQLSTATE, None where it is the same; its message; its DETAIL
MESSAGES: list[tuple[str, str | None, str, str | None]] = [
    (
        "MERGE command cannot affect row a second time",
        "21000",
        "Found multiple matches to update the same tuple.",
        None,
    ),
    (
        "could not serialize access due to .*",
        "XX000",
        "1023",
        "Serializable isolation violation on table",
    ),
    (
        r"function pg_catalog\.(.*)",
        None,
        r"function \1",
        None,
    ),
    (
        r'type "pg_catalog\.(\w+)" does not exist',
        "42704",
        r'type "\1" does not exist',
        None,
    ),
    (
        'column ".*" can only be updated to DEFAULT',
        "0A000",
        "cannot set an identity column to a value",
        None,
    ),
    (
        'cannot insert a non-DEFAULT value into column ".*"',
        "0A000",
        "cannot set an identity column to a value",
        None,
    ),
    (
        'new row for relation .* violates check constraint "bytes"',
        "22001",
        "Value too long for character type",
        None,
    ),
    (
        "numeric field overflow",
        "22003",
        "Numeric data overflow (result precision)",
        None,
    ),
    (
        "invalid input syntax for type json",
        "XX000",
        "JSON parsing error",
        None,
    ),
    (
        "aggregate functions are not allowed in (WHERE|GROUP BY)",
        None,
        r"aggregates not allowed in \1 clause",
        None,
    ),
    (
        "aggregate functions are not allowed in JOIN conditions",
        None,
        "aggregates not allowed in JOIN conditions",
        None,
    ),
    (
        "aggregate function calls cannot (?:be nested|contain window function calls)",
        None,
        "aggregate function calls may not have nested aggregate or window function",
        None,
    ),
    (
        "(FULL JOIN is only supported with merge-joinable) or hash-joinable( join conditions)",
        None,
        r"\1\2",
        None,
    ),
    (
        r'unit "(\w+)" not (\w+) for type (timestamp|time|interval)\b.*',
        None,
        r'\3 units "\1" not \2',
        None,
    ),
    (
        'null value in column "(.*?)" .*',
        None,
        r"Cannot insert a NULL value into column \1",
        None,
    ),
    (
        "cannot use subquery in DEFAULT expression",
        None,
        "cannot use subquery in default expression",
        None,
    ),
    (
        "cannot use column reference in DEFAULT expression",
        None,
        "cannot use column references in default expression",
        None,
    ),
    (
        "cannot drop columns from view",
        None,
        "cannot change number of columns in view",
        None,
    ),
    (
        "invalid input syntax for type (?:integer|bigint|smallint): (.*)",
        "22P02",
        r"invalid input syntax for integer: \1",
        None,
    ),
    (
        "value too long for type (character.*)",
        "22001",
        r"value too long for type \1",
        None,
    ),
    (
        r'relation "((?:pg_catalog\.)?(?:stv|stl|svl|svv|svcs|sys)_\w+)" does not exist',
        "0A000",
        r"the emulator does not have the system view \1; Redshift does",
        None,
    ),
]


def in_redshift_words(
    fields: dict[str, str], statement: Statement | None, absent_functions: Collection[str]
) -> dict[str, str]:
    """Return the fields of PostgreSQL's error as Redshift would send them.

    Args:
        fields: PostgreSQL's error.
        statement: The statement that failed.
        absent_functions: The functions that Redshift has and the emulator lacks.
    """
    if statement and UNPARSABLE in fields["M"]:
        unread = missing("a reader for this statement, though PostgreSQL has")
        return (statement.error or unread).fields()
    if statement and statement.sent.endswith(UNPARSABLE) and fields["M"] == 'syntax error at or near ";"':
        fields["M"] = "syntax error at end of input"
        fields.pop("P")
    absent = re.match(r"function (\w+)\(", fields["M"])
    if fields["C"] == UNDEFINED_FUNCTION and absent and (absent[1] in absent_functions or absent[1].startswith("st_")):
        return missing(f"the function {absent[1]}").fields()
    for pattern, code, text, detail in MESSAGES:
        if found := re.fullmatch(pattern, fields["M"]):
            fields |= {"C": code or fields["C"], "M": found.expand(text)}
            fields |= {"D": detail} if detail else {}
    if role := re.fullmatch(ROLE, fields["M"]):
        fields |= role_error(*role.groups(), statement.text if statement else "", fields.pop("D", ""))
    if fields["C"] == UNDEFINED_FUNCTION:
        fields["M"] = re.sub(r"\bunknown\b", '"unknown"', fields["M"])
    fields = {name: text for name, text in fields.items() if name in FORWARDED_FIELDS}
    if statement and "P" in fields and (position := statement.original_position(int(fields.pop("P")))):
        fields["P"] = str(position)
    return fields


def role_error(name: str, what: str, statement: str, detail: str) -> dict[str, str]:
    """Return what is wrong with a role of PostgreSQL, which is a user, a group or a role (r_DROP_USER.html)."""
    word = re.search(rf'\b(group|role)\s+"?{re.escape(name)}\b', statement, re.I)
    kind = word[1].lower() if word else "user"
    if not what.startswith("cannot"):
        return {"M": f'{kind} "{name}" {what}'}
    why = "owns some object" if "owner of" in detail else "has a privilege on some object"
    return {"C": "55006", "M": f'{kind} "{name}" can\'t be dropped because the {kind} {why}'}
