"""Other ends of the wire: an HTTP server and an SMTP server on loopback that keep what they were sent."""

from __future__ import annotations

import asyncio
import json
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
    kept = Web()
    app = Starlette(routes=[Route("/{path:path}", kept.answer, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", lifespan="off"))
    started = threading.Event()

    async def serve() -> None:
        work = asyncio.ensure_future(server.serve())
        while not server.started:
            await asyncio.sleep(0)
        kept.port = server.servers[0].sockets[0].getsockname()[1]
        started.set()
        await work

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    assert started.wait(30)
    try:
        yield kept
    finally:
        server.should_exit = True
        thread.join(30)


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
    kept = Mailbox()
    controller = _AnyPort(kept, hostname="127.0.0.1", port=0)
    controller.start()
    kept.port = controller.server.sockets[0].getsockname()[1]
    try:
        yield kept
    finally:
        controller.stop()


class _AnyPort(Controller):
    """Port 0 is whatever is free: the controller's own look at whether it answers has to ask there."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()
