"""The whole server over a shop in which everything has happened once, and whoever comes to it as a test says."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from hitl_core.commands import StopScope
from hitl_core.config import Serving
from hitl_core.protocol import Allowance
from hitl_core.runtime import Runtime
from hitl_core.server import create_app
from hitl_core.server.auth import Visitor
from tests.core.shop import Shop, decide, one_refund, only, policy, rule, trail
from tests.server.site import HOST, AsVisitor, somebody

APPROVERS = {"users": ["ann", "bob"]}
RULES = policy(
    rule("refunds", level="confirm", approvers=APPROVERS, deadline="2h", batch=True),
    rule("drafts", level="collaborate", when={"argument": "order", "equals": "D-7"}, approvers=APPROVERS),
)
SERVING = Serving(url=HOST, calls_a_minute=0, sign_ins_a_minute=0, undo=0.0)
OF_THE_API = {
    "/api/runs/": "run_id",
    "/api/requests/": "request_id",
    "/api/grants/": "grant_id",
    "/api/tokens/": "token_id",
}
"""What `{id}` is in the paths of the API."""
HOLE = re.compile(r"\{(\w+)(?::\w+)?\}")


@dataclass
class Fortress:
    """What there is, all of it of the tenant `default`. `ids` are the names that stand in paths."""

    hitl: Runtime
    shop: Shop
    app: FastAPI
    door: AsVisitor
    client: httpx.AsyncClient
    ids: dict[str, str]

    def come(self, visitor: Visitor | None) -> None:
        self.door.now = visitor

    def path(self, template: str, **others: str) -> str:
        """A route's path, with what there is in its holes. KeyError for a hole that nobody fills."""
        known = self.ids | others
        return HOLE.sub(lambda hole: known[_named(hole[1], template)], template)

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """A request as a page of ours would send it, unless more is said."""
        come = self.door.now
        headers = {"accept": "text/html", **({"x-csrf-token": come.csrf} if come and method != "GET" else {})}
        headers |= more.pop("headers", {})
        if method in ("POST", "PUT", "PATCH") and not {"json", "data", "content", "files"} & more.keys():
            more |= {"json": {}} if path.startswith("/api/") else {"data": {"reason": "x"}}
        return await self.client.request(method, path, headers=headers, **more)

    async def lines(self) -> int:
        """How much has happened."""
        return len(await trail(self.hitl))


@asynccontextmanager
async def fortress(
    folder: Path,
    app: Any = None,
    *,
    given: dict[str, Any] | None = None,
    people: str = "",
    serving: Serving = SERVING,
) -> AsyncIterator[Fortress]:
    """With `people`, a directory of them is in force."""
    shop = Shop(folder, policy=RULES)
    if people:
        shop.people(people)
    async with shop.open(app or one_refund(shop.ledger, reversible=True), transcripts=True) as hitl:
        ids = await _everything(hitl, given or {"order": "A-1042", "amount": 120.5})
        made = create_app(hitl, serving)
        door = AsVisitor(made, somebody())
        transport = httpx.ASGITransport(door, client=("192.0.2.1", 5000), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=HOST) as client:
            yield Fortress(hitl, shop, made, door, client, ids)


async def _everything(hitl: Runtime, given: dict[str, Any]) -> dict[str, str]:
    """A run that is done, one that waits, a comment, a grant, a stop of something else."""
    done = await decide(hitl, await hitl.start(given, by="customer-7"), "approve")
    waits = await hitl.start(given, by="customer-7")
    request = only(waits)
    await hitl.comment(request.id, "Looks like a double charge.", by="bob")
    allows = Allowance(tool="refund", run_id=done.id)
    grant = await hitl.grant(allows, by="bob", lasts=timedelta(hours=1), reason="Sale day")
    await hitl.stop(StopScope.TOOL, "wire_money", by="bob", reason="It pays twice.")
    return {
        "run_id": waits.id,
        "thread": done.thread,
        "request_id": request.id,
        "grant_id": grant.id,
        "act": "cancel",
        "form": "json",
        "digest": "x",
        "name": "x",
        "secret": "x",
        "token_id": "x",
        "batch_id": "x",
        "done_id": done.id,
    }


def holes(template: str) -> set[str]:
    """What stands in the path of a route: `run_id`, `request_id`, also where the API calls it `id`."""
    return {_named(name, template) for name in HOLE.findall(template)}


def _named(hole: str, template: str) -> str:
    return next((OF_THE_API[part] for part in OF_THE_API if template.startswith(part)), hole) if hole == "id" else hole


def routes_of(app: FastAPI) -> set[tuple[str, str]]:
    """Every method and path that the app answers to."""
    return {
        (method, str(route.path))
        for route in iter_route_contexts(app.routes)
        for method in set(route.methods or ()) - {"HEAD"}
    }
