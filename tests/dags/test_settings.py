from datetime import timedelta

import pytest
from kpi_pipeline.settings import SettingsError, load


def test_defaults():
    settings = load({})
    assert settings.schedule == "@daily"
    assert settings.copy_iam_role == "default"
    assert settings.raw_prefix == ""
    assert settings.landing_schema == "landing"
    assert settings.retries == 3
    assert settings.retry_delay == timedelta(minutes=1)
    assert settings.allow_smaller_snapshots is False
    assert settings.dbt_target == "prod"
    assert settings.listing_window_days == 0
    assert settings.max_reject_share == 0.05
    assert (settings.max_bytes_per_load, settings.max_files_per_load) == (10 * 2**30, 10_000)
    assert (settings.max_days_per_run, settings.newest_first) == (92, False)
    assert settings.quarantine_prefix == ""


@pytest.mark.parametrize("given", ["drop", "/drop", "drop/", "/drop/"])
def test_a_prefix_ends_in_one_slash(given):
    assert load({"KPI_RAW_PREFIX": given}).raw_prefix == "drop/"


@pytest.mark.parametrize("given", ["none", "NONE"])
def test_no_schedule(given):
    assert load({"KPI_SCHEDULE": given}).schedule is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KPI_SCHEDULE", "noon"),
        ("KPI_SCHEDULE", "* * *"),
        ("KPI_SCHEDULE", "61 25 * * *"),
        ("KPI_SCHEDULE", "0 0 31 13 *"),
        ("KPI_SCHEDULE", "*/0 * * * *"),
        ("KPI_TASK_TIMEOUT_SECONDS", "0"),
        ("KPI_TASK_TIMEOUT_SECONDS", "999999999"),
        ("KPI_DEADLINE_SECONDS", "0"),
        ("KPI_LISTING_WINDOW_DAYS", "999999"),
        ("KPI_RETRIES", "1000"),
        ("KPI_MAX_REJECT_SHARE", "5"),
        ("KPI_MAX_REJECT_SHARE", "5%"),
        ("KPI_MAX_REJECT_SHARE", "-0.1"),
        ("KPI_MAX_BYTES_PER_LOAD", "10 GB"),
        ("KPI_MAX_FILES_PER_LOAD", "-1"),
        ("KPI_MAX_DAYS_PER_RUN", "all"),
        ("KPI_MAX_DAYS_PER_RUN", "9999999"),
        ("KPI_NEWEST_FIRST", "newest"),
        ("KPI_COPY_IAM_ROLE", "arn:aws:iam::123:role/x"),
        ("KPI_COPY_IAM_ROLE", "default' format csv; drop table landing.streams; --"),
        ("KPI_LANDING_SCHEMA", 'landing"; drop'),
        ("KPI_SCHEMA", "Analytics"),
        ("KPI_RETRIES", "some"),
        ("KPI_LISTING_WINDOW_DAYS", "a week"),
        ("KPI_MODELS_AT_ONCE", "3"),
        ("KPI_RETRY_DELAY_SECONDS", "-1"),
        ("KPI_TASK_TIMEOUT_SECONDS", "1h"),
        ("KPI_DEADLINE_SECONDS", "12 hours"),
        ("KPI_ALLOW_SMALLER_SNAPSHOTS", "maybe"),
        ("KPI_DBT_TARGET", "prod; rm"),
        ("KPI_ALERT_TOPIC_ARN", "alerts"),
        ("KPI_PAGES_URL", "javascript:alert(1)"),
        ("KPI_PAGES_URL", "https://x) [not](https://y"),
    ],
)
def test_a_malformed_setting_is_named_with_its_value_and_what_is_expected(name, value):
    with pytest.raises(SettingsError) as refusal:
        load({name: value})
    message = str(refusal.value)
    assert name in message and repr(value) in message and "give it" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("KPI_SCHEDULE", "*/5 6-22 * * mon-fri", "*/5 6-22 * * mon-fri"),
        ("KPI_SCHEDULE", "@hourly", "@hourly"),
        ("KPI_RETRY_DELAY_SECONDS", "0", timedelta(0)),
        ("KPI_LISTING_WINDOW_DAYS", "3660", 3660),
        ("KPI_MAX_REJECT_SHARE", "1", 1.0),
        ("KPI_MAX_REJECT_SHARE", "0.2", 0.2),
        ("KPI_MAX_BYTES_PER_LOAD", "0", 0),
        ("KPI_MAX_FILES_PER_LOAD", "1", 1),
        ("KPI_MAX_DAYS_PER_RUN", "0", 0),
        ("KPI_NEWEST_FIRST", "true", True),
    ],
)
def test_what_is_within_its_bounds_is_taken(name, value, expected):
    field = {"KPI_RETRY_DELAY_SECONDS": "retry_delay"}.get(name, name.removeprefix("KPI_").lower())
    assert getattr(load({name: value}), field) == expected


@pytest.mark.parametrize("missing", ["KPI_RAW_BUCKET", "KPI_ARTIFACT_BUCKET"])
def test_a_missing_bucket_is_named(missing):
    environ = {"KPI_RAW_BUCKET": "raw", "KPI_ARTIFACT_BUCKET": "artifacts"}
    del environ[missing]
    with pytest.raises(SettingsError, match=missing):
        load(environ).require_buckets()


def test_both_buckets_given():
    load({"KPI_RAW_BUCKET": "raw", "KPI_ARTIFACT_BUCKET": "artifacts"}).require_buckets()
