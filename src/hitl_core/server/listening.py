"""Listening for requests: uvicorn, told what a server that anybody may reach has to be told."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn
from fastapi import FastAPI

from ..config import Serving
from ..errors import ConfigError, Fault
from .middleware.slow_clients import slow_client_protocol

KEEP_ALIVE: Final = 5
"""Seconds that a connection is kept open for the next request."""
GRACEFUL_SHUTDOWN: Final = 5
"""Seconds that requests which are being answered may take to end when the server does."""
MAX_CONNECTIONS: Final = 800
"""Connections at the same time, those that listen to events among them; more are told to come later."""
MAX_HEAD: Final = 32 << 10
"""Bytes that the first line and the headers of a request may have."""


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises ConfigError if it cannot be had.

    What it accepts sends at once: asyncio asks for that only where a socket says its protocol, which these do not, and
    each answer on a connection that is kept open would wait 40 ms for the other side's acknowledgement.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host.strip("[]"), port), family=family, backlog=2048)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except OSError as exc:
        why = f"cannot listen on {host}:{port}: {exc.strerror or exc}; choose another with --host and --port"
        raise ConfigError([Fault("server.port", why)]) from exc


def address_of(listening: socket.socket) -> str:
    """The URL of what listens there."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Listener(uvicorn.Server):
    """Serves an app on a socket until `end`, which any thread may call. It hears no signals: its caller does."""

    def __init__(self, app: FastAPI, serving: Serving, *, told: Callable[[], None]) -> None:
        """`told` is called when it begins to listen."""
        self._app, self._told = app, told
        super().__init__(_config(app, serving))

    def end(self) -> None:
        """Take no more requests, and let those that are being answered come to their end."""
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._told()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.site.ending.set()
        if hub := getattr(self._app.state, "hub", None):
            await hub.close()  # who listens to events is let go
        for close in self._app.state.closes:
            await close()
        await super().shutdown(sockets)


def _config(app: FastAPI, serving: Serving) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=slow_client_protocol(serving),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,  # middleware/ writes one that holds no secrets
        server_header=False,
        proxy_headers=False,  # who may say where a request comes from is for server.proxy to say
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACEFUL_SHUTDOWN,
        h11_max_incomplete_event_size=MAX_HEAD,
        limit_concurrency=MAX_CONNECTIONS,
    )
