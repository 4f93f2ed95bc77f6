"""An HTTP proxy before S3 that answers what a test asks it to, at the request that the test names."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

ERROR = '<?xml version="1.0"?><Error><Code>{code}</Code><Message>{code}</Message></Error>'


@dataclass
class Answer:
    """What a request gets in place of S3's answer.

    Attributes:
        method: GET, PUT, HEAD ...
        path: What the request's path contains.
        status: The HTTP status; 0 cuts the connection, 1 sends half of S3's body and cuts, 2 never answers.
        code: S3's error code.
        times: How often; negative: always.
        then: Is called before S3 itself is asked, which then answers: changes an object, say.
    """

    method: str
    path: str
    status: int = 500
    code: str = "InternalError"
    times: int = 1
    then: Callable[[], None] | None = None
    injected: int = 0


CUT, TRUNCATED, SILENT = 0, 1, 2


class S3Proxy:
    """`with S3Proxy(endpoint) as proxy:` listens at `proxy.endpoint`."""

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream)
        self.answers: list[Answer] = []
        self.requests: list[str] = []
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> S3Proxy:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(
        self, method: str, path: str, status: int = 500, code: str = "InternalError", **options: object
    ) -> Answer:
        found = Answer(method, path, status, code, **options)  # type: ignore[arg-type]
        with self._lock:
            self.answers.append(found)
        return found

    def calm(self) -> None:
        with self._lock:
            self.answers.clear()
            self.requests.clear()

    def _answer_for(self, method: str, path: str) -> Answer | None:
        with self._lock:
            self.requests.append(f"{method} {path}")
            for answer in self.answers:
                if answer.injected != answer.times and answer.method == method and answer.path in path:
                    answer.injected += 1
                    return answer
        return None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                answer = proxy._answer_for(self.command, self.path)
                if answer and answer.then:
                    answer.then()
                    answer = None
                if answer and answer.status >= 100:
                    content = b"" if self.command == "HEAD" else ERROR.format(code=answer.code).encode()
                    self._send(answer.status, [("Content-Type", "application/xml")], content, len(content))
                    return
                if answer and answer.status == SILENT:
                    proxy._done.wait(60)
                if answer and answer.status in (CUT, SILENT):
                    self._cut()
                    return
                upstream = http.client.HTTPConnection(proxy.upstream.hostname or "", proxy.upstream.port)
                upstream.request(self.command, self.path, body, dict(self.headers))
                response = upstream.getresponse()
                content = response.read()
                hidden = ("content-length", "transfer-encoding", "connection", "date", "server")
                headers = [(name, value) for name, value in response.getheaders() if name.lower() not in hidden]
                length = int(response.headers.get("Content-Length") or len(content))
                cut_at = len(content) // 2 if answer else len(content)
                self._send(response.status, headers, content[:cut_at], length)
                if answer:
                    self._cut()

            do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = handle_one

            def _send(self, status: int, headers: list[tuple[str, str]], content: bytes, length: int) -> None:
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(content)
                self.wfile.flush()

            def _cut(self) -> None:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                """Nothing: the tests read `requests`."""

        return Handler
