"""What a tenant keeps apart is kept apart on the pages and in the API alike, also where no directory knows people."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from hitl_core.server import create_app
from hitl_core.server.auth import Right
from tests.core.shop import one_refund, policy, rule
from tests.server.security.fortress import SERVING, fortress
from tests.server.site import HOST, AsVisitor, somebody

OTHER = """version = "7"
[[rules]]
id = "refunds"
why = "small"
level = "notify"
match = { tool = "refund" }
"""
PAST = policy(
    rule("second", level="confirm", when={"rate": {"within": "1d", "above": 1}}), rule("first", level="notify")
)
FAR = {"tool": "refund", "lasts": "1h", "reason": "Sale day"}
ONLY_REQUESTS = frozenset({Right.REQUESTS})


@pytest.mark.parametrize("rights", [ONLY_REQUESTS, frozenset(Right)])
async def test_what_one_may_decide_is_of_one_s_tenant(tmp_path: Path, rights: frozenset[Right]) -> None:
    async with fortress(tmp_path) as at:
        at.come(somebody("bob", tenant="default", rights=rights))
        assert at.ids["request_id"] in (await at.ask("GET", "/api/requests?mine=true")).text
        at.come(somebody("bob", tenant="north", rights=rights))
        found = await at.ask("GET", "/api/requests?mine=true")
        assert (found.status_code, found.json()["items"]) == (200, [])


async def test_nobody_of_another_tenant_lets_calls_of_this_one_run(tmp_path: Path) -> None:
    async with fortress(tmp_path) as at:
        given = len(await at.hitl.grants())
        at.come(somebody(tenant="north"))
        refused = await at.ask("POST", "/grants", data=FAR)
        assert (refused.status_code, len(await at.hitl.grants())) == (403, given)
        at.come(somebody(tenant="default"))
        assert (await at.ask("POST", "/grants", data=FAR)).status_code == 303
        assert len(await at.hitl.grants()) == given + 1


async def test_what_was_asked_before_is_tried_for_its_own_tenant_only(tmp_path: Path) -> None:
    async with fortress(tmp_path) as at:
        at.come(somebody(tenant="default"))
        tried = await at.ask("POST", "/policy/backtest", data={"text": OTHER})
        assert (tried.status_code, "2 recorded actions" in tried.text) == (200, True)
        at.come(somebody(tenant="north"))
        refused = await at.ask("POST", "/policy/backtest", data={"text": OTHER})
        assert (refused.status_code, "recorded actions" in refused.text) == (403, False)


async def test_an_action_is_explained_by_the_past_of_one_s_own_tenant(tmp_path: Path) -> None:
    async with fortress(tmp_path) as at:
        at.shop.policy = PAST
        async with at.shop.open(one_refund(at.shop.ledger, reversible=True)) as hitl:
            await hitl.start({"order": "A-1043", "amount": 1})
            asked = {"tool": "refund", "arguments": '{"amount": 1}', "facts": '{"tenant": "default"}'}
            app = AsVisitor(create_app(hitl, SERVING), None)
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOST) as client:
                for tenant, told in (("default", "second"), ("north", "first")):
                    app.now = somebody(tenant=tenant)
                    said = await client.post("/policy/explain", data={"csrf": app.now.csrf, **asked})
                    assert (said.status_code, f"by the rule <code>{told}</code>" in said.text) == (200, True), tenant


async def test_the_whole_trail_is_read_by_who_sees_all_of_it(tmp_path: Path) -> None:
    async with fortress(tmp_path) as at:
        at.come(somebody(tenant=None))
        assert (await at.ask("POST", "/audit/verify")).status_code == 303
        assert (await at.ask("GET", "/audit/verify")).status_code == 200
        at.come(somebody(tenant="north"))
        assert (await at.ask("POST", "/audit/verify")).status_code == 403
        assert (await at.ask("GET", "/audit/verify")).status_code == 403
