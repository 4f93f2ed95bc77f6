"""Every setting of the pipeline, read from environment variables here and nowhere else."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from croniter import croniter

_DAGS = Path(__file__).resolve().parents[1]
_ROLE = re.compile(r"default|arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+")
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,126}")
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off", "")


class SettingsError(ValueError):
    """A setting is missing or malformed; the message names it and says what to do."""


@dataclass(frozen=True)
class Settings:
    """The pipeline's settings; each field's comment is its environment variable and default.

    Read with :func:`load`. Buckets may be empty while a DAG file is parsed; a task asks for them with
    :meth:`require_buckets`.
    """

    raw_bucket: str  # KPI_RAW_BUCKET: where songs.csv, users.csv and the streams files arrive
    raw_prefix: str  # KPI_RAW_PREFIX (""): what stands before these keys; ends in "/" unless empty
    artifact_bucket: str  # KPI_ARTIFACT_BUCKET: manifests of COPY, the published pages
    pages_url: str  # KPI_PAGES_URL (""): where people open the artifact bucket's pages; "" for S3's console
    copy_iam_role: str  # KPI_COPY_IAM_ROLE ("default"): the role with which Redshift reads the raw bucket
    landing_schema: str  # KPI_LANDING_SCHEMA ("landing")
    schema: str  # KPI_SCHEMA ("analytics"): where dbt builds
    allow_smaller_snapshots: bool  # KPI_ALLOW_SMALLER_SNAPSHOTS (false): take a songs.csv or users.csv that shrank
    max_reject_share: float  # KPI_MAX_REJECT_SHARE (0.05): of a batch's rows, above it the run fails; 1 for never
    max_bytes_per_load: int  # KPI_MAX_BYTES_PER_LOAD (10 GiB): of files in a load, of batches in a run; 0 for none
    max_files_per_load: int  # KPI_MAX_FILES_PER_LOAD (10000): new files in one load; 0 for no limit
    max_days_per_run: int  # KPI_MAX_DAYS_PER_RUN (92): days whose KPIs one run rebuilds; 0 for no limit
    newest_first: bool  # KPI_NEWEST_FIRST (false): load and rebuild the newest days first, where a limit is met
    quarantine_prefix: str  # KPI_QUARANTINE_PREFIX (""): where refused files are moved to; "" leaves them in place
    listing_window_days: int  # KPI_LISTING_WINDOW_DAYS (0): list streams/<date> keys of so many days; 0 for all keys
    models_at_once: int  # KPI_MODELS_AT_ONCE (4): how many build side by side; 1 where isolation is SERIALIZABLE
    schedule: str | None  # KPI_SCHEDULE ("@daily"): a cron expression; "none" for runs by hand only
    retries: int  # KPI_RETRIES (3): of each task
    retry_delay: timedelta  # KPI_RETRY_DELAY_SECONDS (60): before the first retry; doubled for each further one
    task_timeout: timedelta  # KPI_TASK_TIMEOUT_SECONDS (3600): of each task
    deadline: timedelta  # KPI_DEADLINE_SECONDS (43200): what a run has to succeed in before it is called late
    aws_conn_id: str  # KPI_AWS_CONN_ID ("aws_default")
    redshift_conn_id: str  # KPI_REDSHIFT_CONN_ID ("redshift_default")
    dbt_target: str  # KPI_DBT_TARGET ("prod"): of dbt_project/profiles.yml
    dbt_project: Path  # KPI_DBT_PROJECT_DIR: dbt_project inside the dags folder, or else beside it
    alert_topic_arn: str  # KPI_ALERT_TOPIC_ARN (""): the SNS topic that failures and successes are sent to

    def require_buckets(self) -> None:
        """Raise :class:`SettingsError` unless both buckets are set."""
        for name, value in (("KPI_RAW_BUCKET", self.raw_bucket), ("KPI_ARTIFACT_BUCKET", self.artifact_bucket)):
            if not value:
                raise SettingsError(f"The environment variable {name} is not set: give it the name of an S3 bucket.")

    def page(self, key: str) -> str:
        """Return the address at which people open a page of the artifact bucket, by its key."""
        if self.pages_url:
            return f"{self.pages_url}/{key}"
        return f"https://console.aws.amazon.com/s3/object/{self.artifact_bucket}?prefix={key}"

    @property
    def manifest(self) -> Path:
        """The dbt manifest that Cosmos renders the models from."""
        return self.dbt_project / "target" / "manifest.json"


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Args:
        environ: The variables; the process's own by default.

    Raises:
        SettingsError: A variable is malformed; the message names it, its value and what is expected.
    """
    environ = os.environ if environ is None else environ

    def text(name: str, default: str = "") -> str:
        return environ.get(name, "").strip() or default

    def matching(name: str, default: str, pattern: re.Pattern[str], expected: str) -> str:
        value = text(name, default)
        if not pattern.fullmatch(value):
            raise SettingsError(f"The environment variable {name} is {value!r}: give it {expected}.")
        return value

    def seconds(name: str, default: int, least: int = 1) -> timedelta:
        return timedelta(seconds=number(name, default, least, 30 * 86_400))

    def number(name: str, default: int, least: int, most: int) -> int:
        expected = f"a whole number from {least} to {most}"
        value = int(matching(name, str(default), re.compile(r"[0-9]{1,15}"), expected))
        if not least <= value <= most:
            raise SettingsError(f"The environment variable {name} is '{value}': give it {expected}.")
        return value

    def share(name: str, default: str) -> float:
        return float(matching(name, default, re.compile(r"0|1|0?[.][0-9]{1,6}|1[.]0+"), "a share from 0 to 1, as 0.05"))

    def flag(name: str) -> bool:
        value = text(name).lower()
        if value not in _TRUE + _FALSE:
            raise SettingsError(f"The environment variable {name} is {value!r}: give it true or false.")
        return value in _TRUE

    prefix = text("KPI_RAW_PREFIX").strip("/")
    schedule = text("KPI_SCHEDULE", "@daily")
    return Settings(
        raw_bucket=text("KPI_RAW_BUCKET"),
        raw_prefix=f"{prefix}/" if prefix else "",
        artifact_bucket=text("KPI_ARTIFACT_BUCKET"),
        pages_url=matching("KPI_PAGES_URL", "", re.compile(r"|https?://[\w.:/~-]+"), "an address").rstrip("/"),
        copy_iam_role=matching("KPI_COPY_IAM_ROLE", "default", _ROLE, "'default' or the ARN of an IAM role"),
        landing_schema=matching("KPI_LANDING_SCHEMA", "landing", _IDENTIFIER, "a schema name in lower case"),
        schema=matching("KPI_SCHEMA", "analytics", _IDENTIFIER, "a schema name in lower case"),
        allow_smaller_snapshots=flag("KPI_ALLOW_SMALLER_SNAPSHOTS"),
        max_reject_share=share("KPI_MAX_REJECT_SHARE", "0.05"),
        listing_window_days=number("KPI_LISTING_WINDOW_DAYS", 0, 0, 3660),
        max_bytes_per_load=number("KPI_MAX_BYTES_PER_LOAD", 10 * 2**30, 0, 2**50),
        max_files_per_load=number("KPI_MAX_FILES_PER_LOAD", 10_000, 0, 10**9),
        max_days_per_run=number("KPI_MAX_DAYS_PER_RUN", 92, 0, 10**6),
        newest_first=flag("KPI_NEWEST_FIRST"),
        quarantine_prefix=_quarantine(text("KPI_QUARANTINE_PREFIX"), f"{prefix}/" if prefix else ""),
        models_at_once=int(matching("KPI_MODELS_AT_ONCE", "4", re.compile("[124]"), "1, 2 or 4")),
        schedule=None if schedule.lower() == "none" else _checked_schedule(schedule),
        retries=number("KPI_RETRIES", 3, 0, 100),
        retry_delay=seconds("KPI_RETRY_DELAY_SECONDS", 60, least=0),
        task_timeout=seconds("KPI_TASK_TIMEOUT_SECONDS", 3600),
        deadline=seconds("KPI_DEADLINE_SECONDS", 43200),
        aws_conn_id=text("KPI_AWS_CONN_ID", "aws_default"),
        redshift_conn_id=text("KPI_REDSHIFT_CONN_ID", "redshift_default"),
        dbt_target=matching("KPI_DBT_TARGET", "prod", re.compile(r"\w+"), "a target of dbt_project/profiles.yml"),
        dbt_project=_project_folder(text("KPI_DBT_PROJECT_DIR")),
        alert_topic_arn=matching(
            "KPI_ALERT_TOPIC_ARN",
            "",
            re.compile(r"|arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[\w-]+"),
            "an SNS topic's ARN",
        ),
    )


def _quarantine(value: str, raw_prefix: str) -> str:
    """Return the prefix with a "/" at its end; files below it must not look like new ones."""
    prefix = value.strip("/")
    if not prefix:
        return ""
    below = f"{prefix}/".removeprefix(raw_prefix).lower()
    if f"{prefix}/" == raw_prefix or below.startswith("streams"):
        raise SettingsError(
            f"The environment variable KPI_QUARANTINE_PREFIX is {value!r}, where runs look for new files: give it "
            f"another prefix, quarantine/ for example."
        )
    return f"{prefix}/"


def _checked_schedule(value: str) -> str:
    presets = ("@hourly", "@daily", "@weekly", "@monthly")
    if value in presets or (len(value.split()) == 5 and croniter.is_valid(value)):
        return value
    raise SettingsError(
        f"The environment variable KPI_SCHEDULE is {value!r}: give it a cron expression of five fields, "
        f"one of {', '.join(presets)}, or none."
    )


def _project_folder(value: str) -> Path:
    if value:
        return Path(value)
    inside = _DAGS / "dbt_project"
    return inside if inside.is_dir() else _DAGS.parent / "dbt_project"
