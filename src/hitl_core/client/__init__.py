"""A runtime that is elsewhere: the same methods, over the HTTP API of a server.

    connect("hitl.toml"), with store.url = "https://…" ─► RemoteRuntime ─► calling (retries, problems) ─► server

runtime     the methods of the runtime, each one call or a few; requests: those about what people are asked
places      where a call goes, and what is said in it
calling     one call: the token, the time it may take, what is tried again, what comes of a failure
server      which server, and whether it may be talked to like this
"""

from __future__ import annotations

from .runtime import RemoteRuntime
from .server import Server

__all__ = ["RemoteRuntime", "Server"]
