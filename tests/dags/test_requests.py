import pytest
from kpi_pipeline.requests import mistake


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"rebuild_from": None, "rebuild_to": None, "full_refresh": False},
        {"rebuild_from": "2024-06-25", "rebuild_to": "2024-06-25"},
        {"rebuild_from": "2024-06-25", "rebuild_to": None},
        {"rebuild_from": None, "rebuild_to": "2024-06-25"},
        {"full_refresh": True},
    ],
)
def test_what_can_be_asked_for(asked):
    assert mistake(asked, asked) is None


def test_a_range_that_ends_before_it_begins_is_refused_in_one_sentence():
    asked = {"rebuild_from": "2024-07-01", "rebuild_to": "2024-06-30"}
    assert mistake(asked, asked) == (
        "rebuild_from 2024-07-01 is after rebuild_to 2024-06-30: trigger it again with the two the other way round."
    )


def test_a_param_that_nobody_reads_is_refused_by_name():
    """Airflow takes it without a word, and the run would rebuild nothing of what somebody thinks it does."""
    said = mistake({"rebuild_from": None}, {"rebuild_form": "2024-06-30"})
    assert said.startswith("This DAG has no param 'rebuild_form'")
    assert "rebuild_from, rebuild_to, full_refresh" in said
