"""The pictures of the README, taken from the running system: Airflow's pages, the dbt docs and the KPI page."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from local.environment import ARTIFACT_BUCKET, REPO
from local.errors import LocalError
from local.runs import DAG_ID
from local.stack import Stack

DIRECTORY = REPO / "docs" / "images"
MOST_BYTES = 200_000
_VIEWPORT = {"width": 1200, "height": 720}
_VIEWPORTS = {"dag-graph": {"width": 1800, "height": 560}, "kpi-page": {"width": 1200, "height": 1300}}
_SECONDS = 60  # a page may need that on a machine that has just started Airflow


def take(stack: Stack, directory: Path = DIRECTORY) -> list[Path]:
    """Take every picture and return their files.

    Args:
        stack: A stack that has Airflow up, and a run that succeeded.
        directory: Where to write them.

    Raises:
        LocalError: there is no Chromium, nothing to see yet, or a picture is too big for a repository.
    """
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise LocalError("Chromium is not installed: `apt-get install chromium`, or your system's way to it.")
    published = {item["Key"] for item in stack.s3_client.list_objects_v2(Bucket=ARTIFACT_BUCKET).get("Contents", [])}
    if "docs/index.html" not in published:
        raise LocalError("There is nothing to see yet: `make demo` runs the pipeline first.")
    pictures: dict[str, Callable[[Page], None]] = {
        "dag-graph": lambda page: _dag_graph(page, stack.ui_address()),
        "dag-grid": lambda page: _dag_grid(page, stack.ui_address()),
        "trigger-form": lambda page: _trigger_form(page, stack.ui_address()),
        "dbt-docs": lambda page: _dbt_docs(page, _address(stack, "docs/index.html")),
        "dbt-lineage": lambda page: _dbt_lineage(page, _address(stack, "docs/index.html")),
    }
    if "kpis/index.html" in published:
        pictures["kpi-page"] = lambda page: page.goto(_address(stack, "kpis/index.html"), wait_until="networkidle")
    directory.mkdir(parents=True, exist_ok=True)
    files = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for name, show in pictures.items():
            page = browser.new_page(viewport=_VIEWPORTS.get(name, _VIEWPORT))
            page.set_default_timeout(_SECONDS * 1000)
            expect.set_options(timeout=_SECONDS * 1000)
            show(page)
            page.wait_for_timeout(1500)  # what moves comes to rest
            files.append(directory / f"{name}.png")
            page.screenshot(path=files[-1])
            page.close()
        browser.close()
    if too_big := [file.name for file in files if file.stat().st_size > MOST_BYTES]:
        raise LocalError(f"{', '.join(too_big)}: more than {MOST_BYTES:,} bytes")
    return files


def _address(stack: Stack, key: str) -> str:
    """A link to an object that needs no credentials for an hour."""
    return stack.s3_client.generate_presigned_url("get_object", {"Bucket": ARTIFACT_BUCKET, "Key": key})


def _dag_graph(page: Page, ui: str) -> None:
    page.goto(f"{ui}/dags/{DAG_ID}")
    page.get_by_role("button", name=re.compile("Show Graph")).click()
    page.get_by_role("button", name="Expand all task groups").click()
    page.get_by_role("button", name="Collapse Details Panel").click()
    expect(page.get_by_text("genre_kpis_daily", exact=False).first).to_be_visible()
    page.add_style_tag(content=".react-flow__minimap { display: none }")  # it lies on the last group
    page.locator(".react-flow__controls-fitview").click()


def _dag_grid(page: Page, ui: str) -> None:
    page.goto(f"{ui}/dags/{DAG_ID}")
    page.get_by_role("button", name="Expand all task groups").click()
    expect(page.get_by_text("figures", exact=True).first).to_be_visible()
    page.get_by_role("button", name="Dag Docs").click()
    expect(page.get_by_text("To rebuild days")).to_be_visible()


def _trigger_form(page: Page, ui: str) -> None:
    page.goto(f"{ui}/dags/{DAG_ID}")
    page.get_by_role("button", name="Trigger").first.click()
    page.get_by_role("button", name=re.compile("^Rebuild")).click()
    expect(page.get_by_text("First day (UTC)")).to_be_visible()


def _dbt_docs(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_role("heading", name="Streaming KPIs", exact=True)).to_be_visible()


def _dbt_lineage(page: Page, address: str) -> None:
    # What the KPIs are made of, and who reads them.
    page.goto(f"{address}#!/overview?g_v=1&g_i=%2Btag:kpi%2B")
    expect(page.get_by_role("heading", name="Lineage Graph")).to_be_visible()
    expect(page.locator("canvas").first).to_be_visible()
