"""Import dbt before Airflow forks a process for each task; the import is half of what a small dbt task takes.

Airflow loads plugins in every component; these two are what tasks are forked from.
"""

import sys

if {"scheduler", "worker"} & set(sys.argv):
    import dbt.adapters.redshift
    import dbt.cli.main  # noqa: F401
    from dbt_common.events.functions import reset_metadata_vars

    # The adapter logs while it is imported, and dbt keeps the DBT_ENV_CUSTOM_ENV_* of its first line of log for good:
    # a task's own, the run's id, come later.
    reset_metadata_vars()
