"""One DAG run in this process, as `airflow dags test` does it, telling each step as it happens.

Run as `python -m local.dag_test DAG_ID [--conf JSON]` with the stack's environment; `local.runs` starts it and reads
what it tells. `--prepare` makes the metadata database and the pool only.

It differs from `airflow dags test` in two ways: it makes the metadata database in the same process, since importing
Airflow costs seconds, and it waits one second before a retry where the DAG may wait minutes, since somebody is watching.
"""

import argparse
import json
import logging
import os
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

EVENT = "@event "  # how a line of the log that tells a step begins
POOL = "transform"  # two dbt builds of one schema at once are not safe, so this pool has one slot
RETRY_SECONDS = 1


def tell(kind: str, **details: Any) -> None:
    """Write one event as a line of its own. Tasks redirect sys.stdout, hence the file descriptor."""
    os.write(1, f"\n{EVENT}{json.dumps({'event': kind, **details})}\n".encode())


def prepare_metadata() -> None:
    """Make or migrate Airflow's metadata database and the pool, once for each version of Airflow."""
    import airflow

    stamp = Path(os.environ["AIRFLOW_HOME"], "migrated")
    if stamp.exists() and stamp.read_text() == airflow.__version__:
        return
    from airflow.models.pool import Pool
    from airflow.utils import db

    db.upgradedb()
    Pool.create_or_update_pool(POOL, slots=1, description="One dbt build at a time.", include_deferred=True)
    stamp.write_text(airflow.__version__)


def first_line(error: object) -> str:
    """Return an exception's first line, behind its type where the text alone would not say what happened."""
    lines = [line.strip() for line in str(error or "").splitlines() if line.strip()]
    if isinstance(error, BaseException) and (not lines or isinstance(error, (KeyError, OSError, AttributeError))):
        return f"{type(error).__name__}: {lines[0] if lines else ''}".rstrip(": ")
    return lines[0] if lines else "no reason given"


class PipelineLines(logging.Handler):
    """Tells what the DAG's own tasks log for a reader: lines that begin with `kpi_pipeline:`."""

    def emit(self, record: logging.LogRecord) -> None:
        """Tell one record."""
        message = record.getMessage()
        if message.startswith("kpi_pipeline:"):
            tell("log", text=message.removeprefix("kpi_pipeline:").strip(), level=record.levelname)


def _listener() -> Any:
    from airflow.listeners import hookimpl

    class Listener:
        """Tells when a task starts and how it ends."""

        def __init__(self) -> None:
            self.lines = PipelineLines()
            self.started: dict[str, float] = {}

        def _ended(self, kind: str, task: Any, **details: Any) -> None:
            seconds = time.monotonic() - self.started.get(task.task_id, time.monotonic())
            tell(kind, task=task.task_id, seconds=round(seconds, 1), **details)

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
            last = task_instance.try_number > (task_instance.task.retries or 0)
            from airflow.sdk.exceptions import AirflowFailException

            last = last or isinstance(error, AirflowFailException)
            self._ended("failed" if last else "retry", task_instance, error=first_line(error))

    return Listener()


def run(dag_id: str, conf: dict | None) -> bool:
    """Run the DAG once and tell its end. Returns whether it succeeded."""
    tell("step", text="loading the DAG")
    prepare_metadata()
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import BundleDagBag
    from airflow.sdk import timezone
    from airflow.sdk.listener import get_listener_manager

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
    for task in dag.tasks:
        task.retry_delay = timedelta(seconds=RETRY_SECONDS)
        task.retry_exponential_backoff = 0
    get_listener_manager().add_listener(_listener())
    dag_run = dag.test(logical_date=timezone.utcnow(), run_conf=conf)
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
