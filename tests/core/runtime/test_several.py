"""Several people from the agent's call to the effect: what is asked at the claim, and how the policy of now counts."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_core.errors import NotAuthorised, ResponseRefused
from hitl_core.protocol import AuditEvent, RunState
from hitl_core.runtime import Runtime
from tests.core.runtime.test_decide import Told
from tests.core.shop import Shop, decide, one_refund, only, policy, rule, trail

LESS = {"order": "A-1042", "amount": 9.5}
ONE = policy(rule("one", level="confirm", approvers={"roles": ["lead"]}))
TWO = policy(rule("two", level="confirm", approvers={"roles": ["lead"], "quorum": 2}), version="2")
STAGED = policy(
    rule("staged", level="confirm", approvers={"stages": [{"roles": ["lead"]}, {"roles": ["finance"]}]}), version="2"
)


def paid(shop: Shop) -> list[float]:
    return [line["amount"] for line in shop.ledger.lines("refund")]


async def leads(hitl: Runtime, run: Any, *names: str, role: str = "lead") -> Any:
    """These people approve, one after the other."""
    for name in names:
        await hitl.respond(only(run).approve(by=name, roles=(role,)))
    return await hitl.resume(run.id)


async def test_a_policy_that_asks_for_more_people_by_now_asks_again(shop: Shop) -> None:
    shop.policy = ONE
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="mia", roles=("lead",)))
        shop.policy = TWO
        run = await hitl.resume(run.id)
        assert run.state is RunState.PAUSED
        assert "it needs 1 of role lead besides" in only(run).because.why
        assert only(run).because.version == "2"
        assert paid(shop) == []
        await leads(hitl, run, "mia", "ben")
    assert paid(shop) == [120.5]


async def test_open_requests_keep_the_version_that_asked(shop: Shop) -> None:
    shop.policy = TWO
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        shop.policy = ONE
        await hitl.respond(only(run).approve(by="mia", roles=("lead",)))
        run = await hitl.resume(run.id)
        assert (run.state, only(run).because.version) == (RunState.PAUSED, "2"), "a laxer policy changes nothing"
        await leads(hitl, run, "ben")
    assert paid(shop) == [120.5]


async def test_the_people_of_another_order_of_stages_do_not_stand(shop: Shop) -> None:
    shop.policy = TWO
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        for name in ("mia", "ben"):
            await hitl.respond(only(run).approve(by=name, roles=("lead",)))
        shop.policy = STAGED
        run = await hitl.resume(run.id)
        assert "it needs 1 of role finance besides" in only(run).because.why
    assert paid(shop) == []


async def test_an_edit_must_not_reach_what_needs_more_people(shop: Shop) -> None:
    large = rule("large", level="confirm", approvers={"quorum": 2}, when={"argument": "amount", "above": 200})
    shop.policy = policy(rule("one", level="confirm"), large)
    shop.policy = policy(large, rule("one", level="confirm"))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        with pytest.raises(ResponseRefused, match="the edited call needs 2 people"):
            await decide(hitl, run, "edit", {"order": "A-1042", "amount": 201.0})
        run = await decide(hitl, run, "edit", LESS)
    assert paid(shop) == [9.5]


async def test_an_edit_must_not_reach_what_needs_other_stages(shop: Shop) -> None:
    stages = [{"users": ["ann"]}, {"users": ["bob"]}]
    large = rule("large", level="confirm", approvers={"stages": stages}, when={"argument": "amount", "above": 200})
    shop.policy = policy(large, rule("two", level="confirm", approvers={"quorum": 2}))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        with pytest.raises(ResponseRefused, match="this request asks 2, and others"):
            await decide(hitl, run, "edit", {"order": "A-1042", "amount": 201.0})
        run = await hitl.start({"amount": 300})
        await hitl.respond(only(run).edit({"order": "A-1042", "amount": 201.0}, by="ann"))
        await hitl.respond(only(run).edit({"order": "A-1042", "amount": 201.0}, by="bob"))
        await hitl.resume(run.id)
    assert paid(shop) == [201]


APART = rule("apart", level="confirm", approvers={"separate_from": ["mail"]}, when={"argument": "amount", "above": 200})


async def test_an_edit_must_not_reach_what_keeps_people_apart(shop: Shop) -> None:
    shop.policy = policy(APART, rule("one", level="confirm"))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        with pytest.raises(ResponseRefused, match="somebody kept apart from who let 'mail' run"):
            await decide(hitl, run, "edit", {"order": "A-1042", "amount": 201.0})
        run = await decide(hitl, run, "edit", LESS)
    assert paid(shop) == [9.5]


async def test_a_policy_that_keeps_people_apart_by_now_asks_again(shop: Shop) -> None:
    shop.policy = policy(rule("one", level="confirm"))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start({"amount": 300})
        await hitl.respond(only(run).approve(by="mia"))
        shop.policy = policy(APART, version="2")
        run = await hitl.resume(run.id)
        assert "nobody was kept apart from who let 'mail' run" in only(run).because.why
        assert paid(shop) == []
        await decide(hitl, run, "approve")
    assert paid(shop) == [300]


async def test_who_started_the_run_is_no_vote(shop: Shop) -> None:
    shop.policy = TWO
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None, by="mia")
        with pytest.raises(NotAuthorised, match="started this run"):
            await leads(hitl, run, "mia")
        await leads(hitl, run, "ben")
        assert paid(shop) == []
        await leads(hitl, run, "kim")
        refused = await trail(hitl, AuditEvent.REQUEST_REFUSED)
    assert (paid(shop), [entry.actor for entry in refused]) == ([120.5], ["mia"])


async def test_who_is_reminded_is_shown_the_same_question_again(shop: Shop) -> None:
    shop.policy = policy(rule("chased", level="confirm", remind=["30m"], deadline="1h"))
    told = Told()
    async with shop.open(one_refund(shop.ledger), channels=[told]) as hitl:
        run = await hitl.start(None)
        shop.clock.advance(minutes=30)
        assert await hitl.tick() == 1
        shop.clock.advance(minutes=30)
        assert await hitl.tick() == 1
    assert told.requests == [only(run), only(run)], "once when it was asked, once as a reminder, not when it expired"
