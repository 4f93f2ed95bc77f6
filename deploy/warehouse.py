"""SQL for the warehouse: through the Data API in production, through a driver's connection elsewhere."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from jinja2 import Environment, StrictUndefined

from deploy.errors import DeployError

SQL = Path(__file__).parent / "sql"
PIPELINE, ANALYSTS = "etl", "analyst"
"""The role that owns what the pipeline builds, and the one that reads it."""
Row = tuple[Any, ...]


class Warehouse(Protocol):
    """What the commands need of a warehouse."""

    def query(self, statement: str) -> list[Row]:
        """Run one statement and return its rows."""

    def transaction(self, statements: Sequence[str]) -> None:
        """Run statements in one transaction: all of them, or none."""


class Connection:
    """A warehouse behind a DB-API connection of redshift_connector.

    Args:
        connection: The connection.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def query(self, statement: str) -> list[Row]:
        """Run one statement, commit it and return its rows."""
        try:
            with closing(self._connection.cursor()) as cursor:
                cursor.execute(statement)
                rows = [tuple(row) for row in cursor.fetchall()] if cursor.description else []
            self._connection.commit()
        except BaseException:
            self._connection.rollback()
            raise
        return rows

    def transaction(self, statements: Sequence[str]) -> None:
        """Run statements in one transaction."""
        self._connection.rollback()
        try:
            with closing(self._connection.cursor()) as cursor:
                for statement in statements:
                    cursor.execute(statement)
            self._connection.commit()
        except BaseException:
            self._connection.rollback()
            raise


class DataApi:
    """A Redshift Serverless workgroup, reached without a route to it and without a password.

    Args:
        client: A boto3 client of redshift-data.
        workgroup: The workgroup.
        database: The database.
        secret: The ARN of the administrator's secret; Redshift itself keeps the password there.
        wait: Waits a number of seconds.
        patience: Seconds until a statement is given up.
    """

    def __init__(
        self,
        client: Any,
        *,
        workgroup: str,
        database: str,
        secret: str,
        wait: Callable[[float], None] = time.sleep,
        patience: int = 900,
    ) -> None:
        self._client, self._wait, self._patience = client, wait, patience
        self._where = {"WorkgroupName": workgroup, "Database": database, "SecretArn": secret}

    def query(self, statement: str) -> list[Row]:
        """Run one statement and return its rows.

        Raises:
            DeployError: Redshift refused it, or did not end it in time.
        """
        identifier = self._client.execute_statement(Sql=statement, **self._where)["Id"]
        if not self._finish(identifier).get("HasResultSet"):
            return []
        rows, token = [], {}
        while True:
            page = self._client.get_statement_result(Id=identifier, **token)
            rows += [tuple(_value(field) for field in record) for record in page["Records"]]
            if not page.get("NextToken"):
                return rows
            token = {"NextToken": page["NextToken"]}

    def transaction(self, statements: Sequence[str]) -> None:
        """Run statements in one transaction, as the Data API does a batch.

        Raises:
            DeployError: Redshift refused one of them, so none took effect, or did not end them in time.
        """
        self._finish(self._client.batch_execute_statement(Sqls=list(statements), **self._where)["Id"])

    def _finish(self, identifier: str) -> dict[str, Any]:
        waited = 0.0
        while True:
            answer = self._client.describe_statement(Id=identifier)
            status = answer["Status"]
            if status == "FINISHED":
                return answer
            if status in ("FAILED", "ABORTED"):
                raise DeployError(f"Redshift says: {answer.get('Error') or status}")
            if waited >= self._patience:
                raise DeployError(
                    f"Redshift did not end a statement within {self._patience} seconds (Data API {identifier})."
                )
            self._wait(1.0)
            waited += 1.0


def literal(value: object) -> str:
    """Return a value as an SQL string; a backslash escapes in Redshift's strings."""
    return "'" + str(value).replace("\\", "\\\\").replace("'", "''") + "'"


def identifier(value: str) -> str:
    """Return a name in quotes."""
    return '"' + value.replace('"', '""') + '"'


@dataclass(frozen=True)
class Statement:
    """A statement of a file.

    Attributes:
        text: The SQL.
        once: Whether it fails when it is repeated, harmlessly.
    """

    text: str
    once: bool


def render(name: str, **names: object) -> list[Statement]:
    """Read a file of statements.

    Args:
        name: The file in deploy/sql, without its ending.
        names: What its placeholders stand for; the filters `literal` and `identifier` quote them.
    """
    environment = Environment(undefined=StrictUndefined, autoescape=False)
    environment.filters.update(literal=literal, identifier=identifier)
    # A value may hold anything, a semicolon too: the file is cut into statements before they are filled.
    found = []
    for part in re.split(r";[ \t]*(?:\n|$)", (SQL / f"{name}.sql").read_text(encoding="utf-8")):
        lines = part.splitlines()
        body = "\n".join(line for line in lines if not line.startswith("--")).strip()
        if body:
            found.append(Statement(environment.from_string(body).render(names), "-- once" in lines))
    return found


def bootstrap(
    warehouse: Warehouse,
    *,
    user: str,
    database: str,
    landing: str = "landing",
    marts: str = "analytics",
    pipeline: str = PIPELINE,
    analysts: str = ANALYSTS,
) -> None:
    """Make the roles, the pipeline's user and the schemas, and grant what each may do; again and again if you like.

    Args:
        warehouse: The warehouse, as an administrator.
        user: The database user that the pipeline logs in as; `IAMR:` and the role's name for an IAM role.
        database: The database.
        landing: The landing schema.
        marts: The schema that dbt builds.
        pipeline: The role of the pipeline's user.
        analysts: The role of those who read the marts.

    Raises:
        Exception: Redshift refuses a statement: a :class:`DeployError` from the Data API, the driver's own otherwise.
    """
    names = {"user": user, "database": database, "landing": landing, "marts": marts}
    for statement in render("bootstrap", **names, pipeline=pipeline, analysts=analysts):
        try:
            warehouse.query(statement.text)
        except Exception as error:
            if not (statement.once and "already" in str(error).lower()):
                raise


def revoke_what_is_not_granted(
    warehouse: Warehouse,
    *,
    granted: Collection[str],
    landing: str = "landing",
    marts: str = "analytics",
    analysts: str = ANALYSTS,
) -> list[str]:
    """Take from the analysts' role each relation that the release no longer grants it.

    dbt revokes by itself what it sees. `svv_relation_privileges` shows a user who is no superuser a part of the grants
    only, and dbt does not look at the tables of models that are gone. An administrator sees them all.

    Args:
        warehouse: The warehouse, as an administrator.
        granted: The relations of the marts that the role may read.
        landing: The landing schema, of which it may read nothing.
        marts: The schema that dbt builds.
        analysts: The role.

    Returns:
        What was revoked, as `privilege on schema.relation`.
    """
    schemas = ", ".join(literal(schema) for schema in (landing, marts))
    rows = warehouse.query(
        "select distinct namespace_name, relation_name, privilege_type from svv_relation_privileges"
        f" where identity_name = {literal(analysts)} and identity_type <> 'user' and namespace_name in ({schemas})"
    )
    revoked = []
    for schema, relation, privilege in sorted((str(a), str(b), str(c).lower()) for a, b, c in rows):
        if schema == marts and relation in granted and privilege == "select":
            continue
        name = f"{identifier(schema)}.{identifier(relation)}"
        warehouse.query(f"revoke {privilege} on {name} from role {identifier(analysts)}")
        revoked.append(f"{privilege} on {schema}.{relation}")
    return revoked


def _value(field: dict[str, Any]) -> Any:
    return None if field.get("isNull") else next(iter(field.values()))
