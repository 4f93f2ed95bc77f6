"""The KPI page in a real browser: what is drawn, on which screens, in which light, and who can read it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from kpi_pipeline import kpi_page
from kpi_pipeline.kpi_page.formats import visible

from tests.pages.conftest import GAP, LAST_DAY, NAMES, NOW
from tests.pages.contents import NOTHING, READ_TABLES, expected_tables

WIDTHS = {"phone": 360, "tablet": 820, "desktop": 1280}
# A mark of the drawing that is shown, below the group that the chart's file names.
MARKS = (
    "([table, layer]) => document.querySelectorAll(`figure:has(#${table}) .chart.narrow .${layer}_marks > *`).length"
)


@pytest.fixture(scope="module")
def pages(month, one_day, empty):
    # Of a hundred genres axe would say a hundred times the same.
    data = month.data()
    short = replace(data, genres=data.genres[:14], days=data.days[-14:])
    return {"month": month.html(), "one_day": one_day.html(), "empty": empty.html(), "short": kpi_page.render(short)}


def test_tables_in_the_browser_are_those_of_the_warehouse(opened, month, pages):
    found = opened(pages["month"]).evaluate(READ_TABLES)
    expected = expected_tables(month.query, month.landing, month.marts, LAST_DAY, NOW - timedelta(days=28))
    assert found == {name: [[visible(cell) for cell in row] for row in rows] for name, rows in expected.items()}


def test_each_row_of_a_table_is_drawn(opened, pages):
    page = opened(pages["month"])
    tables = page.evaluate(READ_TABLES)

    def marks(table: str, layer: str) -> int:
        return page.evaluate(MARKS, [table, layer])

    for measure in ("listen_count", "unique_listeners", "total_duration_ms", "track_diversity_index"):
        drawn = [row for row in tables[measure] if row[1] != NOTHING]
        assert len(drawn) == 28 - len(GAP)
        assert marks(measure, "days") == len(drawn)
        trend = page.locator(f"figure:has(#{measure}) .chart.narrow .trend_marks path").get_attribute("d")
        assert trend.count("M") == 2, "the gap must not be bridged"
    assert marks("hours", "hours") == marks("hours", "means") == 24
    assert marks("genres", "shares") == marks("genres", "popularities") == 12
    assert marks("artists", "bars") == len(tables["artists"]) == 10
    assert marks("rejects", "bars") == len(tables["rejects"]) == 3


def test_a_bar_is_as_long_as_its_number(opened, pages):
    page = opened(pages["month"])
    listens = [int(row[2]) for row in page.evaluate(READ_TABLES)["artists"]]
    widths = page.evaluate(
        "() => [...document.querySelectorAll('figure:has(#artists) .chart.wide .bars_marks > path')]"
        ".map(bar => bar.getBBox().width)"
    )
    for width, listen_count in zip(widths, listens, strict=True):
        assert width / widths[0] == pytest.approx(listen_count / listens[0], abs=0.01)


def test_names_stay_text(opened, pages):
    page = opened(pages["month"])
    assert page.title() == "Streaming KPIs, Thu 27 June 2024"
    assert page.evaluate("document.querySelectorAll('script, img').length") == 0
    shown = page.locator("#artists bdi").all_text_contents()
    assert shown == [visible(name) for name in NAMES[:10]]
    hints = page.locator("figure:has(#artists) .chart.narrow .bars_marks title").all_text_contents()
    assert [hint.rsplit(": ", 1)[0] for hint in hints] == shown
    assert hints[0].endswith(" listens, in the same place as the day before")


@pytest.mark.parametrize("name", ["month", "one_day", "empty"])
def test_no_screen_has_to_be_scrolled_sideways(opened, pages, screenshots, name):
    page = opened(pages[name])
    for screen, width in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": 800})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=screenshots / f"kpi_page-{name}-{screen}-{scheme}.png", full_page=True)
        for _ in range(2):
            assert page.evaluate("document.documentElement.scrollWidth") == width
            page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
        page.evaluate("document.querySelectorAll('details').forEach(details => details.open = false)")


@pytest.mark.parametrize(
    "media, scheme, width",
    [("screen", "light", 1280), ("screen", "dark", 360), ("print", "light", 700)],
    ids=["light", "dark on a phone", "print"],
)
def test_nothing_keeps_people_from_reading_it(opened, pages, media, scheme, width):
    """axe-core finds nothing, contrast included, with every table open."""
    page = opened(pages["short"])
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(media=media, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    results = Axe().run(page, options={"resultTypes": ["violations"], "preload": False})
    assert results.violations_count == 0, results.generate_report()
    assert len(results.response["passes"]) > 20


def test_marks_stand_out_in_both_schemes(opened, pages):
    """WCAG 2.1, 1.4.11: 3 to 1 for what a chart is made of. axe looks at text alone."""
    page = opened(pages["month"])
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        colours = page.evaluate(
            """() => ['bars', 'means', 'popularities'].map(name => {
                const mark = document.querySelector(`.chart.narrow .${name}_marks > *`);
                return [getComputedStyle(mark).fill, getComputedStyle(mark.closest('.card')).backgroundColor];
            })"""
        )
        for mark, card in colours:
            lighter, darker = sorted((luminance(mark), luminance(card)), reverse=True)
            assert (lighter + 0.05) / (darker + 0.05) >= 3, (scheme, mark, card)


def luminance(colour: str) -> float:
    """Relative luminance of an rgb(...), by WCAG 2.1."""
    channels = [int(part) / 255 for part in colour[4:-1].split(",")]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_on_paper_the_tables_stand_open(opened, pages):
    page = opened(pages["month"])
    page.emulate_media(media="print", color_scheme="dark")
    heights = page.evaluate("[...document.querySelectorAll('details table')].map(table => table.checkVisibility())")
    assert heights and all(heights)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.pdf(format="A4").startswith(b"%PDF")
