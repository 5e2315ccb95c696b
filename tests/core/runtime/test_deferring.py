"""P52: a request that is put off is out of the inbox until its time; and whose inbox it is."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from hitl_core.commands import DeferRequest
from hitl_core.errors import NotAuthorised, NotPermitted, RequestClosed, RequestNotFound, ResponseRefused
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import Responder
from hitl_core.runtime import Runtime
from tests.core.runtime.test_delegating import Told, staff
from tests.core.shop import Shop, decide, one_refund, only, policy, rule, trail

ANN = rule("ann", level="confirm", approvers={"users": ["ann"]})


async def inbox(hitl: Runtime, **given: Any) -> list[str]:
    return [each.request.id for each in (await hitl.inbox(**given)).items]


def later(shop: Shop, **time: float) -> datetime:
    return shop.clock.now() + timedelta(**time)


async def test_it_is_out_of_the_inbox_until_its_time_and_then_people_are_told(shop: Shop) -> None:
    told = Told()
    async with shop.open(one_refund(shop.ledger), channels=[told]) as hitl:
        run = await hitl.start(None)
        request = only(run)
        assert (await hitl.defer(request.id, until=later(shop, hours=2), by="ann")).request == request
        assert (await inbox(hitl), await inbox(hitl, deferred=True)) == ([], [request.id])
        assert await inbox(hitl, roles=("lead",), notices=True) == []
        shop.clock.advance(2 * 3600 - 1)
        assert await inbox(hitl) == []
        shop.clock.advance(1)
        assert await inbox(hitl) == [request.id]
        assert [entry.event for entry in await trail(hitl)][-2:] == ["request.deferred", "request.woken"]
        await decide(hitl, run, "approve", by="ann")
    assert told.requests == [request.id, request.id]
    assert shop.ledger.count() == 1


async def test_it_is_open_all_the_while_and_its_deadline_stays(shop: Shop) -> None:
    shop.policy = policy(rule("soon", level="confirm", deadline="3h"))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        first, second = only(await hitl.start(None)), only(await hitl.start(None))
        for request in (first, second):
            await hitl.defer(request.id, until=later(shop, hours=2), by="ann")
        await hitl.defer(second.id, until=later(shop, hours=1), by="ann")
        await hitl.respond(first.approve(by="ann"))
        shop.clock.advance(3600)
        assert await inbox(hitl) == [second.id]
        shop.clock.advance(7200)
        assert (await inbox(hitl), (await hitl.request(second.id)).state) == ([], RequestState.EXPIRED)
        assert len(await trail(hitl, "request.woken")) == 1


async def test_given_on_or_escalated_it_is_seen_at_once(shop: Shop) -> None:
    boss = [{"after": "1h", "users": ["boss"]}]
    shop.policy = policy(rule("ann", level="confirm", approvers={"users": ["ann"]}, escalate=boss))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        request = only(await hitl.start(None))
        await hitl.defer(request.id, until=later(shop, hours=5), by="ann")
        await hitl.respond(request.delegate("bob", by="ann"))
        assert await inbox(hitl) == [request.id]
        await hitl.defer(request.id, until=later(shop, hours=5), by="bob")
        shop.clock.advance(3600)
        assert await inbox(hitl, by="boss") == [request.id]


@pytest.mark.parametrize(
    ("by", "hours", "error"),
    [("carl", 1, NotAuthorised), ("ann", 0, ResponseRefused), ("ann", 3, ResponseRefused)],
)
async def test_what_is_not_put_off(shop: Shop, by: str, hours: int, error: type[Exception]) -> None:
    shop.policy = policy(rule("ann", level="confirm", deadline="3h", approvers={"users": ["ann"]}))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        request = only(await hitl.start(None))
        with pytest.raises(error):
            await hitl.defer(request.id, until=later(shop, hours=hours), by=by)
        assert await inbox(hitl) == [request.id]
        assert [entry.actor for entry in await trail(hitl, "request.refused")] == [by]


async def test_what_is_over_or_unknown_is_not_put_off(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        request = only(await hitl.start(None))
        await hitl.respond(request.reject(by="ann"))
        with pytest.raises(RequestClosed):
            await hitl.defer(request.id, until=later(shop, hours=1), by="ann")
        with pytest.raises(RequestNotFound):
            await hitl.defer("request-x", until=later(shop, hours=1), by="ann")


async def test_the_store_says_itself_what_it_does_not_know(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        command = DeferRequest("request-x", later(shop, hours=1), Responder(id="ann"), shop.clock.now())
        with pytest.raises(RequestNotFound):
            await hitl.store.apply(command)
        assert [entry.actor for entry in await trail(hitl, "request.refused")] == ["ann"]


# ── whose inbox it is ────────────────────────────────────────────────────────────────────────────────────────


async def test_an_inbox_is_of_a_person_their_tenant_and_whom_they_stand_in_for(shop: Shop) -> None:
    staff(shop)
    shop.policy = policy(ANN)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        request = only(await hitl.start(None))
        seen = {by: await inbox(hitl, by=by) for by in ("ann", "bob", "carl", "eve")}
        assert seen == {"ann": [request.id], "bob": [request.id], "carl": [], "eve": []}
        with pytest.raises(NotPermitted):
            await hitl.inbox(by="mallory")
        assert (await hitl.request(request.id, by="carl")).request == request
        with pytest.raises(NotPermitted, match="'eve' is of tenant 'elsewhere'"):
            await hitl.request(request.id, by="eve")
        assert [entry.actor for entry in await trail(hitl, "act.refused")] == ["mallory", "eve"]


async def test_of_every_tenant_everything_is_seen_and_of_another_nothing(shop: Shop) -> None:
    shop.people('[people.root]\ntenant = "*"\n[people.eve]\ntenant = "elsewhere"\n[people.ann]\n')
    async with shop.open(one_refund(shop.ledger)) as hitl:
        request = only(await hitl.start(None))
        seen = {by: await inbox(hitl, by=by) for by in ("root", "eve", "ann")}
    assert seen == {"root": [request.id], "eve": [], "ann": [request.id]}


async def test_without_a_directory_it_is_who_they_say_they_are(shop: Shop) -> None:
    shop.policy = policy(rule("who", level="confirm", approvers={"users": ["ann"], "roles": ["lead"]}))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        request = only(await hitl.start(None))
        people = (Responder(id="ann"), Responder(id="bob", roles=("lead",)), Responder(id="bob"))
        assert [await inbox(hitl, by=by) for by in people] == [[request.id], [request.id], []]
