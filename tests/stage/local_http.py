"""A real HTTP server for tests, on a free loopback port, that answers as its paths say."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self, cast
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from types import TracebackType


@dataclass(frozen=True)
class Request:
    """A request as it reached the server."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class LocalHttpServer:
    """Runs from its construction until `close()`; best used in a `with` statement.

    `/status/<code>` answers that code, `/redirect?to=<URL>` redirects, `/circle` redirects to itself,
    `/bytes/<n>` sends n bytes, `/drip` sends a byte now and then for as long as the client listens,
    `/hang` never answers; any other path answers 200 with "hello".
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.requests: list[Request] = []
        self.closing = threading.Event()
        self._host = host
        self._server = _Server(self, host)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{self._host}:{self._server.server_port}"

    @property
    def url(self) -> str:
        """The server's root."""
        return f"http://{self.address}"

    def close(self) -> None:
        """Stop answering."""
        self.closing.set()
        self._server.shutdown()
        self._thread.join(timeout=10)
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    def __init__(self, owner: LocalHttpServer, host: str) -> None:
        self.owner = owner
        super().__init__((host, 0), _Answers)


class _Answers(BaseHTTPRequestHandler):
    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.owner.requests.append(Request(self.command, self.path, dict(self.headers), body))
        try:
            self._answer_by_path()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client has heard enough

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = answer  # noqa: N815  # http.server's names

    @property
    def owner(self) -> LocalHttpServer:
        return cast("_Server", self.server).owner

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def _answer_by_path(self) -> None:
        parts = urlsplit(self.path)
        word, _, rest = parts.path.strip("/").partition("/")
        if word == "circle":
            self._send(302, b"", Location="/circle")
        elif word == "hang":
            self.owner.closing.wait(timeout=60)
        elif word == "redirect":
            self._send(302, b"", Location=parse_qs(parts.query)["to"][0])
        elif word == "bytes":
            self._send(200, b"x" * int(rest))
        elif word == "drip":
            self._drip()
        else:
            self._send(int(rest.split("/")[0]) if word == "status" else 200, b"hello")

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        while not self.owner.closing.wait(timeout=0.02):
            self.wfile.write(b".")
            self.wfile.flush()
