"""The pages that a run publishes, as files that a browser opens from disk, whether the stack is up or down."""

import sys
from contextlib import closing
from pathlib import Path

import redshift_connector

from local.environment import ARTIFACT_BUCKET
from local.errors import LocalError
from local.query import redshift_words
from local.stack import Stack

KPI_PAGE, DBT_DOCS = "KPI page", "dbt docs"


def make_kpi_page(stack: Stack) -> Path:
    """Make the KPI page anew from what the warehouse holds, as a run's last task does: to see a change of it at once.

    Args:
        stack: A stack that is up.

    Returns:
        The page's file.

    Raises:
        LocalError: There is nothing to make it from, or it can't be made.
    """
    sys.path.insert(0, str(stack.dags))
    from kpi_pipeline import settings
    from kpi_pipeline.kpi_page import publish
    from kpi_pipeline.landing.errors import LandingError, TransientLandingError

    try:
        with closing(stack.connect()) as connection:
            publish(connection, stack.s3_client, settings.load(stack.env()))
    except (LandingError, TransientLandingError) as error:
        raise LocalError(str(error)) from None
    except redshift_connector.Error as error:
        raise LocalError(f"Redshift says: {redshift_words(error)}. Is there a run yet? `make demo` has one.") from None
    return _save(stack, KPI_PAGE, _object(stack, "kpis/index.html"))


def save_pages(stack: Stack) -> dict[str, Path]:
    """Copy the newest KPI page and dbt docs from the artifact bucket to `pages/` below the state directory.

    Args:
        stack: A stack that is up, after a run that succeeded.

    Returns:
        Each page's file by its name.
    """
    pages = {KPI_PAGE: _object(stack, "kpis/index.html"), DBT_DOCS: _object(stack, "docs/index.html")}
    return {name: _save(stack, name, page) for name, page in pages.items()}


def _save(stack: Stack, name: str, page: bytes) -> Path:
    file = stack.state / "pages" / _file_name(name)
    # In the bucket each page has a folder of its own.
    page = page.replace(b'href="../docs/index.html', f'href="{_file_name(DBT_DOCS)}'.encode())
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(page)
    return file


def _file_name(name: str) -> str:
    return f"{name.lower().replace(' ', '_')}.html"


def _object(stack: Stack, key: str) -> bytes:
    return stack.s3_client.get_object(Bucket=ARTIFACT_BUCKET, Key=key)["Body"].read()
