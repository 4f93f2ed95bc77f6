"""S3 on this machine: moto's server, with the objects kept on disk so that a restart loses none of them.

Run as `python -m local.s3 --data DIR --port PORT --ready-file PATH`; ends on SIGTERM.

Moto holds everything in memory, while the warehouse beside it is on disk. A bucket that came back empty would
contradict the ledger of loaded files, so each write is on disk before its answer leaves, and is read at the start.
The same server answers GetClusterCredentials for log-ins by IAM.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from moto.core.utils import utcnow
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import FakeKey, S3Backend, s3_backends
from werkzeug.serving import make_server

from local.redshift import aws

ACCOUNT, PARTITION, REGION = "123456789012", "aws", "us-east-1"


class Disk:
    """The buckets as directories: one file for each object, its attributes as a line of JSON before its bytes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lock = threading.Lock()

    @property
    def backend(self) -> S3Backend:
        """Moto's own model of S3."""
        return s3_backends[ACCOUNT][PARTITION]

    def load(self) -> None:
        """Fill moto with what the last server left."""
        self.root.mkdir(parents=True, exist_ok=True)
        for directory in sorted(path for path in self.root.iterdir() if path.is_dir()):
            bucket = self.backend.create_bucket(directory.name, REGION)
            for file in directory.iterdir():
                if file.suffix == ".tmp":
                    file.unlink()  # the server was killed while it wrote this; the client never got an answer
                    continue
                with file.open("rb") as stored:
                    head = json.loads(stored.readline())
                    key = FakeKey(
                        name=head["key"],
                        value=stored.read(),
                        account_id=ACCOUNT,
                        region_name=REGION,
                        etag=head["etag"],
                        bucket_name=bucket.name,
                    )
                key.last_modified = datetime.fromisoformat(head["last_modified"])
                key.metadata.update(head["metadata"])
                bucket.keys[key.name] = key

    def mirror(self, bucket_name: str, key_name: str | None = None) -> None:
        """Bring the disk in line with moto: for one object, or for a whole bucket."""
        with self.lock:
            directory = self.root / bucket_name
            if bucket_name not in self.backend.buckets:
                shutil.rmtree(directory, ignore_errors=True)
                return
            directory.mkdir(exist_ok=True)
            keys = self.backend.buckets[bucket_name].keys
            names = {key_name} if key_name in keys else set(keys)
            for name in names:
                self._store(directory / _file_name(name), keys[name])
            if key_name is None:
                wanted = {_file_name(name) for name in keys if isinstance(keys[name], FakeKey)}
                for file in directory.iterdir():
                    if file.name not in wanted:
                        file.unlink()
            elif key_name not in keys:
                (directory / _file_name(key_name)).unlink(missing_ok=True)

    def _store(self, file: Path, key: Any) -> None:
        if not isinstance(key, FakeKey):  # a delete marker
            file.unlink(missing_ok=True)
            return
        head = {
            "key": key.name,
            "etag": key.etag.strip('"'),
            "last_modified": (key.last_modified or utcnow()).isoformat(),
            "metadata": dict(key.metadata),
        }
        if file.exists():
            with file.open("rb") as stored:
                if json.loads(stored.readline()) == head:
                    return
        draft = file.with_suffix(".tmp")
        with draft.open("wb") as stored:
            stored.write(json.dumps(head).encode() + b"\n")
            stored.write(key.value)
        draft.replace(file)


def _file_name(key: str) -> str:
    # A key may be longer than a file name and hold any character.
    return hashlib.sha256(key.encode()).hexdigest()


class DurableS3:
    """Moto's web application, with each write on disk before it is acknowledged."""

    def __init__(self, app: Any, disk: Disk) -> None:
        self.app = app
        self.disk = disk

    def __call__(self, environ: dict, start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        response = self.app(environ, start_response)
        if environ["REQUEST_METHOD"] in ("PUT", "POST", "DELETE"):
            path = unquote(environ.get("RAW_URI", environ["PATH_INFO"]).split("?")[0]).lstrip("/")
            bucket, _, key = path.partition("/")
            if bucket in self.disk.backend.buckets or (bucket and (self.disk.root / bucket).is_dir()):
                self.disk.mirror(bucket, key or None)
        return response


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="directory that the objects are kept in")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ready-file", type=Path, required=True)
    arguments = parser.parse_args()
    os.environ["MOTO_PORT"] = str(arguments.port)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    disk = Disk(arguments.data)
    disk.load()
    aws.install()
    app = DurableS3(DomainDispatcherApplication(create_backend_app), disk)
    server = make_server("127.0.0.1", arguments.port, app, threaded=True, request_handler=_QuietHandler)
    draft = arguments.ready_file.with_suffix(".draft")
    draft.write_text(json.dumps({"port": arguments.port, "pid": os.getpid()}))
    draft.replace(arguments.ready_file)
    server.serve_forever()


class _QuietHandler(MotoRequestHandler):
    """Moto's request handler, which otherwise logs each request: the log would grow without end."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        if str(code).startswith("5"):
            super().log_request(code, size)


if __name__ == "__main__":
    main()
