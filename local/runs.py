"""One DAG run seen from outside: a child process, its log, a line for each step, and the reason when it failed."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from local import processes
from local.dag_test import EVENT
from local.environment import REPO

DAG_ID = "streaming_kpis"


@dataclass(frozen=True)
class RunResult:
    """How a DAG run ended.

    Attributes:
        state: `success` or `failed`.
        reason: Each failed task and why it failed, in one line; empty when the run succeeded.
        seconds: How long it took, Airflow's own start included.
        log: Everything that Airflow printed.
    """

    state: str
    reason: str
    seconds: float
    log: Path


def run_dag(
    env: Mapping[str, str], logs: Path, conf: dict | None, progress: Callable[[str], None], dag_id: str = DAG_ID
) -> RunResult:
    """Run the DAG once in a process of its own and wait for its end.

    Args:
        env: The process's whole environment.
        logs: The directory that the log goes to.
        conf: The run's params.
        progress: Is called with a readable line for each step.
        dag_id: The DAG.
    """
    started = time.monotonic()
    log = logs / f"run-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}.log"
    command = [sys.executable, "-m", "local.dag_test", dag_id]
    if conf is not None:
        command += ["--conf", json.dumps(conf)]
    process = processes.spawn(command, env=env, cwd=REPO, log=log)
    identity = processes.identity(process.pid) or ""
    try:
        return follow(_events(process, log), log, progress, started)
    except BaseException:  # Ctrl-C above all: nobody waits for the run any more
        # A DAG under test ignores SIGTERM. What it leaves as running the next run closes; Redshift rolls back.
        processes.stop(process.pid, identity, first=signal.SIGKILL)
        raise


def follow(events: Iterator[dict], log: Path, progress: Callable[[str], None], started: float) -> RunResult:
    """Tell a run's events as they come and return how it ended.

    Args:
        events: As `local.dag_test` tells them.
        log: Where the rest of what Airflow says is.
        progress: Is called with a readable line for each step.
        started: When the run was asked for, by `time.monotonic`.
    """
    state, reason = "failed", ""
    failures: dict[str, str] = {}
    held: list[str] = []
    for event in events:
        if event["event"] == "log" and event.get("level") == "ERROR":
            held.append(event["text"])  # most often what the task's end says too
            continue
        if event["event"] == "failed":
            failures[event["task"]] = event["error"]
        if event["event"] in ("failed", "retry", "end"):
            for text in _news(held, failures, event.get("error", "")):
                progress(text)
            held.clear()
        if line := _line(event):
            progress(line)
        if event["event"] == "end":
            state, reason = event["state"], event["reason"]
    for text in _news(held, failures, ""):
        progress(text)
    failure = "; ".join(f"{task} failed: {why.rstrip('.')}" for task, why in failures.items())
    reason = "" if state == "success" else failure or reason or f"Airflow ended early{_last_words(log)}"
    return RunResult(state, reason, round(time.monotonic() - started, 1), log)


def _news(lines: list[str], failures: dict[str, str], error: str) -> Iterator[str]:
    """Yield the lines that say something which no failure says.

    A task's own line has more than its error: the rows and days that a failed test has found. It becomes the failure.
    """
    for line in lines:
        task, said, why = line.partition(" failed: ")
        if said and task in failures:
            failures[task] = why
        elif not error or (line not in error and error not in line):
            yield line


def _events(process: subprocess.Popen[bytes], log: Path) -> Iterator[dict]:
    """Yield the events of a log while it is written, until the process has ended."""
    with log.open("rb") as lines:
        rest = b""
        while True:
            ended = process.poll() is not None
            chunk = lines.read()
            rest += chunk
            *whole, rest = rest.split(b"\n")
            for line in whole:
                if line.startswith(EVENT.encode()):
                    yield json.loads(line[len(EVENT) :])
            if ended and not chunk:
                return
            if not chunk:
                time.sleep(0.05)


def _line(event: dict) -> str:
    """Return what a reader sees of an event; nothing for some."""
    match event["event"]:
        case "step" | "log":
            return event["text"]
        case "success":
            return f"{event['task']}: done in {event['seconds']} s"
        case "skipped":
            return f"{event['task']}: nothing to do"
        case "retry":
            return f"{event['task']}: failed after {event['seconds']} s, tries again ({event['error']})"
        case "failed":
            return f"{event['task']}: FAILED after {event['seconds']} s"
    return ""


def _last_words(log: Path) -> str:
    if not log.is_file():
        return ""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return f": {lines[-1].strip()}" if lines else ""
