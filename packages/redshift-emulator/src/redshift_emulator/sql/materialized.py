"""Materialized views: a table with the rows of the query, and a view over it (catalogue/materialized.sql)."""

from __future__ import annotations

import re

from ..errors import missing, syntax_error
from ..names import NAME, fold, literal, quoted, regclass
from .query import rewritten
from .statement import Action, Session

CREATE = re.compile(rf"create\s+materialized\s+view\s+({NAME})(.*?)\bas\b(.*)", re.I | re.S)
OPTIONS = re.compile(r"\b(?:backup\s+(?:yes|no)|auto\s+refresh\s+(yes|no))\b", re.I)
DROP = re.compile(rf"drop\s+materialized\s+view\s+(if\s+exists\s+)?({NAME})(?:\s+(cascade|restrict))?", re.I)
REFRESH = re.compile(rf"refresh\s+materialized\s+view\s+({NAME})(?:\s+(?:cascade|restrict))?", re.I)
ALTER = re.compile(rf"alter\s+materialized\s+view\s+({NAME})\s+auto\s+refresh\s+(yes|no)", re.I)
LONGEST_PART = 40  # of the name of the table with the rows: PostgreSQL has 63 bytes for a name


def create(body: str) -> Action:
    """Translate CREATE MATERIALIZED VIEW."""
    found = CREATE.fullmatch(body)
    if not found:
        raise syntax_error()
    name, options, query = found.groups()
    auto_refresh = any((value or "").lower() == "yes" for value in OPTIONS.findall(options))
    attributes = OPTIONS.sub("", options)

    def run(session: Session) -> str:
        schema, _, last = name.rpartition(".")
        last = fold(last.strip().strip('"'))
        rows = f"{schema + '.' if schema else ''}{quoted(f'mv_tbl__{last[:LONGEST_PART]}__0')}"
        with session.postgres.together():
            (number,) = session.postgres.names("select pg_postgres.nextval('pg_redshift.query_id')")
            of_query = f"pg_redshift.query_{number}"
            session.postgres.query(
                f"create view {of_query} as {rewritten(query, session.catalogue, makes_columns=True)}"
            )
            session.postgres.query(
                rewritten(f"create table {rows} {attributes} as select * from {of_query}", session.catalogue)
            )
            session.postgres.query(f"create view {name} as select * from {rows}")
            kept = (regclass(name), regclass(rows), regclass(of_query), literal(f"{body};"), str(auto_refresh))
            session.postgres.query(f"select pg_redshift.keep_materialized({', '.join(kept)})")
        return "CREATE MATERIALIZED VIEW"

    return run


def drop(body: str) -> Action:
    """Translate DROP MATERIALIZED VIEW."""
    found = DROP.fullmatch(body)
    if not found:
        raise syntax_error()
    exists, name, behaviour = found.groups()

    def run(session: Session) -> str:
        with session.postgres.together():
            if not exists or session.catalogue.table_id(name):
                session.postgres.query(f"select pg_redshift.materialized({literal(name)}::regclass)")
            session.postgres.query(f"drop view {exists or ''}{name} {behaviour or ''}")
        return "DROP MATERIALIZED VIEW"

    return run


def refresh(body: str) -> Action:
    """Translate REFRESH MATERIALIZED VIEW, which always reads the whole query."""
    found = REFRESH.fullmatch(body)
    if not found:
        raise syntax_error()

    def run(session: Session) -> str:
        session.postgres.query(
            "select pg_redshift.refresh(view_id, table_id, query_id) from"
            f" pg_redshift.materialized({literal(found[1])}::regclass)"
        )
        return "REFRESH"

    return run


def alter(body: str) -> Action:
    """Translate ALTER MATERIALIZED VIEW ... AUTO REFRESH, which is kept and has no effect."""
    found = ALTER.fullmatch(body)
    if not found:
        raise missing("ALTER MATERIALIZED VIEW other than AUTO REFRESH")

    def run(session: Session) -> str:
        is_on = found[2].lower() == "yes"
        session.postgres.query(
            f"select pg_redshift.set_auto_refresh(view_id, {is_on}) from"
            f" pg_redshift.materialized({literal(found[1])}::regclass)"
        )
        return "ALTER MATERIALIZED VIEW"

    return run
