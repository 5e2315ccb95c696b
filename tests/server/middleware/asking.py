"""The real application with all its middleware, and a place in it that tells what has come through them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI, Request

from hitl_core.config import Serving
from hitl_core.server import create_app
from hitl_core.server.auth import Visitor
from hitl_core.testing.clock import ManualClock
from tests.core.shop import Shop, one_refund
from tests.server.site import HOST, AsVisitor, somebody

SERVING = Serving(url=HOST)


@dataclass
class Asking:
    """A client, whoever comes with it, the clock, and what got through."""

    client: httpx.AsyncClient
    door: AsVisitor
    app: FastAPI
    clock: ManualClock
    came: list[dict[str, Any]]

    async def __call__(self, method: str, path: str, **more: Any) -> httpx.Response:
        return await self.client.request(method, path, **more)


@asynccontextmanager
async def asking(
    folder: Path, serving: Serving = SERVING, *, come: Visitor | None = None, peer: str = "192.0.2.1", **mounted: str
) -> AsyncIterator[Asking]:
    """Ask the application, as somebody, from this address, and `mounted` below this root_path."""
    shop = Shop(folder)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        app, came = create_app(hitl, serving), list[dict[str, Any]]()
        _tells(app, came)
        door = AsVisitor(app, come)
        transport = httpx.ASGITransport(door, client=(peer, 1234), raise_app_exceptions=False, **mounted)
        async with httpx.AsyncClient(transport=transport, base_url=serving.url or HOST) as client:
            yield Asking(client, door, app, shop.clock, came)


def _tells(app: FastAPI, came: list[dict[str, Any]]) -> None:
    """`/told` and `/api/told` keep what comes; `/breaks` raises; `/careless` has headers of its own."""

    @app.api_route("/told", methods=["GET", "POST", "PUT", "DELETE"])
    @app.api_route("/api/told", methods=["GET", "POST", "PUT", "DELETE"])
    async def told(request: Request) -> dict[str, Any]:
        body = await request.body()
        form = dict(await request.form()) if b"=" in body else {}
        said = {"path": request.url.path, "scheme": request.url.scheme, "size": len(body), "form": form}
        came.append(said)
        return said

    @app.get("/breaks")
    async def breaks() -> None:
        raise RuntimeError("the agent said: my password is hunter2")

    @app.get("/careless")
    async def careless() -> Any:
        from fastapi.responses import PlainTextResponse

        bad = {"content-security-policy": "default-src *", "cache-control": "public", "x-own": "kept"}
        return PlainTextResponse("careless", headers=bad)


def ann() -> Visitor:
    return somebody("ann")
