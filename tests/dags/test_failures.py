"""Which failures of a dbt task are worth another try."""

import pytest
from airflow.sdk import RetryAction
from kpi_pipeline.failures import RetryWhatMayPass, failed_tests

DBT = "dbt invocation completed with errors: "
FAILED_TEST = f"{DBT}unique_fct_listens: Got 3 results, configured to fail if != 0"


def decide(text: str) -> RetryAction:
    return RetryWhatMayPass().evaluate(Exception(text), 1, 4).action


@pytest.mark.parametrize(
    "text",
    [
        FAILED_TEST,
        f"{DBT}not_null: Got 1 result, configured to fail if != 0",
        f"{DBT}genre: Compilation Error in model genre (a.sql)\n  'x' is undefined",
        f"{DBT}genre: Compilation Error in model genre (a.sql)\n  This model has an enforced contract that failed.",
        "dbt invocation did not complete with unhandled error: Parsing Error\n  Invalid models config",
        f"{DBT}genre: Database Error in model genre (a.sql)\n  permission denied for schema landing",
        f"{DBT}genre: Database Error in model genre (a.sql)\n  Disk Full",
        f"{DBT}genre: Database Error in model genre (a.sql)\n  Cannot insert a NULL value into column track_genre",
        f"{DBT}a: Database Error in model a (a.sql)\n  1023\nb: Got 2 results, configured to fail if != 0",
    ],
)
def test_what_stays_as_it_is_is_not_tried_again(text):
    assert decide(text) is RetryAction.FAIL


@pytest.mark.parametrize(
    "text",
    [
        f"{DBT}genre: Database Error in model genre (a.sql)\n  1023: Serializable isolation violation on table",
        f"{DBT}genre: Database Error in model genre (a.sql)\n  could not open relation with OID 100123",
        f"{DBT}genre: Database Error in model genre (a.sql)\n  Query (1) cancelled on user's request",
        f"{DBT}genre: Database Error in model genre (a.sql)\n  BrokenPipe: server socket closed",
        f"{DBT}genre: Database Error in model genre (a.sql)\n  ('communication error', TimeoutError('timed out'))",
        "dbt invocation did not complete with unhandled error: connection is closed",
        "",
    ],
)
def test_what_may_pass_is_tried_again(text):
    assert decide(text) is not RetryAction.FAIL


def test_the_names_of_failed_tests_are_found():
    assert failed_tests(f"{FAILED_TEST}\nshares_add_up: Got 1 result, configured to fail if != 0") == [
        "unique_fct_listens",
        "shares_add_up",
    ]
    assert failed_tests("genre: Database Error in model genre") == failed_tests(None) == []
