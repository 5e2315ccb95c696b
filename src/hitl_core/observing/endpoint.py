"""`/metrics`, `/healthz`, `/readyz` over HTTP, from a thread of its own: a loop that hangs is told of."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET, AF_INET6
from typing import Any, Final, Self
from urllib.parse import urlsplit

from ..errors import ConfigError, Fault
from .health import Health

log = logging.getLogger("hitl_core.observing")

LOOPBACK: Final = "127.0.0.1"

_PATIENCE: Final = 5.0
_MOST: Final = 8
"""Requests that are answered at the same time; more are refused."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a path answers."""

    body: bytes
    kind: str
    status: HTTPStatus = HTTPStatus.OK

    @classmethod
    def of(cls, health: Health) -> Self:
        status = HTTPStatus.OK if health.ok else HTTPStatus.SERVICE_UNAVAILABLE
        return cls(json.dumps(health.document(), indent=2).encode() + b"\n", "application/json", status)


Pages = Mapping[str, Callable[[Mapping[str, str]], Page]]
"""What is answered at each path, given the headers of the request."""


def address(given: str) -> tuple[str, int]:
    """`[HOST:]PORT`; this machine alone where no host is given. Raises ConfigError."""
    host, _, port = given.rpartition(":")
    if not port.isdecimal() or int(port) > 65_535:
        raise ConfigError([Fault("--metrics", f"must be PORT or HOST:PORT, not {given!r}")])
    return host.removeprefix("[").removesuffix("]") or LOOPBACK, int(port)


class Endpoint:
    """Answers until it is closed. `port` is the one that was taken, also where 0 was asked for."""

    def __init__(self, host: str, port: int, pages: Pages) -> None:
        """Raises ConfigError if the address cannot be listened on."""
        try:
            self._server = _Server((host, port), _handler(pages))
        except OSError as exc:
            why = f"cannot listen on {host}:{port}: {exc.strerror or exc}; choose another"
            raise ConfigError([Fault("--metrics", why)]) from exc
        self.host, self.port = host, int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="hitl-endpoint", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, where: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.room = threading.BoundedSemaphore(_MOST)
        self.address_family = AF_INET6 if ":" in where[0] else AF_INET
        super().__init__(where, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Refuse what is too much, before a thread is started for it."""
        if self.room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asked has gone away, or asked badly."""
        log.debug("a request could not be answered", exc_info=True)


def _handler(pages: Pages) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _PATIENCE
        server_version, sys_version = "hitl", ""

        def do_GET(self) -> None:
            answer = _answer(pages, urlsplit(self.path).path, dict(self.headers))
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: Any) -> None:
            """Probes ask every few seconds: nobody wants a line for each."""

    return Handler


def _answer(pages: Pages, path: str, headers: Mapping[str, str]) -> Page:
    page = pages.get(path)
    if page is None:
        return Page(b"there is nothing here\n", "text/plain", HTTPStatus.NOT_FOUND)
    try:
        return page(headers)
    except Exception:
        log.exception("%s could not be answered", path)
        return Page(b"it could not be found out; the log says why\n", "text/plain", HTTPStatus.SERVICE_UNAVAILABLE)
