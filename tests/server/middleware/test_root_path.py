"""Below a path, behind a proxy that ends https, and mounted in somebody else's application."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from hitl_core.config import Serving
from tests.server.middleware.asking import ann, asking

BELOW = Serving(url="https://example.com/inbox")


@pytest.mark.parametrize("path", ["/told", "/inbox/told"])
async def test_a_proxy_may_take_the_path_off_or_leave_it(tmp_path: Path, path: str) -> None:
    async with asking(tmp_path, BELOW) as ask:
        answered = await ask("GET", f"https://example.com{path}")
    assert answered.json()["path"] == "/inbox/told"
    assert answered.json()["scheme"] == "https"


async def test_a_path_that_only_begins_so_is_another(tmp_path: Path) -> None:
    async with asking(tmp_path, BELOW) as ask:
        answered = await ask("GET", "https://example.com/inboxtold")
    assert answered.status_code == 404


async def test_mounted_in_another_application_it_is_guarded_all_the_same(tmp_path: Path) -> None:
    async with asking(tmp_path, Serving(url="http://inbox.test/hitl"), come=ann()) as ask:
        outer = Starlette(routes=[Mount("/hitl", app=ask.door)])
        transport = httpx.ASGITransport(outer)
        async with httpx.AsyncClient(transport=transport, base_url="http://inbox.test") as client:
            fine = await client.get("/hitl/told")
            lacks = await client.post("/hitl/api/told", json={})
            kind = await client.post("/hitl/api/told", content=b"x", headers={"x-csrf-token": "csrf-of-ann"})
            meant = await client.post("/hitl/api/told", json={}, headers={"x-csrf-token": "csrf-of-ann"})
            other = await client.get("/hitl/told", headers={"host": "evil.example"})
    assert fine.json()["path"] == "/hitl/told"
    assert [each.status_code for each in (lacks, kind, meant, other)] == [403, 415, 200, 421]
    assert fine.headers["x-frame-options"] == "DENY"
