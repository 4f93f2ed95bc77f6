"""What each dbt task of a forked process would pay for anew, paid for once, before Airflow forks.

Airflow loads plugins in every component; tasks are forked from a scheduler (LocalExecutor) or a Celery worker.
"""

import gc
import inspect
import sys
from pathlib import Path


def preload() -> None:
    """Import dbt, fill the caches that it and Cosmos fill once a process, and keep all of it from the collector."""
    import airflow.providers.standard.operators.python
    import airflow.sdk.definitions.decorators  # noqa: F401
    import cosmos.operators.local  # noqa: F401
    import dbt.adapters.postgres
    import dbt.cli.main
    import dbt.task.build  # noqa: F401
    import openlineage.common.provider.dbt.local  # noqa: F401  Cosmos looks for it after each command
    from dbt_common.events.functions import reset_metadata_vars

    _use_classes()
    _read_project()

    # Some of it logs, and dbt keeps the DBT_ENV_CUSTOM_ENV_* of its first line of log for good: a task's own, the run's
    # id, come later.
    reset_metadata_vars()

    # dbt (for each behaviour flag) and redshift_connector (for each connection) call inspect.stack(), which looks for
    # the module of every frame in a map of files; for a frame that is from no file it goes through all modules, twice.
    # These files are in no module, and now it knows.
    inspect.modulesbyfile.update({"<template>": "builtins", "<frozen runpy>": "builtins"})
    inspect.stack()

    # Cosmos collects all garbage after each dbt command. It would go through Airflow and dbt, which stay.
    gc.collect()
    gc.freeze()


def _use_classes() -> None:
    """Use once what dbt checks, reads and writes in each command: classes keep their schemas, readers and writers."""
    from dbt.adapters.redshift.connections import RedshiftCredentials, RedshiftSSLConfig
    from dbt.adapters.redshift.relation import RedshiftRelation
    from dbt.artifacts.resources.v1.config import Hook
    from dbt.contracts.project import Configuration, PackageConfig, ProfileConfig, Project, ProjectFlags
    from dbt.contracts.selection import SelectorFile
    from dbt.task.test import TestResultData

    checked = (Configuration, Hook, PackageConfig, ProfileConfig, Project, ProjectFlags)
    for kind in (*checked, RedshiftCredentials, RedshiftSSLConfig, SelectorFile):
        kind.json_schema()
    Project.from_dict({"name": "example", "config-version": 2})
    ProjectFlags.from_dict({})
    PackageConfig.from_dict({"packages": []}).to_dict()
    RedshiftCredentials.from_dict({"host": "", "port": 0, "database": "", "schema": ""}).to_dict()
    RedshiftRelation.from_dict(RedshiftRelation.create(identifier="example").to_dict())
    TestResultData.from_dict({"failures": 0, "should_warn": False, "should_error": False, "adapter_response": {}})


def _read_project() -> None:
    """Read what dbt has parsed of the project, and forget it: each task reads it for itself.

    What stays are the readers and writers that mashumaro makes for each of dbt's classes, and dbt's cache of compiled
    macros, by their text.
    """
    from airflow.configuration import conf
    from dbt.contracts.graph.manifest import Manifest
    from dbt_common.clients.jinja import template_cache

    dags = Path(conf.get_mandatory_value("core", "dags_folder"))
    for folder in (dags, dags.parent):  # as kpi_pipeline.settings looks for it
        parsed = folder / "dbt_project" / "target" / "partial_parse.msgpack"
        if parsed.is_file():
            manifest = Manifest.from_msgpack(parsed.read_bytes())
            manifest.build_flat_graph()
            for unit_test in manifest.unit_tests.values():
                unit_test.to_dict()
            for macro in manifest.macros.values():
                macro.to_dict()
                template_cache.get_node_template(macro)
            return


# A task's process loads plugins again, and has all of this from the one that it was forked from.
if {"scheduler", "worker"} & set(sys.argv) and "dbt.cli.main" not in sys.modules:
    preload()
