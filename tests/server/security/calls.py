"""Every call of the API as a program would make it that means it: with a body that is right, about what there is."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx

from hitl_core.commands import StopScope
from hitl_core.protocol import Responder
from hitl_core.server.auth import Right, tokens
from hitl_core.testing.clock import START
from tests.core.shop import only
from tests.server.security.fortress import Fortress, fortress
from tests.server.security.table import GUARDED, TABLE, Needs

DRAFTED: Final = "D-7"
"""The order whose refund is drafted together."""

APPROVAL: Final = {"digest": "digest", "decision": {"type": "approve"}}
ONE: Final = {"request_id": "request_id", **APPROVAL}
REASON: Final = {"reason": "It has to be."}
IN_A_RUN: Final = {"allows": {"tool": "refund", "run_id": "run_id"}, "lasts_seconds": 60}
FREE: Final = 'version = "2"\n[[rules]]\nid = "free"\nwhy = "so"\nmatch = { tool = "refund" }\nlevel = "notify"\n'
LATER: Final = (START + timedelta(hours=1)).isoformat()


@dataclass(frozen=True)
class Call:
    """One call. What is named like one of the fortress' ids in `about` and in the body is sent as that id.

    `others` is what somebody of another tenant is told, and `ours` what who may do it is. Where that changes nothing,
    `changes` is false; where only somebody of all tenants may do it, `of_all` is true. `who` may do it.
    """

    method: str
    template: str
    body: Any = None
    about: str = ""
    others: int = 404
    ours: int = 200
    changes: bool = True
    of_all: bool = False
    who: str = "ann"
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def route(self) -> tuple[str, str]:
        return self.method, self.template

    @property
    def needs(self) -> Needs:
        return TABLE[self.route]

    def __str__(self) -> str:
        said = self.body if isinstance(self.body, dict) else {}
        return " ".join([self.method, self.template, *(str(said[key]) for key in ("scope", "tenant") if key in said)])


async def made(
    at: Fortress,
    call: Call,
    *,
    ids: Mapping[str, str] | None = None,
    through: httpx.AsyncClient | None = None,
    headers: Mapping[str, str] | None = None,
    padded: int = 0,
) -> httpx.Response:
    """The answer to a call by who has come, or by who comes `through` a client of their own.

    `ids` stand in the place of what there is; `padded` are spaces after the body.
    """
    names = {**at.ids, **(ids or {})}
    path = at.path(call.template, **({**names, **_hole(call, names)}))
    body = b"" if call.body is None or call.method == "GET" else json.dumps(_filled(call.body, names)).encode()
    sent = {"accept": "application/json", **call.headers, **(headers or {})}
    if body or padded:
        sent |= {"content-type": "application/json"}
    content = {"content": body + b" " * padded} if call.method != "GET" else {"params": call.body}
    if through is not None:
        return await through.request(call.method, path, headers=sent, **content)
    return await at.ask(call.method, path, headers=sent, **content)


def _hole(call: Call, names: Mapping[str, str]) -> dict[str, str]:
    """What the call is about, in the place of what `{id}` is else."""
    if not call.about:
        return {}
    kind = "request_id" if call.template.startswith("/api/requests/") else "run_id"
    return {kind: names[call.about]}


def _filled(said: Any, names: Mapping[str, str]) -> Any:
    match said:
        case dict():
            return {key: _filled(value, names) for key, value in said.items()}
        case list():
            return [_filled(each, names) for each in said]
        case str():
            return names.get(said, said)
        case _:
            return said


@asynccontextmanager
async def furnished(folder: Path, **how: Any) -> AsyncIterator[Fortress]:
    """A fortress in which there is something for every call: also an unused answer, a draft and a token."""
    async with fortress(folder, **how) as at:
        answered = await at.hitl.start({"order": "A-1043"}, by="customer-7")
        await at.hitl.respond(only(answered).approve(by="ann"))
        drafted = only(await at.hitl.start({"order": DRAFTED}, by="customer-7"))
        stopped = await at.hitl.start({"order": "A-1044"}, by="customer-7")
        await at.hitl.stop(StopScope.RUN, stopped.id, by="bob", reason="It is looked into.")
        over = await at.hitl.start({"order": "A-1045"}, by="dan")
        await at.hitl.cancel(over.id, by="bob")
        at.shop.clock.advance(2)
        assert [each.number for each in await at.hitl.draft(drafted.id)] == [1]
        bob = Responder(id="bob", channel="terminal")
        rights = {Right.TOKENS}
        _, token = await tokens.make(at.app.state.site, person="bob", rights=rights, by=bob, tenant="default")
        waits = await at.hitl.request(at.ids["request_id"])
        at.ids |= {
            "digest": waits.request.digest,
            "ready_id": answered.id,
            "answered_id": only(answered).id,
            "draft_id": drafted.id,
            "stopped_id": stopped.id,
            "token_id": token.id,
        }
        yield at


def content(folder: Path, *, without: tuple[str, ...] = ()) -> str:
    """All that the store has in it, but what stands in some tables and but the anchor, which is written later."""
    with closing(sqlite3.connect(folder / "shop.db")) as database:
        (anchor,) = database.execute("SELECT anchor FROM hitl_store").fetchone()
        left_out = tuple(f'INSERT INTO "{each}"' for each in without)
        found = "\n".join(line for line in database.iterdump() if not line.startswith(left_out))
        return found.replace(f"'{anchor}'", "''")


LOOKS: Final = tuple(
    Call(
        *route,
        {"scope": "run"} if route[1].endswith("/reach") else None,
        ours=409 if route[1].endswith("/undone") else 200,
        changes=False,
        of_all=route[1].endswith(("/verify", "/workload")),
    )
    for route in GUARDED
    if route[0] == "GET" and route[1].startswith("/api/")
)
"""What only looks, and so needs no body; tests/server/security/test_other_tenants.py has what is seen."""

ACTS: Final = (
    Call("POST", "/api/runs", {"input": {"order": "B-1"}}, others=403, ours=201),
    Call("POST", "/api/runs/stream", {"input": {"order": "B-1"}}, others=403),
    Call("POST", "/api/runs/{id}/stream", {}, about="ready_id"),
    Call("POST", "/api/runs/{id}/resume", {}, about="ready_id"),
    Call("POST", "/api/runs/{id}/cancel", REASON),
    Call("POST", "/api/runs/{id}/rewind", REASON, ours=409, changes=False),
    Call("POST", "/api/runs/{id}/undo", REASON, about="done_id"),
    Call("POST", "/api/runs/{id}/override", {"value": "nothing", **REASON}, about="done_id"),
    Call("POST", "/api/runs/{id}/steer", {"text": "Ask for the receipt."}),
    Call("POST", "/api/runs/{id}/erase", REASON, about="done_id"),
    Call("POST", "/api/requests/{id}/preview", {"arguments": {"order": "A-1042", "amount": 1.5}}, changes=False),
    Call("POST", "/api/requests/{id}/defer", {"until": LATER}),
    Call("POST", "/api/requests/{id}/revoke", REASON, about="answered_id"),
    Call("POST", "/api/requests/{id}/comments", {"text": "It is one."}, ours=201),
    Call(
        *("PUT", "/api/requests/{id}/draft", {"arguments": {"order": DRAFTED, "amount": 1.5}}),
        about="draft_id",
        headers={"if-match": '"1"'},
    ),
    Call("POST", "/api/requests/{id}/response", APPROVAL),
    Call("POST", "/api/responses", {"answers": [ONE]}, others=422),
    Call(
        *("POST", "/api/requests/{id}/response-and-grant"),
        {"answer": ONE, "allows": {"tool": "refund"}, "lasts_seconds": 60},
    ),
    Call("POST", "/api/grants", IN_A_RUN, ours=201),
    Call("POST", "/api/grants", {"allows": {"tool": "refund"}, "lasts_seconds": 60}, others=403, ours=201),
    Call("POST", "/api/grants/{id}/revoke", REASON),
    Call("POST", "/api/stops", {"scope": "run", "target": "run_id", **REASON}),
    Call("POST", "/api/stops", {"scope": "tenant", "target": "default", **REASON}, others=403),
    Call("POST", "/api/stops", {"scope": "tool", "target": "refund", **REASON}, others=403, of_all=True),
    Call("POST", "/api/stops", {"scope": "agent", "target": "teller", **REASON}, others=403, of_all=True),
    Call("POST", "/api/stops", {"scope": "all", **REASON}, others=403, of_all=True),
    Call("POST", "/api/stops/lift", {"scope": "run", "target": "stopped_id", **REASON}),
    Call("POST", "/api/stops/lift", {"scope": "tenant", "target": "default", **REASON}, others=403, changes=False),
    Call("POST", "/api/stops/lift", {"scope": "tool", "target": "wire_money", **REASON}, others=403, of_all=True),
    Call("POST", "/api/policy/explain", {"asked": {"tool": "refund"}}, others=200, changes=False),
    Call("POST", "/api/policy/backtest", {"policy": FREE}, others=403, changes=False),
    Call("POST", "/api/tokens", {"rights": ["tokens"], "tenant": "default"}, others=403, ours=201),
    Call("DELETE", "/api/tokens/{id}", who="bob"),
    Call("POST", "/api/tick", others=200, changes=False),
    Call("POST", "/api/retention", {"older_than_seconds": 1}, others=403, of_all=True),
    Call("POST", "/api/people/erasure", {"person": "dan", **REASON}, others=403, of_all=True),
)
"""What changes something, or could: each with a body by which who may do it does it."""
