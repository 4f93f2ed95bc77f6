"""The models' SQL on a columnar engine, beside a query written for it: `python -m benchmarks.columnar [--small]`.

dbt compiles the models as for a full refresh, sqlglot turns the SQL from Redshift's into DuckDB's, and DuckDB builds
them one after the other from the landing tables to the KPIs, as tables and views as they are configured. The same
KPIs by hand are below. Both start from the same raw text, run in turns with the same limit of memory, and must give the
same values. DuckDB is columnar, as Redshift is and the emulator's PostgreSQL is not; it is one node and knows neither
distribution nor sort keys.
"""

import argparse
import resource
import time
from tempfile import TemporaryDirectory

import duckdb
import sqlglot
from sqlglot import exp

from benchmarks.data import make_reference, streams_of
from benchmarks.figure import Figure, emit
from benchmarks.pipelines import Pipeline, check, own_stack

DAYS = 30
GOAL, LINEAR = 3.0, 1.5
MEMORY_GIB = 2
LOADED_AT = "2026-01-01 00:00:00.000000"
KPIS = {
    "listening_kpis_daily": "listen_date, listen_count, unique_listeners, unique_tracks, track_diversity_index,"
    " total_duration_ms",
    "listening_kpis_hourly": "listen_hour, listen_count, unique_listeners, unique_tracks, track_diversity_index,"
    " total_duration_ms",
    "genre_kpis_daily": "listen_date, track_genre, listen_count, listen_share, unique_listeners, average_duration_ms,"
    " popularity_index, most_popular_track_id, most_popular_track_name, most_popular_track_listen_count,"
    " genre_rank, total_duration_ms",
    "top_tracks_per_genre_daily": "listen_date, track_genre, track_rank, track_id, track_name, listen_count",
    "top_artists_per_day": "listen_date, artist_rank, artist_name, listen_count",
    "top_artists_per_hour": "listen_hour, artist_rank, artist_name, listen_count",
}
LANDING = f"""
create schema landing;
create schema analytics;
create table landing.streams as select *, timestamp '{LOADED_AT}' as loaded_at from ({{streams}});
create table landing.songs as select columns(*)::varchar, timestamp '{LOADED_AT}' as loaded_at from songs;
"""
BY_HAND = """
create table songs_by_hand as
select track_id, track_name, popularity, duration_ms, coalesce(track_genre, 'unknown') as track_genre,
    list_distinct(
        list_filter(list_transform(string_split(artists, ';'), lambda name: trim(name)), lambda name: name <> '')
    ) as artists
from (
    select trim(track_id) as track_id, nullif(trim(track_name), '') as track_name, nullif(trim(artists), '') as artists,
        nullif(trim(track_genre), '') as track_genre,
        case when try_cast(popularity as int) between 0 and 100 then try_cast(popularity as int) end as popularity,
        case when try_cast(duration_ms as bigint) > 0 then try_cast(duration_ms as bigint) end as duration_ms
    from landing.songs
    where trim(track_id) <> ''
    qualify row_number() over (partition by trim(track_id) order by try_cast(id as hugeint) nulls last) = 1
);
create table listens_by_hand as
select distinct user_id, track_id, listen_time, listen_time::date as listen_date
from (
    select trim(user_id) as user_id, trim(track_id) as track_id, try_cast(listen_time as timestamp) as listen_time
    from landing.streams
)
where user_id <> '' and track_id <> '' and listen_time between '2000-01-01' and timestamp 'LOADED_AT' + interval 1 day;
create table tracks_by_hand as
select listen_date, track_id, count(*) as listen_count from listens_by_hand group by all;
create table kpi_listening_kpis_daily as
select listen_date, count(*) as listen_count, count(distinct user_id) as unique_listeners,
    count(distinct track_id) as unique_tracks, count(distinct track_id) / count(*) as track_diversity_index,
    sum(duration_ms) as total_duration_ms
from listens_by_hand left join songs_by_hand using (track_id) group by all;
create table kpi_listening_kpis_hourly as
select date_trunc('hour', listen_time) as listen_hour, count(*) as listen_count,
    count(distinct user_id) as unique_listeners, count(distinct track_id) as unique_tracks,
    count(distinct track_id) / count(*) as track_diversity_index, sum(duration_ms) as total_duration_ms
from listens_by_hand left join songs_by_hand using (track_id) group by all;
create table kpi_genre_kpis_daily as
with tracks as (
    select tracks_by_hand.*, track_name, popularity, duration_ms, coalesce(track_genre, 'unknown') as track_genre
    from tracks_by_hand left join songs_by_hand using (track_id)
),
genres as (
    select listen_date, track_genre, sum(listen_count)::bigint as listen_count,
        sum(duration_ms * listen_count) / sum(listen_count) filter (duration_ms is not null) as average_duration_ms,
        sum(popularity * listen_count) / sum(listen_count) filter (popularity is not null) as popularity_index,
        sum(duration_ms * listen_count) as total_duration_ms
    from tracks group by all
),
listeners as (
    select listen_date, coalesce(track_genre, 'unknown') as track_genre, count(distinct user_id) as unique_listeners
    from listens_by_hand left join songs_by_hand using (track_id) group by all
),
best as (
    select * from tracks
    qualify row_number() over (
        partition by listen_date, track_genre order by listen_count desc, popularity desc nulls last, track_id) = 1
)
select listen_date, track_genre, genres.listen_count,
    genres.listen_count / sum(genres.listen_count) over (partition by listen_date) as listen_share, unique_listeners,
    average_duration_ms, popularity_index, track_id as most_popular_track_id, track_name as most_popular_track_name,
    best.listen_count as most_popular_track_listen_count,
    row_number() over (partition by listen_date order by genres.listen_count desc, track_genre) as genre_rank,
    total_duration_ms
from genres join listeners using (listen_date, track_genre) join best using (listen_date, track_genre);
create table kpi_top_tracks_per_genre_daily as
select listen_date, coalesce(track_genre, 'unknown') as track_genre, row_number() over (
        partition by listen_date, coalesce(track_genre, 'unknown')
        order by listen_count desc, popularity desc nulls last, track_id) as track_rank,
    track_id, track_name, listen_count
from tracks_by_hand left join songs_by_hand using (track_id)
qualify track_rank <= 3;
create table kpi_top_artists_per_day as
with artists as (
    select listen_date, unnest(artists) as artist_name, listen_count
    from tracks_by_hand join songs_by_hand using (track_id)
)
select listen_date,
    row_number() over (partition by listen_date order by sum(listen_count) desc, artist_name) as artist_rank,
    artist_name, sum(listen_count)::bigint as listen_count
from artists group by listen_date, artist_name
qualify artist_rank <= 10;
create table kpi_top_artists_per_hour as
with tracks as (
    select date_trunc('hour', listen_time) as listen_hour, track_id, count(*) as listen_count
    from listens_by_hand group by all
),
artists as (
    select listen_hour, unnest(artists) as artist_name, listen_count from tracks join songs_by_hand using (track_id)
)
select listen_hour,
    row_number() over (partition by listen_hour order by sum(listen_count) desc, artist_name) as artist_rank,
    artist_name, sum(listen_count)::bigint as listen_count
from artists group by listen_hour, artist_name
qualify artist_rank <= 10;
""".replace("LOADED_AT", LOADED_AT)


def compiled_models() -> list[tuple[str, str, str]]:
    """The models that the KPIs are made of, in the order to build them: name, view or table, DuckDB's SQL."""
    with own_stack() as stack:
        pipeline = Pipeline.of(stack)
        pipeline.prepare()
        pipeline.query("create schema analytics")
        # The plan whose batches stand in the SQL as literals
        pipeline.query(
            "create table analytics.int_batches_due as select cast('fct_listens' as varchar(128)) as model_name,"
            f" cast('{LOADED_AT}' as timestamp) as loaded_at, cast(1 as bigint) as batch_number, true as is_taken"
        )
        result = pipeline.dbt(
            *("compile", "--full-refresh", "--select", *(f"+{name}" for name in KPIS)),
            *("--exclude", "resource_type:test", "resource_type:unit_test"),
        )
    check(result)
    models = {outcome.node.name: outcome.node for outcome in result.result.results}
    in_order: dict[str, str] = {}

    def add(name: str) -> None:
        tree = in_duckdb(models[name].compiled_code)
        for table in tree.find_all(exp.Table):
            if table.name in models and table.name not in in_order:
                add(table.name)
        in_order[name] = tree.sql("duckdb")

    for name in KPIS:
        add(name)
    is_view = {name: models[name].config.materialized == "view" for name in in_order}
    return [(name, "view" if is_view[name] else "table", sql) for name, sql in in_order.items()]


def in_duckdb(sql: str) -> exp.Expression:
    """A compiled model, without the name of the database in those of its tables."""
    tree = sqlglot.parse_one(sql, read="redshift")
    for table in tree.find_all(exp.Table):
        table.set("catalog", None)
    return tree


def run(statements: list[str], connection: duckdb.DuckDBPyConnection) -> float:
    """Seconds that the statements take, in one transaction: the disk is waited for once."""
    began = time.perf_counter()
    for statement in ("begin", *statements, "commit"):
        connection.execute(statement)
    return time.perf_counter() - began


def differences(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The KPI tables that differ; doubles by more than rounding."""
    wrong = []
    for name, columns in KPIS.items():
        rounded = ", ".join(
            f"round({column}, 6)" if column.endswith(("share", "index", "_ms")) else column
            for column in columns.split(", ")
        )
        ours, by_hand = f"select {rounded} from analytics.{name}", f"select {rounded} from kpi_{name}"
        counts = [
            connection.execute(f"select count(*) from ({one} except all {other})").fetchone()[0]
            for one, other in ((ours, by_hand), (by_hand, ours))
        ]
        if any(counts):
            wrong.append(f"{name}: {counts[0]} rows of the models and {counts[1]} by hand have no match")
    return wrong


def measure(rows: int, models: list[tuple[str, str, str]]) -> tuple[float, float]:
    """Seconds of the models and of the query by hand, the better of two each."""
    best = [1e9, 1e9]
    for _ in range(2):
        with TemporaryDirectory(prefix="kpi-bench-") as scratch, duckdb.connect(f"{scratch}/duckdb") as connection:
            connection.execute(f"set memory_limit = '{MEMORY_GIB}GiB'; set temp_directory = '{scratch}/spill'")
            make_reference(connection)
            connection.execute(LANDING.format(streams=streams_of(0, DAYS, rows // DAYS)))
            statements = [f"create {kind} analytics.{name} as {sql}" for name, kind, sql in models]
            best = [min(best[0], run(statements, connection)), min(best[1], run([BY_HAND], connection))]
            if wrong := differences(connection):
                raise SystemExit("the values differ: " + "; ".join(wrong))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{rows} streams: models {best[0]:.2f} s, by hand {best[1]:.2f} s; peak of memory so far {memory:.2f} GiB")
    return best[0], best[1]


def main() -> None:
    """Compile, build at each size, compare, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="0.1 M and 1 M streams, for a quick try")
    parser.add_argument("--millions", type=float, nargs="+", default=[1, 10, 30])
    arguments = parser.parse_args()
    sizes = [int(size * 1e6) for size in ([0.1, 1] if arguments.small else arguments.millions)]
    models = compiled_models()
    found = {rows: measure(rows, models) for rows in sizes}
    first, last = sizes[0], sizes[-1]
    ours, by_hand = found[last]
    emit(
        Figure(
            f"the models' SQL on DuckDB, {last / 1e6:g} M streams, beside a query by hand",
            ours,
            "s",
            baseline=by_hand,
            ratio=ours / by_hand,
            goal=f"{GOAL:g} x or less",
            met=ours / by_hand <= GOAL,
        )
    )
    growth = (ours / last) / (found[first][0] / first)
    emit(
        Figure(
            f"the same, a stream at {last / 1e6:g} M beside one at {first / 1e6:g} M",
            ours / last * 1e6,
            "µs",
            baseline=found[first][0] / first * 1e6,
            ratio=growth,
            goal=f"near linear: {LINEAR:g} x or less",
            met=growth <= LINEAR,
        )
    )
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    emit(
        Figure(
            f"the same, peak memory with DuckDB's limit at {MEMORY_GIB} GiB",
            memory,
            "GiB",
            baseline=None,
            ratio=None,
            goal=f"bounded: {MEMORY_GIB + 1} GiB or less",
            met=memory <= MEMORY_GIB + 1,
        )
    )


if __name__ == "__main__":
    main()
