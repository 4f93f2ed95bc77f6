"""A process with nothing of ours: no privilege, no network but the loopback interface, a folder that it can't write.

Made of util-linux's `unshare`, `mount` and `setpriv`, for root and for anybody else. `Sandbox.around` goes around
everything that shares the loopback interface, the stack too; `Sandbox.inside` around each process that is confined.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.errors import DeployError

# What root becomes: a number that no account has and that owns no file. Not `nobody`, as whom PostgreSQL runs.
UID = 60001
_NO_CAPABILITY = ("--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", "--no-new-privs")
# A mount that a user namespace inherits keeps what it forbids, so what it may forbid is forbidden here in any case.
_READ_ONLY = "remount,bind,ro,nosuid,nodev,noexec"
# Without a mount of its own nothing keeps the owner of a folder from changing its permissions back.
_OWNERS = "its permissions"
_PROBE = """
import json, os, socket, sys
folder = sys.argv[1]
def may(action):
    try:
        action()
    except OSError:
        return False
    return True
some_file = next(os.path.join(where, files[0]) for where, _, files in os.walk(folder) if files)
written = {
    "a new file": lambda: open(os.path.join(folder, "written"), "w"),
    "an old file": lambda: open(some_file, "a"),
    "its permissions": lambda: os.chmod(folder, os.stat(folder).st_mode & 0o777),
}
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
def outside():
    # TEST-NET-1 of RFC 5737: no machine has this address. Without a route the kernel says so at once.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        handle.connect(("192.0.2.1", 9))
print(json.dumps({
    "uids": [*os.getresuid(), *os.getresgid()],
    "capabilities": {name: status[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")},
    "may_gain": status["NoNewPrivs"].strip() != "1",
    "writes": [name for name, action in written.items() if may(action)],
    "interfaces": [name for _, name in socket.if_nameindex()],
    "has_route": may(outside),
}))
"""


@dataclass(frozen=True)
class Sandbox:
    """How to confine a process on this machine.

    Attributes:
        root: Whether we are root, who has to become somebody else.
        namespaces: Whether the kernel lets us have a network and mounts of our own. Where it does not, a process
            loses its privileges only.
        stays_root: Whether root can't become somebody else, who would not reach the interpreter.
    """

    root: bool
    namespaces: bool
    stays_root: bool = False

    @classmethod
    def of_this_machine(cls, read_only: Path, needs: Sequence[Path]) -> Sandbox:
        """Try out what the kernel allows.

        Args:
            read_only: As for `inside`; mounts of some file systems are refused.
            needs: As for `inside`.
        """
        root = os.geteuid() == 0
        if all(map(shutil.which, ("unshare", "mount", "setpriv"))):
            whole = cls(root, namespaces=True)
            command = whole.around(whole.inside(["true"], read_only, needs))
            if subprocess.run(command, capture_output=True, check=False).returncode == 0:
                return whole
        return cls(root, namespaces=False, stays_root=root and any(map(_closed_above, map(Path.resolve, needs))))

    @property
    def lacks(self) -> str | None:
        """What this machine can't confine, in one sentence; None if nothing."""
        if self.namespaces:
            return None
        sentence = "this machine's kernel allows no namespaces: the DAG runs with its network"
        return sentence + ", and as root without capabilities, since only root reaches Python" * self.stays_root

    def around(self, command: Sequence[str]) -> list[str]:
        """Return a command that runs in a network of its own, whose loopback interface is still off."""
        if not self.namespaces:
            return list(command)
        # An ordinary user needs a user namespace for it, and keeps the powers that it gives until `inside`.
        options = ["--net"] if self.root else ["--map-current-user", "--keep-caps", "--net"]
        return ["unshare", *options, "--", *command]

    def inside(self, command: Sequence[str], read_only: Path, needs: Sequence[Path] = ()) -> list[str]:
        """Return a command that runs as nobody in particular.

        Args:
            command: The command, to be run inside `around`.
            read_only: A folder that it can't write, whoever owns it.
            needs: Folders that it has to reach, also where one above them is closed to everybody but root.
        """
        drop = [*_NO_CAPABILITY]
        if self.root and not self.stays_root:
            drop += [f"--reuid={UID}", f"--regid={UID}", "--clear-groups"]
        confined = ["setpriv", *drop, "--", *command]
        if not self.namespaces:
            return confined if self.root and shutil.which("setpriv") else list(command)
        folder = shlex.quote(str(read_only.resolve()))
        lines = [*(_opened([*needs, read_only]) if self.root else ()), f"mount --bind {folder} {folder}"]
        # The working directory is still that of the mounts before.
        lines += [f"mount -o {_READ_ONLY} {folder}", 'cd "$PWD" 2>/dev/null || cd /', 'exec "$@"']
        return ["unshare", "--mount", "--", "sh", "-ec", "\n".join(lines), "sh", *confined]

    def prove(self, python: Path, environ: Mapping[str, str], read_only: Path, needs: Sequence[Path] = ()) -> str:
        """Have a confined process try what it must not be able to do.

        Args:
            python: The interpreter of the process.
            environ: Its environment.
            read_only: As for `inside`.
            needs: As for `inside`.

        Returns:
            What was found, in words.

        Raises:
            DeployError: It does not start, or it can do something.
        """
        command = self.inside([str(python), "-c", _PROBE, str(read_only)], read_only, needs)
        done = subprocess.run(command, env=dict(environ), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise DeployError(f"An unprivileged process can't start {python}: {last}")
        found = json.loads(done.stdout)
        if can := self.exceeded(found):
            raise DeployError(f"The check is not confined as on MWAA: it {', '.join(can)}.")
        network = "no network but the loopback interface" if self.namespaces else "this machine's network"
        return f"confined: uid {found['uids'][0]}, no capability, {read_only.name}/ can't be written, {network}"

    def exceeded(self, found: Mapping[str, Any]) -> list[str]:
        """Tell what a process could do and must not.

        Args:
            found: What `_PROBE` found out.
        """
        can = ["runs as root"] if 0 in found["uids"] and not self.stays_root else []
        can += [f"has {name} {value}" for name, value in found["capabilities"].items() if int(value, 16)]
        writes = [name for name in found["writes"] if self.namespaces or name != _OWNERS]
        can += [f"can write dags/ ({name})" for name in writes]
        if self.namespaces:
            can += ["may gain privileges"] if found["may_gain"] else []
            can += ["reaches a network"] if found["interfaces"] != ["lo"] or found["has_route"] else []
        return can


def _opened(needs: Sequence[Path]) -> list[str]:
    """Return the lines that make folders reachable below others that only root may enter.

    The outermost closed one is covered by an empty file system that everybody may enter, and what is needed of it is
    mounted at its old place: no path changes, and nothing else of the closed folder is to be seen.
    """
    closed = {path.resolve(): cover for path in needs if (cover := _closed_above(path.resolve()))}
    # What lies below another needed folder comes along with it.
    closed = {path: cover for path, cover in closed.items() if not any(other in path.parents for other in closed)}
    handles = dict(zip(closed, range(3, 10), strict=False))
    quoted = {path: shlex.quote(str(path)) for path in closed}
    lines = [f"exec {handles[path]}<{quoted[path]}" for path in closed]
    covers = sorted(set(closed.values()))
    lines += [f"mount -t tmpfs -o mode=755,size=1m tmpfs {shlex.quote(str(cover))}" for cover in covers]
    for path, handle in handles.items():
        lines += [f"mkdir -p {quoted[path]}", f"mount --no-canonicalize --bind /proc/self/fd/{handle} {quoted[path]}"]
        lines.append(f"exec {handle}<&-")
    return lines


def _closed_above(path: Path) -> Path | None:
    """Return the outermost folder above a path that others may not enter, if there is one."""
    return next((above for above in reversed(path.parents) if not above.stat().st_mode & 0o001), None)
