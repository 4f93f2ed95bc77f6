"""Processes that outlive their caller, and how to tell for certain that one is still the process that we started."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import psutil

# A Popen that is thrown away while its process runs is never reaped by a long-lived caller (pytest): a zombie stays.
_spawned: list[subprocess.Popen[bytes]] = []


def boot() -> str:
    """Name the present boot of this machine: a pid noted before a reboot says nothing about a process of today."""
    linux = Path("/proc/sys/kernel/random/boot_id")
    return linux.read_text().strip() if linux.exists() else str(int(psutil.boot_time()))


def identity(pid: int) -> str | None:
    """Tell a running process from every other one that had or will have its pid.

    Returns:
        A text that no later process of the same pid shares; None when there is no such process or it is a zombie.
    """
    for child in list(_spawned):
        if child.poll() is not None:  # reaps it, if it is ours
            _spawned.remove(child)
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        if sys.platform == "linux":
            # Ticks since boot: unlike a time of day they don't move when the clock is set.
            started = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
        else:
            started = str(process.create_time())
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return None
    return f"{boot()}:{started}"


def spawn(command: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own that holds nothing of the caller's: not its terminal, not its pipes.

    Args:
        command: The program and its arguments; no secret belongs here, `ps` shows it to everyone.
        env: Its whole environment.
        cwd: Its working directory.
        log: The file that its output is appended to.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(command),
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _spawned.append(process)
    return process


def stop(pid: int, expected: str, *, first: signal.Signals = signal.SIGTERM, seconds: float = 20.0) -> bool:
    """Stop a process that `spawn` started, and what it left behind in its session.

    Args:
        pid: The process, which is also the id of its session.
        expected: Its `identity` when it was started. Any other process is left alone.
        first: The signal that asks it to end.
        seconds: How long it may take before it is killed.

    Returns:
        Whether there was anything of ours to stop.
    """
    now = identity(pid)
    if now not in (None, expected) or not expected.startswith(boot()):
        return False  # the pid is somebody else's by now
    stopped = now is not None
    if stopped:
        _signal(pid, first)
        _wait(lambda: identity(pid) is None, seconds)
    # The kernel gives nobody the number of a session that still has a process, so these are ours, orphans included.
    for last, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
        members = _members(pid)
        if not members:
            break
        stopped = True
        for member in members:
            _signal(member, last)
        _wait(lambda: not _members(pid), patience)
    return stopped


def stop_owner_of(directory: Path) -> bool:
    """Stop a program that was started on a data directory (`-D`) and whose parent was killed before it could.

    Args:
        directory: The data directory.

    Returns:
        Whether there was such a program.
    """
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = process.cmdline()
            if ("-D", str(directory)) in pairwise(words):
                found.append(process)
    for process in found:
        _signal(process.pid, signal.SIGINT)  # PostgreSQL's fast shutdown
    _, left = psutil.wait_procs(found, timeout=20)
    for process in left:
        _signal(process.pid, signal.SIGKILL)
    return bool(found)


def _members(session: int) -> list[int]:
    """List the live processes of a session."""
    found = []
    for pid in psutil.pids():
        try:
            if pid != os.getpid() and os.getsid(pid) == session and identity(pid) is not None:
                found.append(pid)
        except (ProcessLookupError, PermissionError):
            continue
    return found


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _wait(done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.05)
