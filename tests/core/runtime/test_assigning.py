"""P52: of those who may decide, whoever was asked longest ago is asked."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hitl_adapters.plain import gate
from hitl_core.commands import ListAssigned
from hitl_core.errors import NotAuthorised
from hitl_core.people import Person
from hitl_core.protocol import Delegate, Response, Run, RunState
from hitl_core.runtime import Runtime
from tests.core.shop import Shop, decide, one_refund, only, policy, rule, trail

STAFF = """
[people.ann]
roles = ["lead"]
[people.ben]
roles = ["lead"]
delegate = "dan"
[[people.ben.away]]
from = 2026-01-05
until = 2026-01-07
[people.cyn]
groups = ["finance"]
[people.dan]
roles = ["clerk"]
[people.eve]
roles = ["lead"]
tenant = "elsewhere"
"""
POOL = {"roles": ["lead", "group:finance"], "assign": True}


def turns(**more: Any) -> str:
    return rule("turns", level="confirm", **{"approvers": POOL, **more})


async def asked(shop: Shop, hitl: Runtime, *, by: str | None = None) -> tuple[str, ...]:
    run = await hitl.start(None, by=by)
    shop.clock.advance(seconds=1)
    return only(run).approvers.users


async def test_members_of_roles_and_groups_take_turns_and_who_is_away_has_none(shop: Shop) -> None:
    shop.people(STAFF)
    shop.policy = policy(turns())
    async with shop.open(one_refund(shop.ledger)) as hitl:
        assert [await asked(shop, hitl) for _ in range(3)] == [("ann",), ("cyn",), ("ann",)]
        shop.clock.advance(days=3)
        assert await asked(shop, hitl) == ("ben",)


async def test_whoever_started_the_run_is_not_asked_about_it(shop: Shop) -> None:
    shop.people(STAFF)
    shop.policy = policy(turns())
    async with shop.open(one_refund(shop.ledger)) as hitl:
        assert await asked(shop, hitl, by="ann") == ("cyn",)
        shop.policy = policy(turns(approvers={**POOL, "allow_self": True}), version="2")
        assert await asked(shop, hitl, by="ann") == ("ann",)


async def test_a_quorum_is_filled_with_as_many(shop: Shop) -> None:
    shop.people(STAFF)
    shop.policy = policy(turns(approvers={**POOL, "quorum": 2}))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        assert only(run).approvers.users == ("ann", "cyn")
        await hitl.respond(only(run).approve(by="ann"))
        run = await decide(hitl, run, "approve", by="cyn")
        assert run.state is RunState.COMPLETED
    assert shop.ledger.count() == 1


async def test_where_too_few_are_there_all_who_may_decide_are_asked(shop: Shop) -> None:
    shop.people(STAFF)
    shop.policy = policy(turns(approvers={**POOL, "quorum": 3}, escalate=[{"after": "1h", "reassign": True}]))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        request = only(await hitl.start(None))
        assert (request.approvers.roles, request.approvers.assign) == (("lead", "group:finance"), False)
        shop.clock.advance(hours=1)
        await hitl.tick()
        assert (await hitl.request(request.id)).request == request
        await hitl.respond(request.approve(by="ann"))


class Silent:
    """A directory that knows people and cannot say who is in a role."""

    async def person(self, id: str) -> Person | None:
        return Person(id, roles=("lead",))

    async def members(self, role: str) -> tuple[Person, ...]:
        raise ConnectionError("no route to the directory")

    async def delegators(self, id: str) -> tuple[Person, ...]:
        return ()


async def test_while_the_directory_fails_all_who_may_decide_are_asked(shop: Shop) -> None:
    shop.directory = Silent()
    shop.policy = policy(turns())
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        assert only(run).approvers.roles == ("lead", "group:finance")
        assert (await decide(hitl, run, "approve", by="mia")).state is RunState.COMPLETED


async def test_a_lying_question_goes_round_and_comes_back(shop: Shop) -> None:
    shop.people(STAFF)
    steps = [{"after": f"{hours}h", "reassign": True} for hours in (1, 2)]
    shop.policy = policy(turns(escalate=[*steps, {"after": "3h", "users": ["dan"]}]))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        for person, others in (("ann", "cyn"), ("cyn", "ann"), ("ann", "cyn")):
            view = [item.request.id for item in (await hitl.inbox(by=person)).items]
            assert view == [only(run).id]
            assert not (await hitl.inbox(by=others)).items
            shop.clock.advance(hours=1)
            await hitl.tick()
        lines = [entry.body for entry in await trail(hitl, "request.escalated")]
        assert ['"users":["cyn"]' in lines[0], '"users":["ann"]' in lines[1]] == [True, True]
        assert (await decide(hitl, run, "approve", by="dan")).state is RunState.COMPLETED
    assert shop.ledger.count() == 1


async def test_whoever_is_asked_can_give_it_on(shop: Shop) -> None:
    shop.people(STAFF)
    shop.policy = policy(turns())
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(Response.to(only(run), Delegate(to="dan"), by="ann"))
        with pytest.raises(NotAuthorised):
            await hitl.respond(only(run).approve(by="ann"))
        assert (await decide(hitl, run, "approve", by="dan")).state is RunState.COMPLETED
    assert shop.ledger.count() == 1


async def test_of_two_questions_in_one_pause_each_goes_to_another(shop: Shop) -> None:
    shop.people(STAFF)
    shop.policy = policy(rule("turns", level="confirm", approvers=POOL, match={"tool": "ask"}))

    async def app(input: Any) -> Any:
        return await asyncio.gather(gate.ask("Which one?"), gate.ask("How much?"))

    async with shop.open(app) as hitl:
        run: Run = await hitl.start(None)
        assert sorted(each.approvers.users for each in run.pending) == [("ann",), ("cyn",)]


async def test_who_is_erased_has_had_no_turn_any_more(shop: Shop) -> None:
    shop.policy = policy(turns(approvers={"users": ["ann", "ben"], "assign": True}))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.cancel(run.id, by="boss")
        await hitl.erase_person("ann", by="boss", reason="asked to")
        assert await hitl.store.fetch(ListAssigned(("ann", "ben"), "default")) == {}
