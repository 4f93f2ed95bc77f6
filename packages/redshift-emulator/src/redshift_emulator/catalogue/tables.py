"""What a database knows of its tables."""

from __future__ import annotations

from ..names import regclass
from ..postgres.connection import Connection


class Catalogue:
    """Answers questions about tables, on the connection of one client.

    Args:
        connection: A connection on which no statement is under way.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def columns(self, relation: str) -> list[str]:
        """Return the column names of a table or view, an empty list when there is none of that name."""
        return self.connection.names(
            "select attname from pg_catalog.pg_attribute where attnum > 0 and not attisdropped"
            f" and attrelid = {regclass(relation)}"
        )

    def table_id(self, relation: str) -> str | None:
        """Return PostgreSQL's number of a table."""
        return self.connection.query(f"select {regclass(relation)}::oid")[0][0]

    def sort_key(self, relation: str) -> list[str]:
        """Return the columns of a table's compound sort key, an empty list when it has none."""
        return self.connection.names(
            "select pg_postgres.jsonb_array_elements_text(attributes -> 'sortkey') from pg_redshift.table_attributes"
            f" where attributes ->> 'sort_style' = 'COMPOUND' and table_id = {regclass(relation)}"
        )
