"""The tables that the page reads, as its queries see them: what the warehouse lacks of them is null, or has no rows."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_COUNTS = {"listen_count": "bigint", "unique_listeners": "bigint"}
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "listening_kpis_daily": {
        "listen_date": "date",
        **_COUNTS,
        "unique_tracks": "bigint",
        "track_diversity_index": "double precision",
        "total_duration_ms": "decimal(38, 0)",
        "built_at": "timestamp",
    },
    "listening_kpis_hourly": {"listen_hour": "timestamp", "listen_date": "date", "listen_count": "bigint"},
    "genre_kpis_daily": {
        "listen_date": "date",
        "track_genre": "varchar(256)",
        **_COUNTS,
        "listen_share": "double precision",
        "average_duration_ms": "double precision",
        "popularity_index": "double precision",
        "most_popular_track_id": "varchar(256)",
        "most_popular_track_name": "varchar(4096)",
        "most_popular_track_listen_count": "bigint",
        "genre_rank": "integer",
        "total_duration_ms": "decimal(38, 0)",
    },
    "top_artists_per_day": {
        "listen_date": "date",
        "artist_rank": "integer",
        "artist_name": "varchar(10000)",
        "listen_count": "bigint",
    },
    "top_artists_per_hour": {
        "listen_hour": "timestamp",
        "artist_rank": "integer",
        "artist_name": "varchar(10000)",
        "listen_count": "bigint",
    },
    "top_tracks_per_genre_daily": {
        "listen_date": "date",
        "track_genre": "varchar(256)",
        "track_rank": "integer",
        "track_name": "varchar(4096)",
        "listen_count": "bigint",
    },
    "stream_batches": {
        "loaded_at": "timestamp",
        "listen_count": "bigint",
        "duplicate_count": "bigint",
        "reject_count": "bigint",
        "refused_line_count": "bigint",
    },
    "rejected_streams": {"loaded_at": "timestamp", "reject_reason": "varchar(64)"},
}
"""What the page's queries read of the tables that it can do without, with Redshift's types. Nothing is built without
fct_listens and dim_songs."""


@dataclass(frozen=True)
class Section:
    """A part of the page that one table fills, and that is left out without some of its columns.

    Attributes:
        name: Of the list in :class:`~kpi_pipeline.kpi_page.data.PageData` that it shows.
        table: The table.
        needs: The columns without which it shows nothing.
        text: What the page calls it.
    """

    name: str
    table: str
    needs: Sequence[str]
    text: str


SECTIONS = (
    Section("days", "listening_kpis_daily", ("listen_date",), "the days are left out"),
    Section("hours", "listening_kpis_hourly", tuple(COLUMNS["listening_kpis_hourly"]), "the hours are left out"),
    Section(
        *("genres", "genre_kpis_daily"),
        ("listen_date", "track_genre", "listen_count", "listen_share"),
        "genres and their tracks are left out",
    ),
    Section("artists", "top_artists_per_day", tuple(COLUMNS["top_artists_per_day"]), "the top artists are left out"),
    Section(
        *("hour_artists", "top_artists_per_hour"),
        tuple(COLUMNS["top_artists_per_hour"]),
        "the artists of the hours are left out",
    ),
    Section(
        *("genre_tracks", "top_tracks_per_genre_daily"),
        tuple(COLUMNS["top_tracks_per_genre_daily"]),
        "the three tracks of each genre are left out",
    ),
    Section("batches", "stream_batches", ("loaded_at",), "where the lines went is left empty"),
    Section("rejects", "rejected_streams", tuple(COLUMNS["rejected_streams"]), "the rejected rows are left out"),
)


@dataclass(frozen=True)
class Lacking:
    """What there is not of the tables that the page reads.

    Attributes:
        tables: The tables.
        columns: Of the others, the columns.
    """

    tables: Collection[str] = ()
    columns: Mapping[str, Sequence[str]] | None = None

    def of(self, table: str) -> Sequence[str]:
        """Return the columns that a table lacks; all of them where there is no table."""
        return list(COLUMNS[table]) if table in self.tables else (self.columns or {}).get(table, ())

    def leaves_out(self, name: str) -> bool:
        """Whether a section shows nothing."""
        return any(section.name == name and set(section.needs) & set(self.of(section.table)) for section in SECTIONS)

    def sentences(self) -> list[str]:
        """Return a sentence for each table that is not all there."""
        said = []
        for section in SECTIONS:
            lacks = self.of(section.table)
            gap = section.text if self.leaves_out(section.name) else "what shows it is left empty"
            if section.table in self.tables:
                said.append(f"There is no model {section.table}: {section.text}.")
            elif lacks:
                word = "column" if len(lacks) == 1 else "columns"
                said.append(f"{section.table} has no {word} {', '.join(lacks)}: {gap}.")
        return said


def lacking(found: Mapping[str, Collection[str]], manifest: Path) -> Lacking:
    """Return what there is not.

    A table whose model the project no longer has stays in the warehouse, and its last rows with it: it counts as none.
    Where there is no table at all nothing has been built, and the warehouse's own error says so.

    Args:
        found: The columns of the tables that the warehouse has.
        manifest: The dbt manifest.
    """
    if not found:
        return Lacking()
    models = _models(manifest)
    tables = [name for name in COLUMNS if name not in found or name not in models]
    there = {name: columns for name, columns in COLUMNS.items() if name not in tables}
    missing = {name: [column for column in columns if column not in found[name]] for name, columns in there.items()}
    return Lacking(tables, {name: columns for name, columns in missing.items() if columns})


def relation(schema: str, table: str, lacks: Lacking) -> str:
    """Return what a query reads a table from: with its columns that are not there as nulls, without rows if it is none.

    Args:
        schema: The schema of the tables.
        table: The table.
        lacks: What there is not.
    """
    nulls = ", ".join(f"cast(null as {COLUMNS[table][name]}) as {name}" for name in lacks.of(table))
    if table in lacks.tables:
        return f"(select {nulls} from (select 1 as one) as nothing where one = 0) as {table}"
    return f"(select *, {nulls} from {schema}.{table}) as {table}" if nulls else f"{schema}.{table}"


def _models(manifest: Path) -> set[str]:
    nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"].values()
    return {node["name"] for node in nodes if node["resource_type"] == "model"}
