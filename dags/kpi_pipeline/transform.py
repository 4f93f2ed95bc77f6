"""How Cosmos runs the dbt project: each model, with its own tests, as a task of the DAG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos import settings as cosmos_settings
from cosmos.constants import ExecutionMode, InvocationMode, LoadMode, TestBehavior
from cosmos.operators.local import DbtDocsS3LocalOperator, DbtSourceLocalOperator, DbtTestLocalOperator

from kpi_pipeline.alerts import keep_warnings, report_warnings
from kpi_pipeline.failures import RetryWhatMayPass
from kpi_pipeline.settings import Settings, SettingsError

POOL, SLOTS = "transform", 4
"""The pool that limits how many models build side by side. That runs do not overlap is the job of the turn."""

# Every dbt command of a run has the same vars: with others dbt would parse the whole project again.
_VARS = {"test_scope": "run"}
# The docs list the tests all the same. Only their compiled SQL is left out, which asks the warehouse for each of them.
_NOT_COMPILED_FOR_THE_DOCS = ("resource_type:test", "resource_type:unit_test")


def transform(settings: Settings) -> DbtTaskGroup:
    """Render the dbt project, from its manifest, as a task group.

    Raises:
        SettingsError: There is no manifest.
    """
    if not settings.manifest.is_file():
        raise SettingsError(f"There is no {settings.manifest}: run 'make manifest', which parses the dbt project.")
    project = ProjectConfig(
        dbt_project_path=settings.dbt_project,
        manifest_path=settings.manifest,
        install_dbt_deps=False,
    )
    # Cosmos makes an ObjectStoragePath of it, and to open one Airflow imports the file system of every provider, boto3
    # among them: a second for each parse of the DAG file by a new process.
    project.manifest_path = settings.manifest
    group = DbtTaskGroup(
        group_id="transform",
        project_config=project,
        profile_config=_profile(settings),
        execution_config=ExecutionConfig(
            execution_mode=ExecutionMode.LOCAL,
            invocation_mode=InvocationMode.DBT_RUNNER,
        ),
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST,
            test_behavior=TestBehavior.BUILD,
            should_detach_multiple_parents_tests=True,
            emit_datasets=False,
        ),
        operator_args={
            "pool": POOL,
            "pool_slots": SLOTS // settings.models_at_once,
            "install_deps": False,
            "append_env": True,
            "env": _environment(settings),
            "on_warning_callback": keep_warnings,
            "retry_policy": RetryWhatMayPass(),
            "vars": _VARS,
        },
    )
    # In a new warehouse the first dbt command makes the schema and the tables of the bookkeeping; two at once clash.
    plan = group.children["transform.int_batches_due_model_build"]
    plan >> [task for task in group.roots if task is not plan]
    return group


class StaticDocsOperator(DbtDocsS3LocalOperator):
    """The dbt docs as one page, ``index.html``, that opens without a server, and the artifacts that others read."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(dbt_cmd_flags=["--static", "--exclude", *_NOT_COMPILED_FOR_THE_DOCS], **arguments)
        self.required_files = ["index.html", "manifest.json", "catalog.json"]

    def upload_to_cloud_storage(self, project_dir: str, **arguments: Any) -> None:
        """Upload the files, the one page in place of the one that looks for the others beside it."""
        target = Path(project_dir, "target")
        target.joinpath("static_index.html").replace(target / "index.html")
        super().upload_to_cloud_storage(project_dir, **arguments)


def publish_docs(settings: Settings) -> DbtDocsS3LocalOperator:
    """Generate the dbt docs and put them below ``docs/`` in the artifact bucket."""
    return StaticDocsOperator(
        task_id="docs",
        project_dir=str(settings.dbt_project),
        profile_config=_profile(settings),
        connection_id=settings.aws_conn_id,
        bucket_name=settings.artifact_bucket,
        folder_dir="docs",
        cache_dir=_parsed("docs"),
        vars=_VARS,
        install_deps=False,
        append_env=True,
        retry_policy=RetryWhatMayPass(),
    )


def test_everything(settings: Settings) -> DbtTestLocalOperator:
    """Run every dbt test over all that there is; a run of the pipeline tests what it touched."""
    return DbtTestLocalOperator(
        task_id="test_everything",
        project_dir=str(settings.dbt_project),
        profile_config=_profile(settings),
        exclude="test_type:unit",
        on_warning_callback=report_warnings,
        cache_dir=_parsed("audit"),
        install_deps=False,
        append_env=True,
        retry_policy=RetryWhatMayPass(),
    )


def check_freshness(settings: Settings) -> DbtSourceLocalOperator:
    """Fail where no stream has landed for longer than the sources allow."""
    return DbtSourceLocalOperator(
        task_id="check_freshness",
        project_dir=str(settings.dbt_project),
        profile_config=_profile(settings),
        cache_dir=_parsed("audit"),
        install_deps=False,
        append_env=True,
        retry_policy=RetryWhatMayPass(),
    )


def _parsed(name: str) -> Path:
    """Where Cosmos keeps what dbt has parsed; it does so by itself for the tasks of a group only.

    Each set of vars has its own: dbt parses anew where they differ.
    """
    return cosmos_settings.cache_dir / f"streaming_kpis__{name}"


def _profile(settings: Settings) -> ProfileConfig:
    return ProfileConfig(
        profile_name="streaming_kpis",
        target_name=settings.dbt_target,
        profiles_yml_filepath=settings.dbt_project / "profiles.yml",
    )


def _environment(settings: Settings) -> dict[str, Any]:
    """What differs from run to run travels as environment: a changed var would make dbt parse the project anew."""
    return {
        "DBT_ENV_CUSTOM_ENV_RUN_ID": "{{ run_id }}",
        "DBT_EXCLUDE_RESOURCE_TYPES": "unit_test",
        "KPI_MAX_BYTES_PER_LOAD": str(settings.max_bytes_per_load),
        "KPI_MAX_DAYS_PER_RUN": str(settings.max_days_per_run),
        "KPI_NEWEST_FIRST": str(settings.newest_first).lower(),
        # The manifest is made beforehand; writing it again would cost each task a tenth of a second.
        "DBT_WRITE_JSON": "false",
        # The task's log has dbt's words. A file of them beside it would go with the task's temporary directory, and
        # costs a tenth of its CPU time.
        "DBT_LOG_LEVEL_FILE": "none",
    }
