"""Redshift's functions, aggregates and system views as SQL, and questions to the catalogue of a database."""

from __future__ import annotations

from pathlib import Path

from ..names import read_list

SCRIPTS = (
    *("functions.sql", "aggregates.sql", "varbyte.sql", "materialized.sql"),
    *("attributes.sql", "keys.sql", "late_binding.sql", "catalogue.sql", "show.sql"),
)
HERE = Path(__file__).parent


def setup_script() -> str:
    """Return the SQL that turns an empty PostgreSQL database into an empty Redshift database."""
    script = ["set allow_system_table_mods = on;", "begin;", "create schema pg_redshift;"]
    for name in ("functions", "types"):
        names = ",".join(read_list(HERE / f"{name}.txt"))
        script.append(f"create table pg_redshift.{name} as select unnest('{{{names}}}'::text[]) as name;")
    return "\n".join([*script, *((HERE / name).read_text() for name in SCRIPTS), "commit;"])
