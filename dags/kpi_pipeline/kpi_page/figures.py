"""The charts and tables of the page, each chart with the rows of the table behind it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from textwrap import wrap
from typing import Any

from markupsafe import Markup

from kpi_pipeline.kpi_page.charts import draw
from kpi_pipeline.kpi_page.data import DAYS, PageData, Row
from kpi_pipeline.kpi_page.formats import day, isolated, moved, moved_in_words, number, percent, visible, weekday

_GENRES_DRAWN = 12
_FEWEST_DAYS = 7
# Characters of a reason that fit a line beside its bar.
_REASON_WIDTH = 18


@dataclass(frozen=True)
class Measure:
    """A number of each day.

    Attributes:
        column: The column of ``listening_kpis_daily``.
        name: What it is called.
        decimals: How many are written.
        factor: What the exact value is multiplied with to be read by people.
    """

    column: str
    name: str
    decimals: int = 0
    factor: float = 1

    def read(self, row: Row | None) -> float | None:
        """Return the value of a day as people read it; None where there is none."""
        value = row[self.column] if row else None
        return None if value is None else value if self.factor == 1 else float(value) * self.factor


MEASURES = (
    Measure("listen_count", "Listens"),
    Measure("unique_listeners", "Listeners"),
    Measure("total_duration_ms", "Hours of listening", factor=1 / 3_600_000),
    Measure("track_diversity_index", "Different tracks per 100 plays", 1, 100),
)


def charts(data: PageData) -> dict[str, Markup]:
    """Draw the page's charts.

    Args:
        data: What the page shows.

    Returns:
        Each chart by its name on the page; those without a row are left out.
    """
    drawn = {}
    if data.last_day is not None:
        drawn = {measure.column: _daily(data, measure) for measure in MEASURES if has_values(data, measure)}
        if not data.lacks.leaves_out("hours"):
            drawn["hours"] = _hours(data)
    if data.genres:
        drawn["genres"] = _genres(data)
    if data.artists:
        drawn["artists"] = _artists(data)
    if data.rejects:
        drawn["rejects"] = _rejects(data)
    return drawn


def has_values(data: PageData, measure: Measure) -> bool:
    """Tell whether any day has the measure: days that an earlier version has built may lack it."""
    return any(measure.read(row) is not None for row in data.days)


def baseline_in_words(data: PageData) -> str:
    """Return 'the Thursday before', 'the 3 Thursdays before' or 'the 5 days before'; empty where there is none."""
    if not data.baseline or data.last_day is None:
        return ""
    count = len(data.baseline)
    if all(found.weekday() == data.last_day.weekday() for found in data.baseline):
        name = weekday(data.last_day, plural=count > 1)
    else:
        name = "days" if count > 1 else "day"
    return f"the {f'{count} ' if count > 1 else ''}{name} before"


def shown_days(data: PageData) -> list[date]:
    """Return the days of the axis, those without listens too: from the first that has any, but at least a week."""
    last_day = data.last_day
    if last_day is None:
        return []
    first = min(data.days[0]["listen_date"], last_day - timedelta(days=_FEWEST_DAYS - 1))
    return [first + timedelta(days=number) for number in range((last_day - first).days + 1)]


def hours_of_day(data: PageData) -> list[dict[str, Any]]:
    """Return all 24 hours: without listens an hour has 0, and no mean where there is no day before."""
    found = {int(row["hour_of_day"]): row for row in data.hours}
    has_days_before = bool(data.baseline)
    return [
        {
            "hour": hour,
            "listen_count": int(found[hour]["listen_count"]) if hour in found else 0,
            "mean_before": (found[hour]["mean_before"] if hour in found else 0.0) if has_days_before else None,
        }
        for hour in range(24)
    ]


def _daily(data: PageData, measure: Measure) -> Markup:
    rows = []
    for shown in shown_days(data):
        value = measure.read(data.on(shown))
        is_provisional = data.is_provisional(shown)
        rows.append(
            {
                "day": str(shown),
                "value": value,
                "label": f"{day(shown)}: {number(value, measure.decimals)}{', provisional' if is_provisional else ''}",
                "is_last": shown == data.last_day,
                "is_provisional": is_provisional,
            }
        )
    values = [row["value"] for row in rows if row["value"] is not None]
    lowest, highest, last = (number(value, measure.decimals) for value in (min(values), max(values), values[-1]))
    over = f"a day over {len(rows)} days, from {lowest} to {highest}; the last is {last}."
    summary = f"Line chart of {measure.name.lower()} {over}"
    return draw("daily", rows, summary)


def _hours(data: PageData) -> Markup:
    rows = [
        {
            "hour": row["hour"],
            "value": row["listen_count"],
            "mean": row["mean_before"],
            "label": f"{row['hour']:02}:00 to {row['hour']:02}:59: {number(row['listen_count'])} listens",
            "mean_label": f"{row['hour']:02}:00 to {row['hour']:02}:59: "
            f"{number(row['mean_before'], 1)} listens on the mean of {baseline_in_words(data)}",
        }
        for row in hours_of_day(data)
    ]
    most = max(rows, key=lambda row: row["value"])
    summary = (
        f"Bar chart of listens by hour of the day; the most, {number(most['value'])}, at {most['hour']:02}:00 UTC."
    )
    return draw("hours", rows, summary)


def _genres(data: PageData) -> Markup:
    rows = [
        {
            "name": isolated(row["track_genre"]),
            "share": row["listen_share"],
            "popularity": row["popularity_index"],
            "share_text": percent(row["listen_share"]),
            "popularity_text": number(row["popularity_index"], 1),
            "share_label": f"{visible(row['track_genre'])}: {percent(row['listen_share'])} of listens",
            "popularity_label": f"{visible(row['track_genre'])}: popularity {number(row['popularity_index'], 1)}",
        }
        for row in data.genres[:_GENRES_DRAWN]
    ]
    first = data.genres[0]
    summary = (
        f"Bar chart of the {len(rows)} most listened genres by share of listens, with the mean popularity of what was "
        f"played; first is {visible(first['track_genre'])} with {percent(first['listen_share'])}."
    )
    return draw("genres", rows, summary)


def _artists(data: PageData) -> Markup:
    rows = []
    for row in data.artists:
        change = moved(row["artist_rank"], row["rank_before"])
        rows.append(
            {
                "name": f"{row['artist_rank']}\u2002{isolated(row['artist_name'])}",
                "value": row["listen_count"],
                "text": f"{number(row['listen_count'])}\u2002{change}",
                "label": f"{visible(row['artist_name'])}: {number(row['listen_count'])} listens, "
                f"{moved_in_words(row['artist_rank'], row['rank_before'])}",
            }
        )
    first = data.artists[0]
    summary = (
        f"Bar chart of the {len(rows)} artists with most listens and how they moved; first is "
        f"{visible(first['artist_name'])} with {number(first['listen_count'])}."
    )
    return draw("ranking", rows, summary)


def _rejects(data: PageData) -> Markup:
    rows = [
        {
            "name": "\n".join(wrap(row["reject_reason"], _REASON_WIDTH)),
            "value": row["reject_count"],
            "text": number(row["reject_count"]),
            "label": f"{row['reject_reason']}: {number(row['reject_count'])} rows",
        }
        for row in data.rejects
    ]
    most = data.rejects[0]
    summary = (
        f"Bar chart of rows rejected in the last {DAYS} days by reason; the most, {number(most['reject_count'])}, "
        f"for {most['reject_reason']}."
    )
    return draw("ranking", rows, summary)
