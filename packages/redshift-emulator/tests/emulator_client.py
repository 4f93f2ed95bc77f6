"""A client for tests: redshift_connector, with errors by their fields."""

from __future__ import annotations

from typing import Any

import redshift_connector

USER, PASSWORD, BUCKET = "admin", "Local-Admin-1", "landing-bucket"


class Refused(Exception):
    """An error of Redshift, by its fields."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(fields)
        self.code, self.text, self.position = fields["C"], fields["M"], fields.get("P")


class Client:
    """A connection that is called with a statement and returns the rows of its answer."""

    def __init__(self, connection: redshift_connector.Connection) -> None:
        self.connection = connection
        self.cursor = connection.cursor()

    def __call__(self, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows.

        Raises:
            Refused: Redshift's error.
        """
        try:
            self.cursor.execute(sql, parameters)
            return [tuple(row) for row in self.cursor.fetchall()] if self.cursor.description else []
        except redshift_connector.ProgrammingError as error:
            raise Refused(error.args[0]) from error

    def value(self, sql: str) -> Any:
        """Return the first value of a statement's answer."""
        return self(sql)[0][0]
