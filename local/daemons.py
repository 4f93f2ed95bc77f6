"""One daemon of the stack: started once, found again by the next command, healed after a crash, stopped on request."""

import fcntl
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local import processes
from local.errors import LocalError

STARTUP_SECONDS = 300.0


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that only one process (or thread) has at a time, and that a killed one lets go of."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback interface now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass(frozen=True)
class Daemon:
    """A daemon's files: its record below `run/`, its log below `logs/`.

    Attributes:
        name: What it is called in messages, file names and the variable LOCAL_<NAME>_PORT that fixes its port.
        state: The stack's state directory.
        stop_signal: The signal that ends it in good order.
    """

    name: str
    state: Path
    stop_signal: signal.Signals = signal.SIGTERM

    @property
    def log(self) -> Path:
        """The file that its output goes to."""
        return self.state / "logs" / f"{self.name}.log"

    @property
    def ready_file(self) -> Path:
        """The file that it writes as soon as it answers."""
        return self.state / "run" / f"{self.name}.ready"

    @property
    def _record_file(self) -> Path:
        return self.state / "run" / f"{self.name}.json"

    def _record(self) -> dict | None:
        try:
            return json.loads(self._record_file.read_text())
        except (FileNotFoundError, ValueError):
            return None  # never started, or the machine went down while it was written

    def alive(self) -> bool:
        """Whether the process that we started still runs."""
        record = self._record()
        return record is not None and processes.identity(record["pid"]) == record["identity"]

    def ready(self) -> bool:
        """Whether it runs and has said that it answers."""
        return self.alive() and self.ready_file.exists()

    def port(self) -> int:
        """Return its port: the one set in the environment, else the one it had before if still free, else a free one.

        Raises:
            LocalError: LOCAL_<NAME>_PORT is not a port.
        """
        record = self._record() or {}
        if self.alive():
            return record["port"]
        if fixed := self._fixed_port():
            return fixed
        port = record.get("port")
        if not port or not port_is_free(port):
            port = free_port()
            self._write({**record, "pid": record.get("pid", 0), "identity": record.get("identity", ""), "port": port})
        return port

    def _fixed_port(self) -> int | None:
        variable = f"LOCAL_{self.name.upper()}_PORT"
        value = os.environ.get(variable, "")
        if value and not (value.isdecimal() and 0 < int(value) < 65536):
            raise LocalError(f"{variable} is {value!r}, which is not a port (1 to 65535).")
        return int(value) if value else None

    def start(self, command: Sequence[str], *, env: Mapping[str, str], cwd: Path, port: int, fingerprint: str) -> None:
        """Start it, unless it already runs as wanted; what a killed predecessor left behind is cleared away first.

        Args:
            command: The program and its arguments. It writes `ready_file` once it answers, or `wait` probes the port.
            env: Its whole environment.
            cwd: Its working directory.
            port: The port that the command tells it to listen on.
            fingerprint: What it depends on (other daemons' ports, say); when this differs, it is started anew.

        Raises:
            LocalError: the port is taken.
        """
        record = self._record()
        if record and self.alive() and record.get("fingerprint") == fingerprint:
            return
        self.stop()
        if not port_is_free(port):
            raise LocalError(f"Port {port} for {self.name} is in use; set LOCAL_{self.name.upper()}_PORT to another.")
        self.ready_file.parent.mkdir(parents=True, exist_ok=True)
        self.ready_file.unlink(missing_ok=True)
        process = processes.spawn(command, env=env, cwd=cwd, log=self.log)
        self._write(
            {
                "pid": process.pid,
                "identity": processes.identity(process.pid) or "",
                "port": port,
                "fingerprint": fingerprint,
            }
        )

    def wait(self, answers: Callable[[], bool] = lambda: False) -> None:
        """Return when it answers.

        Args:
            answers: Asks it, if it is a program that doesn't write `ready_file`.

        Raises:
            LocalError: it ended, or did not answer within STARTUP_SECONDS; the sentence names its log.
        """
        deadline = time.monotonic() + STARTUP_SECONDS
        while not self.ready_file.exists():
            if not self.alive():
                raise LocalError(f"{self.name} ended while starting{self._last_words()} (log: {self.log})")
            if time.monotonic() > deadline:
                raise LocalError(f"{self.name} did not answer within {STARTUP_SECONDS:.0f} seconds (log: {self.log})")
            if answers():
                self.ready_file.touch()
            else:
                time.sleep(0.03)

    def stop(self) -> bool:
        """Stop it if it is ours. Returns whether there was anything to stop."""
        record = self._record()
        if not record or not record.get("identity"):
            return False
        stopped = processes.stop(record["pid"], record["identity"], first=self.stop_signal)
        self.ready_file.unlink(missing_ok=True)
        self._write({"pid": 0, "identity": "", "port": record["port"]})
        return stopped

    def _write(self, record: dict) -> None:
        self._record_file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._record_file.with_suffix(".tmp")
        draft.write_text(json.dumps(record))
        draft.replace(self._record_file)

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines() if self.log.exists() else []
        return f": {lines[-1].strip()}" if lines else ""
