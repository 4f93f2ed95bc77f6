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
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote
from xml.sax.saxutils import escape

from moto.core.utils import utcnow
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import FakeKey, S3Backend, s3_backends
from werkzeug.serving import make_server

from redshift_emulator import iam

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
                        encryption=head.get("encryption"),
                        checksum_value=head.get("checksum_value"),
                    )
                key.checksum_algorithm = head.get("checksum_algorithm")
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
                self._store(directory / file_name(name), keys[name])
            if key_name is None:
                wanted = {file_name(name) for name in keys if isinstance(keys[name], FakeKey)}
                for file in directory.iterdir():
                    if file.name not in wanted:
                        file.unlink()
            elif key_name not in keys:
                (directory / file_name(key_name)).unlink(missing_ok=True)

    def _store(self, file: Path, key: Any) -> None:
        if not isinstance(key, FakeKey):  # a delete marker
            file.unlink(missing_ok=True)
            return
        head = {
            "key": key.name,
            "etag": key.etag.strip('"'),
            "last_modified": (key.last_modified or utcnow()).isoformat(),
            "metadata": dict(key.metadata),
            "encryption": key.encryption,
            "checksum_algorithm": key.checksum_algorithm,
            "checksum_value": key.checksum_value,
        }
        if file.exists():
            with file.open("rb") as stored:
                if json.loads(stored.readline()) == head:
                    return
        draft = file.with_suffix(".tmp")
        write_object(draft, head, key.value)
        draft.replace(file)


def make_etags_as_s3_does() -> None:
    """Give each version under SSE-KMS an ETag of its own: there S3 does not make it from the content."""
    of_content = FakeKey.etag.fget

    def etag(key: FakeKey) -> str:
        if key._etag is None and (key.encryption or "").startswith("aws:kms"):
            key._etag = uuid.uuid4().hex
        return of_content(key)

    FakeKey.etag = property(etag)


def write_object(file: Path, head: dict[str, Any], value: bytes) -> None:
    """Write an object's file: its attributes as a line, then its bytes."""
    with file.open("wb") as stored:
        stored.write(json.dumps(head).encode() + b"\n")
        stored.write(value)


class Listings:
    """Answers to ListObjectsV2: moto sorts and describes all of a bucket's keys anew for each page, seconds in all.

    What has a delimiter, an owner or no such bucket is left to moto.
    """

    OPTIONS = frozenset(
        ["list-type", "prefix", "start-after", "continuation-token", "max-keys", "encoding-type", "delimiter"]
    )

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._names: dict[str, list[str]] = {}
        self._writes = 0

    def forget(self, bucket_name: str) -> None:
        """Sort a bucket's keys anew with the next listing: it was written to."""
        self._writes += 1
        self._names.pop(bucket_name, None)

    def answer(self, bucket_name: str, query: str) -> bytes | None:
        """Return a page as XML; None where moto has to answer."""
        options = dict(parse_qsl(query, keep_blank_values=True))
        bucket = self._disk.backend.buckets.get(bucket_name)
        if bucket is None or options.get("list-type") != "2" or options.get("delimiter"):
            return None
        if not options.keys() <= self.OPTIONS or options.get("continuation-token") == "":
            return None
        prefix, most = options.get("prefix", ""), min(int(options.get("max-keys", "1000")), 1000)
        token = options.get("continuation-token")
        after = urlsafe_b64decode(token).decode() if token else options.get("start-after", "")
        page = self._page(bucket, prefix, after, most)
        shown = quote if options.get("encoding-type") == "url" else escape
        lines = [f"<Contents>{_described(key, shown)}</Contents>" for key in page[:most]]
        more = len(page) > most > 0
        lines += [f"<Name>{bucket_name}</Name><Prefix>{shown(prefix)}</Prefix><MaxKeys>{most}</MaxKeys>"]
        lines += [f"<KeyCount>{len(page[:most])}</KeyCount><IsTruncated>{str(more).lower()}</IsTruncated>"]
        lines += ["<EncodingType>url</EncodingType>"] if shown is quote else []
        if more:
            following = urlsafe_b64encode(page[most - 1].name.encode()).decode()
            lines.append(f"<NextContinuationToken>{following}</NextContinuationToken>")
        root = '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        return f'<?xml version="1.0" encoding="UTF-8"?>{root}{"".join(lines)}</ListBucketResult>'.encode()

    def _page(self, bucket: Any, prefix: str, after: str, most: int) -> list[FakeKey]:
        """Return the next keys, one more than a page has where there are more."""
        names = self._names.get(bucket.name)
        if names is None:
            writes, names = self._writes, sorted(bucket.keys)
            if writes == self._writes:  # or else a key that came while they were sorted may be missing
                self._names[bucket.name] = names
        page: list[FakeKey] = []
        for position in range(max(bisect_left(names, prefix), bisect_right(names, after) if after else 0), len(names)):
            if not names[position].startswith(prefix) or len(page) > most:
                break
            key = bucket.keys.get(names[position])
            page += [key] if isinstance(key, FakeKey) else []  # neither deleted meanwhile nor a delete marker
        return page


def _described(key: FakeKey, shown: Callable[[str], str]) -> str:
    changed = f"{key.last_modified:%Y-%m-%dT%H:%M:%S}.000Z"
    etag = escape(key.etag, {'"': "&quot;"})
    return (
        f"<Key>{shown(key.name)}</Key><LastModified>{changed}</LastModified><ETag>{etag}</ETag><Size>{key.size}</Size>"
        f"<StorageClass>{key.storage_class}</StorageClass>"
    )


def file_name(key: str) -> str:
    """Return the name of an object's file."""
    # A key may be longer than a file name and hold any character.
    return hashlib.sha256(key.encode()).hexdigest()


class DurableS3:
    """Moto's web application, with each write on disk before it is acknowledged."""

    def __init__(self, app: Any, disk: Disk) -> None:
        self.app = app
        self.disk = disk
        self.listings = Listings(disk)

    def __call__(self, environ: dict, start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        path = unquote(environ.get("RAW_URI", environ["PATH_INFO"]).split("?")[0]).lstrip("/")
        bucket, _, key = path.partition("/")
        if environ["REQUEST_METHOD"] == "GET" and bucket and not key:
            page = self.listings.answer(bucket, environ.get("QUERY_STRING", ""))
            if page is not None:
                start_response("200 OK", [("Content-Type", "application/xml"), ("Content-Length", str(len(page)))])
                return [page]
        response = self.app(environ, start_response)
        if environ["REQUEST_METHOD"] in ("PUT", "POST", "DELETE"):
            if bucket in self.disk.backend.buckets or (bucket and (self.disk.root / bucket).is_dir()):
                self.disk.mirror(bucket, key or None)
            self.listings.forget(bucket)
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
    iam.install()
    make_etags_as_s3_does()
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
