"""Random faults over a multi-day replay: `python -m tests.faults.soak [--faults N] [--seed N]`; `make soak` calls it.

Each round puts a batch of files, runs landing and the models with one fault at a random statement or request, and goes
on without a quiet run in between. The same seed draws the same files and the same faults. In the end one quiet run has
to give exactly what the contract says of all files, with every line accounted for.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from local.environment import REPO
from local.stack import Stack
from tests.faults.in_process import Pipeline
from tests.faults.redshift_proxy import At, RedshiftProxy, Statement
from tests.faults.s3_proxy import CUT, TRUNCATED, S3Proxy
from tests.faults.world import World, assert_sound

MESSAGES = (
    "1023: Serializable isolation violation on table - 100123",
    "Disk Full",
    "Query (1234) cancelled on user's request",
)
# How many statements and requests a run has, about; a number beyond the last breaks nothing, and is drawn again.
STATEMENTS, LANDING_STATEMENTS, REQUESTS = 420, 30, 12
WORKER_SECONDS = 1800  # a whole run on a machine that is busy with other things; one that hangs takes longer
ROUNDS_A_BATCH = 2  # a batch stays under way for some broken runs before the next one comes


class Soak:
    """A world, the pipeline through the proxies, and the faults that hit it.

    Args:
        stack: A stack that is up; it is emptied.
        seed: Draws the files and the faults.
    """

    def __init__(self, stack: Stack, redshift: RedshiftProxy, s3: S3Proxy, seed: int) -> None:
        self.redshift, self.s3 = redshift, s3
        self.random = random.Random(seed)
        self.world = World(seed)
        stack.reset()
        self.quiet = Pipeline.of(stack)
        self.quiet.prepare()
        self.faulty = Pipeline.of(stack, REDSHIFT_PORT=str(redshift.port), AWS_ENDPOINT_URL=s3.endpoint)
        self.injected: Counter[str] = Counter()

    def run(self, faults: int, tell: Callable[[str], None] = lambda line: None) -> None:
        """Inject this many faults, then run once in quiet and compare.

        Raises:
            AssertionError: A row was lost, counted twice, or a KPI is not what it must be.
        """
        rounds = 0
        while self.injected.total() < faults:
            if rounds % ROUNDS_A_BATCH == 0:
                for key, body in self.world.next_batch().items():
                    self.quiet.put(key, body)
            rounds += 1
            name = self._round()
            tell(f"{self.injected.total():4}/{faults}  {name}")
        self._calm()
        self.quiet.land_all()
        result = self.quiet.build()
        failed = [item.node.name for item in result.result.results if item.status in ("error", "fail")]
        assert result.success, failed
        assert_sound(self.quiet, self.world)

    def _round(self) -> str:
        self._calm()
        kind = self.random.choice(["landing", "landing", "storage", "models", "models", "models", "kill"])
        if kind == "storage":
            return self._storage()
        number = self.random.randrange(LANDING_STATEMENTS if kind == "landing" else STATEMENTS)
        at = self.random.choice(list(At)) if kind != "kill" else self.random.choice([At.BEFORE, At.DURING, At.AFTER])
        message = self.random.choice(MESSAGES)
        seen: list[Statement] = []

        def when(statement: Statement) -> bool:
            seen.append(statement)
            return len(seen) == number + 1

        if kind == "kill":
            worker: list[subprocess.Popen[bytes]] = []
            started = threading.Event()

            def kill() -> None:
                started.wait()
                worker[0].send_signal(signal.SIGKILL)

            fault = self.redshift.add(when, at, instead=kill)
            command = [sys.executable, "-m", "tests.faults.run_once"]
            env = {**self.faulty.env, "PYTHONPATH": os.pathsep.join([str(REPO), str(REPO / "dags")])}
            worker.append(
                subprocess.Popen(command, cwd=REPO, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            )
            started.set()
            worker[0].wait(WORKER_SECONDS)
        else:
            fault = self.redshift.add(when, at, message)
            self._try(landing_only=kind == "landing")
        place = f"{kind} {at.value}"
        if fault.injected:
            self.injected[place] += 1
            hit = seen[number]
            return f"{place}: {hit.node.rpartition('.')[2]} {' '.join(hit.sql.split())[:60]}"
        return f"{place}: nothing left to break"

    def _storage(self) -> str:
        number = self.random.randrange(REQUESTS)
        status, code = self.random.choice(
            [(500, "InternalError"), (503, "SlowDown"), (403, "AccessDenied"), (CUT, ""), (TRUNCATED, "")]
        )
        path = self.random.choice(["list-type=2", "songs.csv", "streams/", "manifests", "users.csv"])
        answers = [
            self.s3.answer(method, path, status, code, times=number % 4 + 1) for method in ("GET", "PUT", "HEAD")
        ]
        self._try(landing_only=True)
        if sum(answer.injected for answer in answers):
            self.injected[f"storage {status or 'cut'}"] += 1
            return f"storage {status} {path}"
        return "storage: nothing left to break"

    def _try(self, landing_only: bool) -> None:
        """A run as Airflow makes it: a table that fails holds back the models, and the others land all the same."""
        failed = False
        for table in ("songs", "users", "streams"):
            try:
                self.faulty.land(table)
            except Exception as error:
                self._expected(error)
                failed = True
        if not failed and not landing_only:
            self.faulty.models()

    def _expected(self, error: Exception) -> None:
        """A fault ends a load in one of the errors that are explained, never in another one."""
        from kpi_pipeline.landing.errors import WAREHOUSE_ERRORS, LandingError, TransientLandingError

        if not isinstance(error, (LandingError, TransientLandingError, *WAREHOUSE_ERRORS)):
            raise AssertionError(f"a fault came out as {error!r}") from error

    def _calm(self) -> None:
        self.redshift.calm()
        self.s3.calm()


def main() -> None:
    """Run, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED") or 1))
    arguments = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kpi-soak-") as directory:
        Path(directory).chmod(0o755)
        stack = Stack(Path(directory))
        stack.up()
        try:
            client = stack.client_env()
            with (
                RedshiftProxy(int(client["REDSHIFT_PORT"])) as redshift,
                S3Proxy(client["AWS_ENDPOINT_URL"]) as s3,
            ):
                soak = Soak(stack, redshift, s3, arguments.seed)
                soak.run(arguments.faults, lambda line: print(line, flush=True))
        finally:
            stack.down()
    for name, count in sorted(soak.injected.items()):
        print(f"{count:5}  {name}")
    print(
        f"{soak.injected.total()} faults over {len(soak.world.files)} streams files (seed {arguments.seed}): "
        f"0 rows lost, 0 counted twice, in {time.monotonic() - started:.0f} s."
    )


if __name__ == "__main__":
    main()
