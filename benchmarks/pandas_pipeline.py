"""The KPIs in pandas, in the plain style of the public pipelines of this brief: one merge, groupby, nunique.

    python pandas_pipeline.py RAW_DIRECTORY OUTPUT_DIRECTORY

It runs in an environment of its own, which has pandas and nothing of this project. It cleans what the models clean
(repeats, rows without a time, a track on several lines of the catalogue), so that the values can be compared, writes a
CSV file for each KPI table, and prints its seconds and the most memory that it held as JSON.
"""

import json
import resource
import sys
import time
from pathlib import Path

import pandas as pd


def read(raw: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Listens and songs."""
    listens = pd.concat([pd.read_csv(file) for file in sorted((raw / "streams").glob("*.csv"))], ignore_index=True)
    listens["listen_time"] = pd.to_datetime(listens["listen_time"], format="%Y-%m-%d %H:%M:%S", errors="coerce")
    listens = listens.dropna().drop_duplicates()
    listens["listen_date"] = listens["listen_time"].dt.normalize()
    listens["listen_hour"] = listens["listen_time"].dt.floor("h")
    songs = pd.read_csv(raw / "songs.csv").sort_values("id").drop_duplicates("track_id")
    return listens, songs[["track_id", "track_name", "artists", "popularity", "duration_ms", "track_genre"]]


def measure_listening(listens: pd.DataFrame, by: str) -> pd.DataFrame:
    """Counts of each day or hour."""
    kpis = listens.groupby(by).agg(
        listen_count=("track_id", "size"),
        unique_listeners=("user_id", "nunique"),
        unique_tracks=("track_id", "nunique"),
    )
    # Null, not 0, where no listen has a length
    kpis["total_duration_ms"] = listens.groupby(by)["duration_ms"].sum(min_count=1)
    kpis["track_diversity_index"] = kpis["unique_tracks"] / kpis["listen_count"]
    return kpis.reset_index()


def measure_genres(merged: pd.DataFrame) -> pd.DataFrame:
    """The genres of each day, with their leading track."""
    by = ["listen_date", "track_genre"]
    kpis = merged.groupby(by).agg(
        listen_count=("track_id", "size"),
        unique_listeners=("user_id", "nunique"),
        average_duration_ms=("duration_ms", "mean"),
        popularity_index=("popularity", "mean"),
    )
    kpis["listen_share"] = kpis["listen_count"] / kpis.groupby("listen_date")["listen_count"].transform("sum")
    tracks = merged.groupby([*by, "track_id"]).agg(
        most_popular_track_name=("track_name", "first"),
        popularity=("popularity", "first"),
        most_popular_track_listen_count=("track_id", "size"),
    )
    tracks = tracks.reset_index().rename(columns={"track_id": "most_popular_track_id"})
    order = ["most_popular_track_listen_count", "popularity", "most_popular_track_id"]
    best = tracks.sort_values(order, ascending=[False, False, True]).drop_duplicates(by)
    kpis["total_duration_ms"] = merged.groupby(by)["duration_ms"].sum(min_count=1)
    kpis = kpis.reset_index().sort_values(["listen_date", "listen_count", "track_genre"], ascending=[True, False, True])
    kpis["genre_rank"] = kpis.groupby("listen_date").cumcount() + 1
    return kpis.merge(best.drop(columns="popularity"), on=by)


def measure_tracks(merged: pd.DataFrame) -> pd.DataFrame:
    """The three tracks of each day and genre that were heard most."""
    by = ["listen_date", "track_genre"]
    tracks = merged.groupby([*by, "track_id"]).agg(
        track_name=("track_name", "first"), popularity=("popularity", "first"), listen_count=("track_id", "size")
    )
    tracks = tracks.reset_index().sort_values(
        [*by, "listen_count", "popularity", "track_id"], ascending=[True, True, False, False, True]
    )
    tracks["track_rank"] = tracks.groupby(by).cumcount() + 1
    return tracks[tracks["track_rank"] <= 3]


def measure_artists(listens: pd.DataFrame, songs: pd.DataFrame, by: str) -> pd.DataFrame:
    """The ten artists of each day or hour that were heard most."""
    artists = songs[["track_id", "artists"]].assign(artist_name=songs["artists"].str.split(";"))
    artists = artists.explode("artist_name")[["track_id", "artist_name"]].drop_duplicates()
    tracks = listens.groupby([by, "track_id"]).size().rename("listen_count").reset_index()
    counts = tracks.merge(artists, on="track_id").groupby([by, "artist_name"])["listen_count"].sum()
    counts = counts.reset_index().sort_values([by, "listen_count", "artist_name"], ascending=[True, False, True])
    counts["artist_rank"] = counts.groupby(by).cumcount() + 1
    return counts[counts["artist_rank"] <= 10]


def main() -> None:
    """Read, merge, measure, write."""
    raw, output = map(Path, sys.argv[1:])
    began = time.perf_counter()
    listens, songs = read(raw)
    merged = listens.merge(songs, on="track_id", how="left")
    merged["track_genre"] = merged["track_genre"].fillna("unknown")
    tables = {
        "listening_kpis_daily": measure_listening(merged, "listen_date"),
        "listening_kpis_hourly": measure_listening(merged, "listen_hour"),
        "genre_kpis_daily": measure_genres(merged),
        "top_tracks_per_genre_daily": measure_tracks(merged),
        "top_artists_per_day": measure_artists(listens, songs, "listen_date"),
        "top_artists_per_hour": measure_artists(listens, songs, "listen_hour"),
    }
    for name, table in tables.items():
        table.to_csv(output / f"{name}.csv", index=False)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(json.dumps({"seconds": time.perf_counter() - began, "bytes": peak}))


if __name__ == "__main__":
    main()
