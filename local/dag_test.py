"""One DAG run in this process, as `airflow dags test` does it, telling each step as it happens.

Run as `python -m local.dag_test DAG_ID [--conf JSON]` with the stack's environment; `local.runs` starts it and reads
what it tells. `--prepare` makes the metadata database and the pool only.

Unlike `airflow dags test` it makes the metadata database in the same process, since importing Airflow costs seconds.
"""

import argparse
import ast
import gc
import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

EVENT = "@event "  # how a line of the log that tells a step begins
POOL, SLOTS = "transform", 4  # as in kpi_pipeline.transform, whose import costs a second


def tell(kind: str, **details: Any) -> None:
    """Write one event as a line of its own. Tasks redirect sys.stdout, hence the file descriptor."""
    os.write(1, f"\n{EVENT}{json.dumps({'event': kind, **details})}\n".encode())


def prepare_metadata() -> None:
    """Make or migrate Airflow's metadata database and the pool, once for each version of Airflow; close dead runs."""
    import airflow

    stamp, made_by = Path(os.environ["AIRFLOW_HOME"], "migrated"), f"{airflow.__version__}, {SLOTS} slots"
    if not (stamp.exists() and stamp.read_text() == made_by):
        from airflow.models.pool import Pool
        from airflow.utils import db

        db.upgradedb()
        Pool.create_or_update_pool(POOL, slots=SLOTS, description="dbt's models.", include_deferred=True)
        stamp.write_text(made_by)
    _close_dead_runs()


def end_turns(owners: list[str] | None = None) -> None:
    """Delete the turns of runs whose process was killed; the next run would wait for them until they expire.

    Args:
        owners: The names that they were taken under; None for whoever has the turn.
    """
    from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook

    schema = os.environ.get("KPI_LANDING_SCHEMA", "landing")
    # As the DAG logs in, which may be by IAM.
    with RedshiftSQLHook(redshift_conn_id="redshift_default", aws_conn_id="aws_default").get_conn() as connection:
        cursor = connection.cursor()
        cursor.execute("select 1 from svv_tables where table_schema = %s and table_name = 'turns'", [schema])
        if cursor.fetchall():
            for owner in owners or ["%"]:
                cursor.execute(f"delete from {schema}.turns where owner like %s", [owner])
            connection.commit()


def _close_dead_runs() -> None:
    """Mark as failed what a killed process left as running: a scheduler would take it up and run it beside ours.

    No other process runs the DAG meanwhile: the caller holds the stack's lock.
    """
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState, State, TaskInstanceState
    from airflow.utils.types import DagRunTriggeredByType
    from sqlalchemy import or_, select, update

    with create_session() as session:
        runs = session.execute(
            select(DagRun.dag_id, DagRun.run_id).where(
                DagRun.state == DagRunState.RUNNING, DagRun.triggered_by == DagRunTriggeredByType.TEST
            )
        ).all()
        if not runs:
            return
        dead = [run_id for _, run_id in runs]
        end_turns([f"{dag_id} {run_id}" for dag_id, run_id in runs])
        unfinished = or_(TaskInstance.state.is_(None), TaskInstance.state.in_([s for s in State.unfinished if s]))
        session.execute(
            update(TaskInstance)
            .where(TaskInstance.run_id.in_(dead), unfinished)
            .values(state=TaskInstanceState.FAILED)
            .execution_options(synchronize_session=False)
        )
        session.execute(
            update(DagRun)
            .where(DagRun.run_id.in_(dead))
            .values(state=DagRunState.FAILED)
            .execution_options(synchronize_session=False)
        )


def reason(kind: str, text: str) -> str:
    """Say in one line why a task failed.

    Args:
        kind: The exception's type.
        text: Its message. dbt's says what failed on its first line and how on the next.
    """
    if text.startswith("{'S':"):  # redshift_connector raises the fields of the protocol's ErrorResponse
        return f"Redshift says: {ast.literal_eval(text)['M']}"
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [kind]
    if lines[0].startswith("dbt invocation"):
        return " ".join(lines[:2]).removeprefix("dbt invocation completed with errors: ")
    return lines[0] if kind.startswith("Airflow") or " " in lines[0] else f"{kind}: {lines[0]}"


class PipelineLines(logging.Handler):
    """Tells what the DAG's own tasks log for a reader: lines that begin with `kpi_pipeline:`."""

    def emit(self, record: logging.LogRecord) -> None:
        """Tell one record."""
        message = record.getMessage()
        if message.startswith("kpi_pipeline:"):
            tell("log", text=message.removeprefix("kpi_pipeline:").strip(), level=record.levelname)


def _listener() -> Any:
    from airflow.listeners import hookimpl
    from airflow.sdk import RetryAction
    from airflow.sdk.exceptions import AirflowFailException

    class Listener:
        """Tells when a task starts and how it ends."""

        def __init__(self) -> None:
            self.lines = PipelineLines()
            self.started: dict[str, float] = {}

        def _ended(self, kind: str, task: Any, **details: Any) -> None:
            seconds = time.monotonic() - self.started.get(task.task_id, time.monotonic())
            tell(kind, task=task.task_id, seconds=round(seconds, 1), **details)
            # Cosmos collects all garbage after each dbt command: with all tasks in one process it would go through what
            # dbt keeps of the last ones each time.
            gc.freeze()

        @hookimpl
        def on_task_instance_running(self, previous_state: Any, task_instance: Any) -> None:
            root = logging.getLogger()
            if self.lines not in root.handlers:  # Airflow and dbt configure logging anew, which drops handlers
                root.addHandler(self.lines)
            self.started[task_instance.task_id] = time.monotonic()
            tell("running", task=task_instance.task_id, attempt=task_instance.try_number)

        @hookimpl
        def on_task_instance_success(self, previous_state: Any, task_instance: Any) -> None:
            self._ended("success", task_instance)

        @hookimpl
        def on_task_instance_skipped(self, previous_state: Any, task_instance: Any) -> None:
            self._ended("skipped", task_instance)

        @hookimpl
        def on_task_instance_failed(self, previous_state: Any, task_instance: Any, error: Any) -> None:
            task, tries = task_instance.task, task_instance.try_number
            last = tries > (task.retries or 0) or isinstance(error, AirflowFailException)
            if error and task.retry_policy:
                decision = task.retry_policy.evaluate(error, tries, (task.retries or 0) + 1)
                last = last or decision.action is RetryAction.FAIL
            self._ended(
                "failed" if last else "retry", task_instance, error=reason(type(error).__name__, str(error or ""))
            )

    return Listener()


def _run_that_was_asked_for(dag_id: str) -> Any:
    """Return the run that a task has triggered and that nobody has begun."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunTriggeredByType
    from sqlalchemy import select

    with create_session() as session:
        found = session.execute(
            select(DagRun.run_id, DagRun.logical_date)
            .where(
                DagRun.dag_id == dag_id,
                DagRun.state == DagRunState.QUEUED,
                DagRun.triggered_by == DagRunTriggeredByType.OPERATOR,
            )
            .order_by(DagRun.id)
        )
        return found.first()


def run(dag_id: str, conf: Any) -> bool:
    """Run the DAG, and the runs that it asks for, and tell the end. Returns whether the last one succeeded."""
    tell("step", text="loading the DAG")
    prepare_metadata()
    end_turns()  # the caller holds the stack's lock and Airflow is down: whoever has the turn is dead
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import BundleDagBag
    from airflow.sdk import timezone
    from airflow.sdk.listener import get_listener_manager
    from dbt_common.events.functions import reset_metadata_vars
    from preload import preload  # of plugins/, where Airflow imports from

    manager = DagBundlesManager()
    manager.sync_bundles_to_db()
    bundle = next(iter(manager.get_all_dag_bundles()))
    bundle.initialize()
    bag = BundleDagBag(dag_folder=bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)
    dag = bag.dags.get(dag_id)
    if dag is None:
        broken = [f"{Path(file).name}: {text.strip().splitlines()[-1]}" for file, text in bag.import_errors.items()]
        reason = f"the DAG file {broken[0]}" if broken else f"{bundle.path} has no DAG {dag_id}"
        tell("end", state="failed", reason=reason)
        return False
    get_listener_manager().add_listener(_listener())
    preload()
    # Airflow 3.3.1 ends a successful `dags test` of a DAG with a deadline by an AttributeError. Nobody is missed by it:
    # only a scheduler would notice that the deadline has passed.
    dag.deadline = None
    from kpi_pipeline.requests import mistake  # of dags/, which the bundle has put on the path

    params = {name: param.value for name, param in dag.params.items()}
    given = {name: value for name, value in (conf or {}).items() if name in params}
    # Airflow refuses these values too, by a stack trace that ends in the value. The DAG itself refuses other names.
    if said := mistake({**params, **given}, given):
        tell("end", state="failed", reason=said)
        return False
    dag_run = dag.test(logical_date=timezone.utcnow(), run_conf=conf)
    while str(dag_run.state) == "success" and (asked := _run_that_was_asked_for(dag_id)):
        tell("step", text=f"going on with {asked.run_id}")
        # dbt reads a process's variables once, and would record this run's work as the last one's.
        reset_metadata_vars()
        # The scheduler would run what a task has triggered; `dags test` only makes runs of its own, by their date.
        with patch.object(type(dag_run), "generate_run_id", lambda asked=asked, **_: asked.run_id):
            dag_run = dag.test(logical_date=asked.logical_date)
    states = {task.task_id: str(task.state) for task in dag_run.get_task_instances()}
    tell("end", state=str(dag_run.state), reason="", tasks=states)
    return str(dag_run.state) == "success"


def main() -> None:
    """Run what the command line asks for; exit status 1 when the run failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dag_id", nargs="?")
    parser.add_argument("--conf", type=json.loads, default=None, metavar="JSON")
    parser.add_argument("--prepare", action="store_true", help="make the metadata database and the pool only")
    arguments = parser.parse_args()
    if arguments.prepare:
        prepare_metadata()
    elif not run(arguments.dag_id, arguments.conf):
        sys.exit(1)


if __name__ == "__main__":
    main()
