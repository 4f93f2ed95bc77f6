"""What parsing the DAG file costs: in a new process, and again in the same one, beside importing Airflow and Cosmos."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.figure import Figure, emit
from local.stack import Stack

ROOT = Path(__file__).resolve().parent.parent
PROCESSES = 9
# Cosmos imports what it offers when somebody asks for it: what every DAG that uses it has to ask for belongs to it.
CODE = """
import json, sys, time
began = time.perf_counter()
from airflow.sdk import DAG, Param, TaskGroup, TriggerRule, task
from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
alone = time.perf_counter()
import streaming_kpis
cold = time.perf_counter()
del sys.modules["streaming_kpis"]
import streaming_kpis
warm = time.perf_counter()
print(json.dumps({"alone": alone - began, "cold": cold - alone, "warm": warm - cold}))
"""


def main() -> None:
    """Print the figures: the median of several new processes."""
    Stack().refresh_manifest()
    # The parser of a Python file that has been compiled before, as in a DAG processor: the bytecode is kept.
    with tempfile.TemporaryDirectory(prefix="kpi-bench-") as home:
        env = {
            **os.environ,
            "AIRFLOW_HOME": home,
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
            "KPI_ALERT_TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:alerts",  # with a deadline, as in production
            "PYTHONPATH": str(ROOT / "dags"),
            "PYTHONPYCACHEPREFIX": f"{home}/pycache",
        }
        runs = []
        for _ in range(PROCESSES + 1):
            done = subprocess.run([sys.executable, "-c", CODE], env=env, check=True, capture_output=True, text=True)
            runs.append(json.loads(done.stdout.splitlines()[-1]))
    medians = {name: statistics.median(run[name] for run in runs[1:]) for name in runs[0]}
    emit(
        Figure(
            "DAG parsing, cold: on top of importing Airflow and Cosmos",
            round(medians["cold"], 3),
            "s",
            baseline=round(medians["alone"], 3),
            ratio=round(medians["cold"] / medians["alone"], 3),
            goal="under 0.3 s more",
            met=medians["cold"] < 0.3,
        ),
        Figure("DAG parsing, warm: again in the same process", round(medians["warm"], 3), "s"),
    )


if __name__ == "__main__":
    main()
