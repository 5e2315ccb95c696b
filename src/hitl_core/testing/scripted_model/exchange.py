"""The HTTP side: one connection per request on loopback, a bounded number at a time."""

import contextlib
import json
import socket
import socketserver
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from .playback import Playback, Reply, Streamed, Whole
from .wire import Json, Refusal, model_list

MAX_CONNECTIONS: Final = 64
SILENCE_S: Final = 10  # a client that neither reads nor writes for this long is let go
DRAIN_LIMIT: Final = 64 * 2**20  # bytes of an oversized body read so that its sender sees the refusal
PIECE: Final = 64 * 2**10

COMPLETIONS: Final = "/v1/chat/completions"
MODELS: Final = "/v1/models"


class LoopbackServer(ThreadingHTTPServer):
    """A thread per connection, at most `MAX_CONNECTIONS`; the next client waits in the backlog."""

    daemon_threads = False  # so that `server_close` joins them
    request_queue_size = 256

    def __init__(
        self, address: tuple[str, int], *, playback: Playback, models: tuple[str, ...], max_body_bytes: int
    ) -> None:
        self.playback = playback
        self.models = models
        self.max_body_bytes = max_body_bytes
        self.stopping = threading.Event()
        self._places = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._connections: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(address, Exchange)

    def server_bind(self) -> None:
        """Bind without asking the resolver for the host's name, as `HTTPServer` does: it can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for the connection, once there is a place for it."""
        self._places.acquire()
        with self._guard:
            self._connections.add(request)
        if self.stopping.is_set():
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End the connection and give its place to the next."""
        with self._guard:
            self._connections.discard(request)
        super().shutdown_request(request)
        self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def stop(self) -> None:
        """End every connection, then the server; returns when its threads have ended."""
        self.stopping.set()
        with self._guard:
            for connection in self._connections:
                _hang_up(connection)
        self.shutdown()
        self.server_close()


class Exchange(BaseHTTPRequestHandler):
    """One request and its reply. Each connection serves one, so that idle ones hold no thread."""

    server: LoopbackServer
    protocol_version = "HTTP/1.1"
    timeout = SILENCE_S

    def do_GET(self) -> None:
        """List the models."""
        if self._path != MODELS:
            return self._send(self._unknown())
        return self._send(Whole(HTTPStatus.OK, model_list(self.server.models)))

    def do_POST(self) -> None:
        """Complete a chat."""
        if self._path != COMPLETIONS:
            return self._send(self._unknown())
        try:
            body = self._body()
        except Refusal as refusal:
            return self._send(self.server.playback.refuse(refusal))
        return self._send(self.server.playback.reply(body))

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the call log is the record."""

    @property
    def _path(self) -> str:
        return self.path.partition("?")[0]

    def _unknown(self) -> Whole:
        message = f"no {self.command} {self._path}; there are POST {COMPLETIONS} and GET {MODELS}"
        refusal = Refusal(HTTPStatus.NOT_FOUND, "unknown_url", message)
        return Whole(refusal.status, refusal.body)

    def _body(self) -> bytes:
        given = self.headers.get("Content-Length", "")
        if not (given.isascii() and given.isdigit()):
            raise Refusal(HTTPStatus.LENGTH_REQUIRED, "length_required", "the request has no Content-Length")
        length, limit = int(given), self.server.max_body_bytes
        if length > limit:
            self._throw_away(min(length, DRAIN_LIMIT))
            message = f"the body has {length} bytes, the limit is {limit}"
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "request_too_large", message)
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionAbortedError("the client went away while it sent its request")
        return body

    def _throw_away(self, length: int) -> None:
        while length > 0 and (piece := self.rfile.read(min(length, PIECE))):
            length -= len(piece)

    def _send(self, reply: Reply) -> None:
        if self.server.stopping.wait(reply.delay_ms / 1000):
            raise ConnectionAbortedError("the server stopped before the reply was due")
        if isinstance(reply, Whole):
            return self._send_whole(reply)
        return self._send_stream(reply)

    def _send_whole(self, reply: Whole) -> None:
        body = _encoded(reply.body)
        self._send_head(reply.status, {"Content-Length": str(len(body)), **reply.headers}, "application/json")
        self.wfile.write(body[: len(body) // 2] if reply.cut else body)

    def _send_stream(self, reply: Streamed) -> None:
        """Chunked, so that a cut is seen as one: without a length, an end would look like *the* end."""
        self._send_head(HTTPStatus.OK, {"Transfer-Encoding": "chunked"}, "text/event-stream")
        for event in reply.events[: reply.cut_after]:
            self._send_event(_encoded(event))
        if reply.cut_after is not None:
            return
        self._send_event(b"[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def _send_head(self, status: int, headers: dict[str, str], content_type: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": content_type, **headers, "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()

    def _send_event(self, data: bytes) -> None:
        event = b"data: " + data + b"\n\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))


def _encoded(value: Json) -> bytes:
    return json.dumps(value).encode()


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the client was faster
        connection.shutdown(socket.SHUT_RDWR)
