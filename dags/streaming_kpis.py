"""What people listened to, day by day.

Every run takes in the files that arrived in S3 since the last one, and rebuilds the days that they touched, whole.

1. **land**: `songs.csv`, `users.csv` and the streams files, side by side, with COPY, into tables of text. Each version
   of a file lands once. A file that is not what it should be fails its task, which names the file, the column or line,
   and what to do; nothing of it is loaded.
2. **transform**: the dbt project, a task for each model together with its tests; a rule across models
   (`assert_...`) is a task of its own. A model whose test fails holds back what depends on it, and the KPIs stay as
   they were. Each task's log has dbt's own words, each test with its result among them.
3. **publish**: the dbt docs and the KPI page, and the run's figures in one line.
4. **next_run**: where more has landed, or more days are to be rebuilt, than one run takes, it asks for the next one.

**To rebuild days**, trigger it with a first and a last day. **To rebuild everything** from the landing tables, switch
on *Everything*. Both only change how much is computed anew: what has landed is never loaded again.

Runs take turns in the warehouse, whatever started them: a run that finds another one at work waits in `take_turn`.

A run that failed can be cleared from the task that failed, or left to the next run, which picks up whatever this one
did not finish. A rebuild that a failed run was asked for stays asked for. What a message means and how to mend it:
`docs/runbook.md`.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG, TaskGroup, TriggerRule, task
from kpi_pipeline import alerts, requests, settings, tasks
from kpi_pipeline.transform import publish_docs, transform

SETTINGS = settings.load()
PAGES = (
    f"**What came of it**: [the KPI page]({SETTINGS.page('kpis/index.html')}) and "
    f"[the dbt docs]({SETTINGS.page('docs/index.html')}), made anew by each run."
)

with DAG(
    dag_id="streaming_kpis",
    description="Takes in the files that arrived, rebuilds the days that they touched, publishes the pages",
    doc_md=f"{PAGES}\n\n{__doc__}",
    schedule=SETTINGS.schedule,
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    deadline=alerts.deadline(SETTINGS),
    default_args={
        "owner": alerts.OWNER,
        "retries": SETTINGS.retries,
        "retry_delay": SETTINGS.retry_delay,
        "retry_exponential_backoff": True,
        "execution_timeout": SETTINGS.task_timeout,
        "on_failure_callback": alerts.report_failure,
    },
    params=requests.params(),
    tags=["kpis", "dbt", "redshift"],
) as dag:
    with TaskGroup("land", tooltip="New files of S3 into tables of text, each version once") as land:
        turn = tasks.take_turn.override(timeout=SETTINGS.deadline)().as_setup()
        tasks.prepare(SETTINGS) >> turn
        for table in ("songs", "users", "streams"):
            turn >> tasks.land.override(task_id=table)(table)

    # A table with nothing new is a skip, and days that an earlier run left due are built all the same.
    @task(trigger_rule=TriggerRule.NONE_FAILED)
    def landed() -> None:
        """Wait for the three tables."""

    with TaskGroup("publish", tooltip="The pages, and what the run did") as publish:
        publish_docs(SETTINGS)
        tasks.figures() >> tasks.kpi_page()

    work = land >> landed() >> transform(SETTINGS) >> publish >> tasks.next_run(dag.dag_id)
    work >> tasks.end_turn().as_teardown(setups=turn)
