"""A cookie or a header that names what nobody can be called lets nobody in, and breaks nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection, Request

from hitl_core.agui import Person, mount_copilotkit
from hitl_core.protocol import Responder
from tests.agui.page import AGENT, HOST
from tests.agui.test_conversation import app_of, at_desk
from tests.core.shop import Shop

INSIDE = f"/copilotkit/agent/{AGENT}"
POST = {
    "threadId": "t",
    "runId": "r",
    "messages": [{"id": "m", "role": "user", "content": "refund"}],
    "tools": [],
    "context": [],
}
ROUTES: list[tuple[str, str, Any]] = [
    ("GET", "/copilotkit/info", None),
    ("POST", f"/agui/{AGENT}", POST),
    ("POST", f"{INSIDE}/run", POST),
    ("POST", f"{INSIDE}/connect", POST),
    ("POST", f"{INSIDE}/stop/t", {}),
    ("GET", f"{INSIDE}/changes?thread=t", None),
    ("GET", f"{INSIDE}/waiting", None),
    ("POST", "/copilotkit", {"method": "info"}),
    ("POST", "/copilotkit", {"method": "agent/run", "params": {"agentId": AGENT}, "body": POST}),
]
SENSELESS = [
    b"person=",
    b"person= ",
    b"person=" + b"x" * 5_000,
    b'person="\\000"',
    b'person="\\012"',
    b'person="\\033[31m"',
    b"\xff=\xfe",
    b";;;=;",
    b"",
]


async def by_cookie(request: Request) -> Person | None:
    """As an app may do it that looks at nothing twice."""
    return Person(Responder(id=request.cookies["person"], channel="page", authenticated_by="assertion"))


class ByCookie(AuthenticationBackend):
    """The same by Starlette's own middleware."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, SimpleUser]:
        return AuthCredentials(), SimpleUser(conn.cookies.get("person", ""))


async def codes(client: httpx.AsyncClient, cookie: bytes) -> list[int]:
    headers = {b"cookie": cookie}
    return [(await client.request(way, path, json=given, headers=headers)).status_code for way, path, given in ROUTES]


async def test_who_nobody_can_be_is_not_let_in(tmp_path: Path) -> None:
    async with at_desk(tmp_path, who=by_cookie) as desk:
        for cookie in SENSELESS:
            assert await codes(desk.page.client, cookie) == [401] * len(ROUTES), cookie
        assert (await desk.hitl.runs()).items == ()


async def test_nor_by_the_middleware_of_an_app(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    async with shop.open(app_of(shop), transcripts=True) as hitl:
        app = Starlette()
        mount_copilotkit(app, {AGENT: hitl})
        app.add_middleware(AuthenticationMiddleware, backend=ByCookie())
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOST) as client:
            for cookie in SENSELESS:
                assert await codes(client, cookie) == [401] * len(ROUTES), cookie
        assert (await hitl.runs()).items == ()


async def test_whose_name_is_only_unusual_is_let_in(tmp_path: Path) -> None:
    async with at_desk(tmp_path, who=by_cookie) as desk:
        for name in ("%00", "a b", "../..", "\u00e4", "anybody"):
            cookie = {b"cookie": f"person={name}".encode("latin-1")}
            answer = await desk.page.client.post(f"{INSIDE}/connect", json=POST, headers=cookie)
            assert answer.status_code == 200, name
