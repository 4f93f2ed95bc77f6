"""What SHOW tells of another database: PostgreSQL's sessions see their own alone, so it is brought from there."""

from __future__ import annotations

import json
import re

from ..names import literal
from ..postgres.connection import Connection

ELSEWHERE = re.compile(
    r"pg_redshift\.elsewhere\((?:(?P<place>\$\d+)::varchar|(?P<name>'(?:[^'\\]|\\.|'')*')), null::(?P<view>[\w.]+)\)"
)


def bring(connection: Connection, sql: str, values: list[bytes | None]) -> None:
    """Bring the rows that a SHOW reads from another database, for pg_redshift.elsewhere to read.

    Args:
        connection: The client's session, between two statements.
        sql: A statement as PostgreSQL gets it.
        values: Its parameters.

    Raises:
        RedshiftError: The user may not connect to the other database.
    """
    found = ELSEWHERE.search(sql)
    if not found or connection.has_failed:
        return
    given = values[int(found["place"][1:]) - 1] if found["place"] else None
    name = literal((given or b"").decode()) if found["place"] else found["name"]
    others = f"select datname from pg_database where datname = {name} and datname <> current_database()"
    for database in connection.names(others):
        other = connection.of_database(database)
        ((rows,),) = other.query(f"select pg_postgres.json_agg(found) from {found['view']} found")
        other.close()
        brought = json.dumps({"database": database, "view": found["view"], "rows": json.loads(rows or "[]")})
        connection.query(f"select set_config('redshift.elsewhere', {literal(brought)}, false)")
