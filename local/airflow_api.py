"""Airflow's REST API: what `up` waits for, and a DAG run in the Airflow that has the UI, told step by step.

While that Airflow is up its scheduler would take a run of `local.dag_test` for its own and run each task twice, so runs
are asked of it instead.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from local.dag_test import reason
from local.errors import LocalError

POLL_SECONDS = 0.5
HEARTBEAT_SECONDS = 60.0  # twice the age of a heartbeat from which Airflow calls a scheduler unhealthy
# A laptop that is busy with tests answers late, and asking for a run again would start two.
TIMEOUT_SECONDS = 120
# No proxy: the address is the loopback interface's.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class AirflowApi:
    """One Airflow's API.

    Args:
        address: Of its UI. Whoever asks is an administrator (`simple_auth_manager_all_admins`).
        dag_id: The DAG that the methods are about.
    """

    def __init__(self, address: str, dag_id: str) -> None:
        self.address = address
        self.dag_id = dag_id
        self._token = ""

    def is_ready(self) -> bool:
        """Whether the scheduler runs and knows the DAG; the DAG is switched on by the way."""
        try:
            health = self._call("GET", "/api/v2/monitor/health")
            if any((health.get(part) or {}).get("status") != "healthy" for part in ("scheduler", "dag_processor")):
                return False
            self._call("PATCH", f"/api/v2/dags/{self.dag_id}?update_mask=is_paused", {"is_paused": False})
        except OSError:
            time.sleep(POLL_SECONDS)
            return False
        return True

    def becomes_ready(self) -> bool:
        """Whether it is ready within HEARTBEAT_SECONDS: on a busy machine a healthy scheduler's heartbeat is late."""
        deadline = time.monotonic() + HEARTBEAT_SECONDS
        while not (ready := self.is_ready()) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        return ready

    def params(self) -> dict[str, dict[str, Any]]:
        """Return the DAG's params by name, as the trigger form shows them: value, description and schema of each."""
        return self._call("GET", f"/api/v2/dags/{self.dag_id}/details")["params"]

    def run(self, conf: dict | None, logs: Path) -> Iterator[dict]:
        """Run the DAG, and the runs that it asks for, and yield the events that `local.dag_test` would tell.

        Args:
            conf: The run's params.
            logs: Airflow's log folder.

        Raises:
            LocalError: Airflow doesn't take the run.
        """
        try:
            runs = f"/api/v2/dags/{self.dag_id}/dagRuns"
            run = self._call("POST", runs, {"logical_date": None, "conf": conf or {}})
        except urllib.error.HTTPError as error:
            raise LocalError(f"Airflow refused the run: {_sentence(error)}") from None
        run_id = run["dag_run_id"]
        while True:
            state = yield from self._follow(runs, run_id, logs)
            asked = self._asked_for(f"{runs}/{urllib.request.quote(run_id, safe='')}") if state == "success" else None
            if not asked:
                yield {"event": "end", "state": state, "reason": ""}
                return
            run_id = asked
            yield {"event": "step", "text": f"going on with {run_id}"}

    def _asked_for(self, path: str) -> str | None:
        """Return the run that a run has asked for, if any."""
        try:
            return self._call("GET", f"{path}/taskInstances/next_run/xcomEntries/trigger_run_id")["value"]
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    def _follow(self, runs: str, run_id: str, logs: Path) -> Generator[dict, None, str]:
        folder = logs / f"dag_id={self.dag_id}" / f"run_id={run_id}"
        path = f"{runs}/{urllib.request.quote(run_id, safe='')}"
        seen: dict[tuple[str, int], str] = {}
        while True:
            state = self._call("GET", path)["state"]
            tasks = self._call("GET", f"{path}/taskInstances?limit=500")["task_instances"]
            for task in sorted(tasks, key=lambda task: task["end_date"] or "9"):
                attempt = (task["task_id"], task["try_number"])
                if task["state"] and seen.get(attempt) != task["state"]:
                    seen[attempt] = task["state"]
                    yield from _events(task, folder)
            if state in ("success", "failed"):
                return state
            time.sleep(POLL_SECONDS)

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        if not self._token:
            with _opener.open(f"{self.address}/auth/token", timeout=10) as answer:
                self._token = json.load(answer)["access_token"]
        request = urllib.request.Request(
            self.address + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        with _opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
            return json.load(answer)


def _sentence(error: urllib.error.HTTPError) -> str:
    """Return what Airflow says, without the schema that it prints behind a value that a param does not take."""
    answer = error.read().decode(errors="replace")
    try:
        return str(json.loads(answer)["detail"]).splitlines()[0]
    except (ValueError, LookupError, TypeError):
        return answer


def _events(task: dict, folder: Path) -> Iterator[dict]:
    """Yield what a task instance's new state means to a reader."""
    kinds = {"success": "success", "skipped": "skipped", "failed": "failed", "up_for_retry": "retry"}
    kind = kinds.get(task["state"])
    if not kind or not task["start_date"]:
        return
    error = "no reason given"
    for entry in _log_entries(folder / f"task_id={task['task_id']}" / f"attempt={task['try_number']}.log"):
        text = str(entry.get("event", ""))
        if text.startswith("kpi_pipeline:"):
            yield {"event": "log", "text": text.removeprefix("kpi_pipeline:").strip()}
        for raised in (entry.get("error_detail") or [])[-1:]:
            error = reason(str(raised.get("exc_type")), str(raised.get("exc_value", "")))
    took = datetime.fromisoformat(task["end_date"]) - datetime.fromisoformat(task["start_date"])
    yield {"event": kind, "task": task["task_id"], "seconds": round(took.total_seconds(), 1), "error": error}


def _log_entries(file: Path) -> Iterator[dict]:
    if not file.exists():
        return
    for line in file.read_text(errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            yield entry
