"""Other ends of the wire: an HTTP server and an SMTP server on loopback that keep what they were sent."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import uvicorn
from aiosmtpd.controller import Controller
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.cli.shop import PATIENCE


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it came over the wire."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Web:
    """What came, and what is answered: `answers` one after the other, then 200 with `{"ok": true}`."""

    port: int = 0
    calls: list[Call] = field(default_factory=list)
    answers: list[tuple[int, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def answer(self, request: Request) -> Response:
        self.calls.append(Call(request.url.path, dict(request.headers), await request.body()))
        status, body = self.answers.pop(0) if self.answers else (200, {"ok": True})
        return JSONResponse(body, status)


@contextmanager
def web() -> Iterator[Web]:
    """An HTTP server in a thread of its own."""
    listening = socket.create_server(("127.0.0.1", 0))  # whoever calls before it serves waits in the queue
    kept = Web(listening.getsockname()[1])
    app = Starlette(routes=[Route("/{path:path}", kept.answer, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.should_exit = True
        thread.join(PATIENCE)


@dataclass(slots=True)
class Mailbox:
    """What came by SMTP, and how each message is answered: `answers` one after the other, then taken."""

    port: int = 0
    mails: list[tuple[tuple[str, ...], EmailMessage]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.answers:
            return self.answers.pop(0)
        made = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(made, EmailMessage)
        self.mails.append((tuple(envelope.rcpt_tos), made))
        return "250 taken"


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """An SMTP server in a thread of its own."""
    listening = socket.create_server(("127.0.0.1", 0))
    kept = Mailbox(listening.getsockname()[1])
    controller = _OnSocket(kept, listening)
    controller.start()
    try:
        yield kept
    finally:
        controller.stop()


class _OnSocket(Controller):
    """Listens on a socket that is there already, so that nobody else can take its port meanwhile."""

    def __init__(self, kept: Mailbox, listening: socket.socket) -> None:
        super().__init__(kept, hostname="127.0.0.1", port=kept.port, ready_timeout=PATIENCE)
        self._listening = listening

    def _create_server(self) -> Any:
        return self.loop.create_server(self._factory_invoker, sock=self._listening)
