"""The API with bodies that are right: it is who somebody is that is refused, and then nothing has changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hitl_core.protocol import new_id
from hitl_core.server.auth import Right
from hitl_core.testing.clock import START
from tests.server.security.calls import ACTS, LOOKS, Call, content, furnished, made
from tests.server.security.fortress import SERVING
from tests.server.security.table import ENDLESS, TABLE
from tests.server.site import EVERYTHING, somebody

OF_RUNS = ("run_id", "done_id", "ready_id", "stopped_id")
LARGEST = 4_096
NAMED = (*OF_RUNS, "request_id", "answered_id", "draft_id", "grant_id", "token_id")
HIDDEN = ("customer-7", "Sale day", "A-1042", "120.5", "double charge")
FORGED: tuple[dict[str, str], ...] = (
    *({"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}),
    *({"x-csrf-token": ""}, {"x-csrf-token": "csrf-of-bob"}, {"x-csrf-token": "csrf-of-an"}),
)


def test_each_call_of_the_api_is_among_them() -> None:
    """But the one that says who one is, and nothing of anybody else."""
    there = {route for route in TABLE if route[1].startswith("/api/")} - ENDLESS - {("GET", "/api/me")}
    assert {call.route for call in (*LOOKS, *ACTS)} == there


@pytest.mark.parametrize("call", ACTS, ids=str)
async def test_others_are_refused_where_who_may_is_let_through(tmp_path: Path, call: Call) -> None:
    """The same call with the same body: once by somebody of another tenant, then by who may, and may nothing else."""
    async with furnished(tmp_path) as at:
        before = content(tmp_path)
        at.come(somebody(tenant="north"))
        answered = await made(at, call, headers={"idempotency-key": "theirs"})
        assert answered.status_code == call.others, answered.text
        assert [each for each in HIDDEN if each in answered.text] == []
        if call.others in (404, 422):
            nobodys = {name: new_id(START) for name in NAMED}
            none = await made(at, call, ids=nobodys, headers={"idempotency-key": "nobodys"})
            assert none.status_code == call.others
            assert _unnamed(none.text, nobodys) == _unnamed(answered.text, at.ids)
        assert content(tmp_path) == before
        assert isinstance(call.needs, Right)
        at.come(somebody(call.who, tenant=None if call.of_all else "default", rights=frozenset({call.needs})))
        let_in = await made(at, call)
        assert let_in.status_code == call.ours, let_in.text
        assert (content(tmp_path) != before) == call.changes
        assert at.shop.ledger.count("refund") == (2 if call.about == "ready_id" else 1)


def _unnamed(text: str, ids: Any) -> str:
    for name in NAMED:
        text = text.replace(ids[name], "NAME")
    return text


async def test_all_that_is_refused_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    """Nobody, somebody without the right, a page of somebody else's, and one that sends too much."""
    async with furnished(tmp_path, serving=replace(SERVING, body=LARGEST)) as at:
        before, wrong = content(tmp_path), []
        for call in (*LOOKS, *ACTS):
            for what, status in await _tries(at, call):
                if not what.startswith(str(status)):
                    wrong.append((str(call), what, status))
            if content(tmp_path) != before:
                wrong.append((str(call), "changed something", 0))
                before = content(tmp_path)
        assert wrong == []


async def _tries(at: Any, call: Call) -> list[tuple[str, int]]:
    """What was tried, its due status first, and the status that it had."""
    at.come(None)
    found = [("401 nobody", (await made(at, call)).status_code)]
    assert isinstance(call.needs, Right)
    at.come(somebody(rights=EVERYTHING - {call.needs}))
    lacking = await made(at, call)
    assert call.needs.value in lacking.json()["detail"]
    found.append((f"403 without {call.needs}", lacking.status_code))
    if call.method != "GET":
        at.come(somebody())
        found += [(f"403 {headers}", (await made(at, call, headers=headers)).status_code) for headers in FORGED]
        at.come(replace(somebody(), csrf=""))
        found.append(("403 no token", (await made(at, call, headers={"x-csrf-token": ""})).status_code))
        at.come(somebody())
        found.append(("413 too much", (await made(at, call, padded=LARGEST + 1)).status_code))
    return found
