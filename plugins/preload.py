"""Import dbt before Airflow forks a process for each task; the import is half of what a small dbt task takes.

Airflow loads plugins in every component; these two are what tasks are forked from.
"""

import sys

if {"scheduler", "worker"} & set(sys.argv):
    import dbt.adapters.redshift
    import dbt.cli.main  # noqa: F401
