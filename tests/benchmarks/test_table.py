"""The README's table comes from recorded results, and hides neither a failure nor a gap."""

import pytest

from benchmarks import figure, table

RECORDED = {
    "landing": {
        "figures": [
            {"name": "nothing new", "value": 7.456, "unit": "s", "baseline": None, "ratio": None, "goal": "under 10 s",
             "met": True},
            {"name": "COPY", "value": 61.2, "unit": "MB/s", "baseline": 72.0, "ratio": 0.85, "goal": "", "met": None},
        ],
        "error": "",
        "machine": "2 cores, 8 GiB",
        "date": "2026-11-24",
    },
    "backfill": {"figures": [], "error": "exit status 1", "machine": "2 cores, 8 GiB", "date": "2026-11-24"},
}  # fmt: skip
NAMES = {"landing": "S3 is slower.", "backfill": "Slices.", "columnar": ""}


def test_each_figure_is_a_row():
    rows = table.render(NAMES, RECORDED).splitlines()
    assert "| nothing new | 7.46 s |  |  | under 10 s | yes |" in rows
    assert "| COPY | 61.2 MB/s | 72 MB/s | 0.85 x |  |  |" in rows


def test_what_failed_or_was_not_measured_is_named():
    rows = table.render(NAMES, RECORDED).splitlines()
    assert "| `backfill` | failed: exit status 1 |  |  |  |  |" in rows
    assert "| `columnar` | not measured yet |  |  |  |  |" in rows


def test_the_machine_stands_beside_what_it_measured_and_notes_beside_figures_only():
    text = table.render(NAMES, RECORDED)
    assert "Measured 2026-11-24, 2 cores, 8 GiB: `landing`, `backfill`." in text
    assert "- `landing`: S3 is slower." in text and "Slices." not in text


def test_a_goal_that_is_missed_stands_out():
    missed = {"name": "slow", "value": 1234.5, "unit": "s", "goal": "under 1 s", "met": False}
    rendered = table.render({"landing": ""}, {"landing": {**RECORDED["landing"], "figures": [missed]}})
    assert "| slow | 1,234 s |  |  | under 1 s | **no** |" in rendered


def test_the_table_replaces_the_last_one_and_nothing_else():
    page = f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n"
    once = table.insert(page, "new")
    assert once == f"before\n{table.BEGIN}\n\nnew\n\n{table.END}\nafter\n"
    assert table.insert(once, "new") == once


@pytest.mark.parametrize("page", ["no marker", table.BEGIN, table.END + table.BEGIN, 2 * (table.BEGIN + table.END)])
def test_a_page_without_its_two_markers_is_left_alone(page):
    with pytest.raises(ValueError, match="once each"):
        table.insert(page, "new")


def test_figures_are_found_among_whatever_else_is_printed():
    lines = ["starting", "{}", '{"event": "end"}', "[1]", '{"name": "a", "value": 1, "unit": "s"}']
    assert [found["name"] for found in figure.read(lines)] == ["a"]
