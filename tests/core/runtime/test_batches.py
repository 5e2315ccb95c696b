"""Many requests, one gesture: what ran and what did not, each by a decision of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hitl_core.commands import StopScope
from hitl_core.errors import AlreadyDecided, BatchRefused, RequestClosed, ResponseRefused
from hitl_core.protocol import AuditEvent, PauseRequest, RunState
from hitl_core.runtime import Runtime, Worker, shown_digest
from tests.core.shop import App, Ledger, Shop, one_refund, only, policy, rule, trail

TOGETHER = policy(
    rule("small", level="confirm", batch=True, when={"argument": "amount", "below": 1000}),
    rule("large", level="confirm", when={"argument": "amount", "at_least": 1000}),
)
MANY = 50


def reversible(ledger: Ledger) -> App:
    return one_refund(ledger, reversible=True)


async def asked(hitl: Runtime, *amounts: float) -> list[PauseRequest]:
    return [only(await hitl.start({"order": f"A-{amount}", "amount": amount})) for amount in amounts]


def paid(shop: Shop) -> list[float]:
    return sorted(line["amount"] for line in shop.ledger.lines("refund"))


async def test_fifty_are_answered_at_once_with_exceptions(shop: Shop) -> None:
    """Forty-six run, three are refused, one is left open; each has its own decision, under one batch."""
    shop.policy = TOGETHER
    refused, left = {7, 21, 35}, 42
    async with shop.open(reversible(shop.ledger)) as hitl:
        requests = await asked(hitl, *range(1, MANY + 1))
        answers = [
            each.reject("not this one", by="ann") if number in refused else each.approve(by="ann")
            for number, each in enumerate(requests, start=1)
            if number != left
        ]
        batch = await hitl.respond_many(answers)
        assert [each.refused for each in batch.answers] == [None] * (MANY - 1)
        await Worker(hitl).run_until_idle()
        assert [each.request.id for each in (await hitl.inbox()).items] == [requests[left - 1].id]
        decided = [json.loads(entry.body) for entry in await trail(hitl, AuditEvent.REQUEST_DECIDED)]
        assert [each["batch"] for each in decided] == [batch.id] * (MANY - 1)
        assert [each["digest"] for each in decided] == [each.digest for each in answers]
        stored = [(await hitl.request(each.request_id)).response for each in answers]
        assert {each.batch for each in stored if each is not None} == {batch.id}
    assert paid(shop) == [n for n in range(1, MANY + 1) if n not in refused and n != left]


async def test_an_edit_in_one_gesture_must_not_reach_what_is_looked_at_alone(shop: Shop) -> None:
    shop.policy = TOGETHER
    async with shop.open(reversible(shop.ledger)) as hitl:
        small, other = await asked(hitl, 1, 2)
        larger = small.edit({"order": "A-1", "amount": 1000}, by="ann")
        batch = await hitl.respond_many([larger, other.edit({"order": "A-2", "amount": 3}, by="ann")])
        assert "batch: is not for the edited call (large)" in str(batch.answers[0].refused)
        await Worker(hitl).run_until_idle()
        assert paid(shop) == [3]
        await hitl.respond(larger)
        await Worker(hitl).run_until_idle()
    assert paid(shop) == [3, 1000]


async def test_what_is_alike_is_found(shop: Shop) -> None:
    shop.policy = TOGETHER
    async with shop.open(reversible(shop.ledger)) as hitl:
        small, large = await asked(hitl, 1, 2, 3), await asked(hitl, 1000)
        assert [each.request for each in await hitl.alike(small[1].id)] == small
        assert [each.request for each in await hitl.alike(large[0].id)] == large
        assert shown_digest(small) != shown_digest(reversed(small))


async def test_alike_goes_through_every_page(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hitl_core.contracts.PAGE", 2)
    shop.policy = TOGETHER
    async with shop.open(reversible(shop.ledger)) as hitl:
        requests = await asked(hitl, 1, 2, 3, 4, 5)
        assert [each.request for each in await hitl.alike(requests[0].id)] == requests


async def _nothing_taken(hitl: Runtime, *requests: PauseRequest) -> dict[str, Any]:
    """Nothing was decided, and the refusal is recorded; returns its line."""
    assert [(await hitl.request(each.id)).state for each in requests] == ["open"] * len(requests)
    (line,) = await trail(hitl, AuditEvent.BATCH_REFUSED)
    found: dict[str, Any] = json.loads(line.body)
    assert found["faults"]
    return found


async def test_several_sorts_are_refused_whole(shop: Shop) -> None:
    shop.policy = policy(
        rule("small", level="confirm", batch=True, when={"argument": "amount", "below": 10}),
        rule("large", level="confirm", batch=True, when={"argument": "amount", "at_least": 10}),
    )
    async with shop.open(reversible(shop.ledger)) as hitl:
        small, large = await asked(hitl, 1, 20)
        with pytest.raises(BatchRefused, match="by rule 'small'"):
            await hitl.respond_many([small.approve(by="ann"), large.approve(by="ann")])
        line = await _nothing_taken(hitl, small, large)
        assert line["requests"] == [small.id, large.id]
    assert paid(shop) == []


async def test_what_its_rule_wants_looked_at_alone_is_refused_and_may_be_rejected_together(shop: Shop) -> None:
    shop.policy = TOGETHER
    async with shop.open(reversible(shop.ledger)) as hitl:
        requests = await asked(hitl, 1000, 2000)
        with pytest.raises(BatchRefused, match="is to be looked at alone"):
            await hitl.respond_many([requests[0].approve(by="ann"), requests[1].reject(by="ann")])
        await _nothing_taken(hitl, *requests)
        batch = await hitl.respond_many([each.reject(by="ann") for each in requests])
        assert all(each.recorded for each in batch.answers)
        await Worker(hitl).run_until_idle()
    assert paid(shop) == []


@pytest.mark.parametrize("traits", [{}, {"reversible": False}])
async def test_irreversible_actions_are_looked_at_alone(shop: Shop, traits: dict[str, Any]) -> None:
    shop.policy = TOGETHER
    async with shop.open(one_refund(shop.ledger, **traits)) as hitl:
        requests = await asked(hitl, 1, 2)
        with pytest.raises(BatchRefused, match="is to be looked at alone"):
            await hitl.respond_many([each.approve(by="ann") for each in requests])
        with pytest.raises(ResponseRefused, match="batch"):
            await hitl.respond(requests[0].approve(by="ann", batch="made-up"))
        await _nothing_taken(hitl, *requests)
    assert paid(shop) == []


async def test_every_fault_of_a_batch_is_said(shop: Shop) -> None:
    shop.policy = TOGETHER
    async with shop.open(reversible(shop.ledger)) as hitl:
        (request,) = await asked(hitl, 1)
        unknown = request.model_copy(update={"id": "nothing"})
        twice = [request.approve(by="ann"), request.reject(by="ann"), unknown.approve(by="ann")]
        with pytest.raises(BatchRefused) as refused:
            await hitl.respond_many(twice)
        assert [fault.path for fault in refused.value.faults] == ["responses[1]", "responses[2]"]
        await _nothing_taken(hitl, request)
        with pytest.raises(BatchRefused, match="give at least one"):
            await hitl.respond_many([])


async def test_what_is_refused_for_a_reason_of_its_own_leaves_the_others(shop: Shop) -> None:
    """One was decided meanwhile, one is shown with other arguments, one is frozen: the fourth runs."""
    shop.policy = TOGETHER
    async with shop.open(reversible(shop.ledger)) as hitl:
        requests = await asked(hitl, 1, 2, 3, 4)
        await hitl.respond(requests[0].reject("no", by="bob"))
        await hitl.stop(StopScope.RUN, requests[2].run_id, by="boss", reason="wait")
        answers = [each.approve(by="ann") for each in requests]
        answers[1] = answers[1].model_copy(update={"digest": requests[0].digest})
        batch = await hitl.respond_many(answers)
        assert [type(each.refused) for each in batch.answers] == [
            AlreadyDecided,
            ResponseRefused,
            RequestClosed,
            type(None),
        ]
        await Worker(hitl).run_until_idle()
        assert (await hitl.run(requests[3].run_id)).state is RunState.COMPLETED
    assert paid(shop) == [4]


async def test_the_same_batch_again_changes_nothing(shop: Shop) -> None:
    shop.policy = TOGETHER
    async with shop.open(reversible(shop.ledger)) as hitl:
        answers = [each.approve(by="ann") for each in await asked(hitl, 1, 2)]
        await hitl.respond_many(answers)
        again = await hitl.respond_many(answers)
        assert [each.recorded.replayed for each in again.answers if each.recorded] == [True, True]
        await Worker(hitl).run_until_idle()
    assert paid(shop) == [1, 2]
