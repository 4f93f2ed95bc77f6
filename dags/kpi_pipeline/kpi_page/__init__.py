"""The KPI page: the KPI tables as one self-contained HTML page, with a table behind each chart and no script."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, TemplateError
from markupsafe import Markup

from kpi_pipeline.alerts import one_sentence
from kpi_pipeline.kpi_page import data, figures, formats
from kpi_pipeline.kpi_page.changes import comparison, headlines, sentences
from kpi_pipeline.kpi_page.notices import make_notices
from kpi_pipeline.kpi_page.tables import make_tables
from kpi_pipeline.landing.errors import STORAGE_ERRORS, LandingError, explain_storage
from kpi_pipeline.settings import Settings

KEY = "kpis/index.html"
"""Where the page lies in the artifact bucket."""

DOCS = "../docs/index.html"
"""Where the dbt docs lie, seen from there."""


def render(shown: data.PageData) -> str:
    """Return the page as HTML.

    Args:
        shown: What it shows.
    """
    # Names of tracks, artists and genres come from outside: whatever is not Markup is escaped.
    environment = Environment(
        loader=PackageLoader(__name__, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=formats.number, day=formats.day, moment=formats.moment)
    last = shown.on(shown.last_day)
    headlined = headlines(shown)
    return environment.get_template("page.html.j2").render(
        data=shown,
        days_back=data.DAYS,
        baseline=figures.baseline_in_words(shown),
        shown_days=figures.shown_days(shown),
        headlines=headlined,
        sentences=sentences(shown, headlined),
        comparison=comparison(shown, headlined),
        docs=DOCS,
        provisional_days=data.PROVISIONAL_DAYS,
        notices=make_notices(shown),
        measures=figures.MEASURES,
        charts=figures.charts(shown),
        tables=make_tables(shown),
        last_landed=shown.batches["last_loaded_at"],
        built_at=last["built_at"] if last else None,
        nothing=formats.NOTHING,
        stylesheet=Markup(environment.get_template("page.css").render()),
    )


def publish(connection: Any, s3: Any, settings: Settings) -> str:
    """Make the page and put it into the artifact bucket.

    Args:
        connection: A DB-API connection to the warehouse.
        s3: A boto3 client.
        settings: The pipeline's settings.

    Returns:
        The page's URL.

    Raises:
        LandingError: A template or a chart is broken, or S3 refuses the page, for a reason that somebody has to mend.
        TransientLandingError: S3 did not take it, and may at the next try.
    """
    url = f"s3://{settings.artifact_bucket}/{KEY}"
    shown = data.read(connection, settings, datetime.now(UTC).replace(tzinfo=None))
    try:
        page = render(shown)
    except (ValueError, TemplateError) as error:
        raise LandingError(f"The KPI page can't be made: {one_sentence(error)}. Mend it in {__name__}.") from error
    try:
        s3.put_object(
            Bucket=settings.artifact_bucket,
            Key=KEY,
            Body=page.encode(),
            ContentType="text/html; charset=utf-8",
            CacheControl="no-cache",
        )
    except STORAGE_ERRORS as error:
        raise explain_storage(error, url) from None
    return url
