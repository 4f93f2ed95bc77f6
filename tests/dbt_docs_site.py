"""A reader of the dbt docs, in a browser: the overview and all its links, a model's page, the lineage graph."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playwright.sync_api import FrameLocator, Page, expect

OVERVIEW = "Streaming KPIs"
MODEL = "genre_kpis_daily"


def forgive_dbt(page: Page) -> None:
    """Answer the requests for icons that dbt's own page makes by templates which it has not filled in yet."""
    page.route(re.compile("getIcon|favicon"), lambda route: route.fulfill(status=204))


def browse(page: Page, docs: Page | FrameLocator, pictures: Path, name: str) -> None:
    """Read the docs as somebody does who looks for a number, and keep pictures of what is seen.

    Args:
        page: The page, for the pictures.
        docs: The docs: the page itself, or the frame of it that shows them.
        pictures: The directory of the pictures.
        name: How their names begin.
    """
    expect(docs.get_by_role("heading", name=OVERVIEW, exact=True)).to_be_visible()
    page.screenshot(path=pictures / f"{name}-overview.png")
    docs.get_by_role("link", name=MODEL, exact=True).first.click()
    expect(docs.get_by_role("heading", name=MODEL)).to_be_visible()
    expect(docs.get_by_text("It answers: which genres carry the day").first).to_be_visible()
    expect(docs.get_by_text("popularity_index").first).to_be_visible()
    page.screenshot(path=pictures / f"{name}-model.png")
    docs.locator(".launcher-btn").click()
    expect(docs.get_by_role("heading", name="Lineage Graph")).to_be_visible()
    expect(docs.locator("canvas").first).to_be_visible()
    page.wait_for_timeout(500)  # the graph is drawn on a canvas, of which nothing tells when it is done
    page.screenshot(path=pictures / f"{name}-lineage.png")


def follow_links(page: Page, titles: Mapping[str, str]) -> list[str]:
    """Open every page of the docs that the overview leads to, and return their links.

    Args:
        page: The docs.
        titles: What each page is headed with, by its link: `#!/model/model.streaming_kpis.fct_listens`.
    """
    expect(page.get_by_role("heading", name=OVERVIEW, exact=True)).to_be_visible()
    found = page.locator("a[href^='#!/']").evaluate_all("found => found.map(link => link.getAttribute('href'))")
    links = sorted({link for link in found if link != "#!/overview"})
    for link in links:
        page.evaluate("link => { location.hash = link }", link)
        expect(page.locator("h1").first).to_contain_text(titles[link])
    page.evaluate("location.hash = '#!/overview'")
    return links


def titles_of(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the heading of each table's and exposure's page, by the link to it."""
    tables = {node["unique_id"]: node["name"] for node in [*manifest["nodes"].values(), *manifest["sources"].values()]}
    exposures = {name: node["label"] for name, node in manifest["exposures"].items()}
    return {f"#!/{name.partition('.')[0]}/{name}": title for name, title in (tables | exposures).items()}
