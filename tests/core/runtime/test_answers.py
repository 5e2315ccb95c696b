"""Promises P20-P24: which answer counts, and that every other one is refused by name and harms nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hitl_adapters.plain import gate
from hitl_core.commands import MoveRequest
from hitl_core.errors import (
    AlreadyDecided,
    NotAuthorised,
    RequestClosed,
    RequestExpired,
    RequestNotFound,
    ResponseRefused,
)
from hitl_core.lifecycle import RequestEvent, RequestState
from hitl_core.protocol import Response, RunState
from hitl_core.runtime import Runtime
from tests.core import desk
from tests.core.shop import Shop, decide, one_refund, only, policy, rule, trail


async def refused(hitl: Runtime, response: Response, error: type[ResponseRefused]) -> ResponseRefused:
    """The error with which an answer was refused; it is in the trail, under the name of who gave it."""
    before = await trail(hitl, "request.refused")
    with pytest.raises(error) as raised:
        await hitl.respond(response)
    recorded = (await trail(hitl, "request.refused"))[len(before) :]
    assert [(entry.subject, entry.actor) for entry in recorded] == [(response.request_id, response.responder.id)]
    return raised.value


async def test_p20_the_first_answer_wins_and_the_other_is_told_who_did(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as one, shop.open(one_refund(shop.ledger)) as other:
        run = await one.start(None)
        answers = only(run).approve(by="ann"), only(run).reject("no", by="bob")
        results = await asyncio.gather(one.respond(answers[0]), other.respond(answers[1]), return_exceptions=True)
        (lost,) = [each for each in results if isinstance(each, AlreadyDecided)]
        (won,) = [each for each in results if not isinstance(each, BaseException)]
        assert won.settled.response is not None
        assert repr(won.settled.response.responder.id) in str(lost)
        run = await one.resume(run.id)
        assert len(await trail(one, "request.decided")) == 1
    approved = won.settled.response.decision.type == "approve"
    assert (run.state, shop.ledger.count()) == (RunState.COMPLETED, int(approved))


async def test_p20_the_identical_answer_again_gets_the_same_result(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        answer = only(run).approve(by="ann", idempotency_key="click-1")
        first, again = await hitl.respond(answer), await hitl.respond(answer)
        assert (first.replayed, again.replayed) == (False, True)
        assert again.settled.response == first.settled.response
        await hitl.resume(run.id)
        assert (await hitl.respond(answer)).replayed  # also after it was used
    assert shop.ledger.count() == 1


async def test_p20_another_answer_under_the_same_key_is_refused(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.respond(only(run).approve(by="ann", idempotency_key="click-1"))
        await refused(hitl, only(run).reject("no", by="ann", idempotency_key="click-1"), AlreadyDecided)


async def test_p21_an_unknown_request_is_refused_by_name(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        with pytest.raises(RequestNotFound, match="request-1"):
            await hitl.respond(desk.request().approve(by="ann"))


async def test_p21_a_cancelled_request_is_refused_by_name(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.cancel(run.id, by="bob", reason="sold out")
        error = await refused(hitl, only(run).approve(by="ann"), RequestClosed)
        assert "cancelled" in str(error)
        assert (await hitl.resume(run.id)).state is RunState.CANCELLED
    assert shop.ledger.count() == 0


async def test_p21_a_late_answer_is_refused_by_name(shop: Shop) -> None:
    shop.policy = policy(rule("soon", level="confirm", deadline="1h"))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        shop.clock.advance(hours=1)
        await refused(hitl, only(run).approve(by="ann"), RequestExpired)
        assert (await hitl.wait(run.id)).state is RunState.COMPLETED
    assert shop.ledger.count() == 0


async def test_p21_a_finished_run_takes_no_answer(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await decide(hitl, run, "approve")
        await refused(hitl, only(run).reject("no", by="bob"), AlreadyDecided)
        await refused(hitl, only(run).approve(by="bob"), AlreadyDecided)
    assert shop.ledger.count() == 1


async def test_p21_a_superseded_request_is_refused_by_name(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        move = MoveRequest(only(run).id, RequestEvent.SUPERSEDE, "ann", "asked anew", shop.clock.now())
        await hitl.store.apply(move)
        error = await refused(hitl, only(run).approve(by="ann"), RequestClosed)
        assert "superseded" in str(error)
        await hitl.resume(run.id)
    assert shop.ledger.count() == 0


async def test_p22_an_invalid_answer_lists_all_its_faults_and_the_run_can_still_be_answered(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        edit = only(run).edit({"amount": "250", "note": True}, by="ann")
        stale = edit.model_copy(update={"digest": "sha256:0"})
        error = await refused(hitl, stale, ResponseRefused)
        assert [fault.path for fault in error.faults] == ["digest", "arguments", "arguments", "arguments.amount"]
        assert (await hitl.request(only(run).id)).state is RequestState.OPEN
        assert await hitl.run(run.id) == run
        await decide(hitl, run, "approve")
    assert [line["amount"] for line in shop.ledger.lines()] == [120.5]


async def test_p22_an_invalid_answer_to_a_question_leaves_it_open(shop: Shop) -> None:
    async def app(input: Any) -> Any:
        return await gate.ask("How many?", answer_schema={"type": "integer", "minimum": 1})

    async with shop.open(app) as hitl:
        run = await hitl.start(None)
        for value in ("3", 0, True):
            await refused(hitl, only(run).answer(value, by="ann"), ResponseRefused)
        run = await decide(hitl, run, "answer", 3)
    assert run.output == 3


async def test_p23_an_answer_to_what_was_not_shown_is_refused(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        one, other = await hitl.start({"amount": 10}), await hitl.start({"amount": 99})
        swapped = only(one).approve(by="ann").model_copy(update={"request_id": only(other).id})
        error = await refused(hitl, swapped, ResponseRefused)
        assert [fault.path for fault in error.faults] == ["digest"]
        await hitl.resume(other.id)
    assert shop.ledger.count() == 0


@pytest.mark.parametrize(
    ("by", "roles"), [("eve", ()), ("eve", ("clerk",)), ("ann", ("lead",))], ids=["stranger", "wrong role", "starter"]
)
async def test_p24_who_may_not_decide_is_refused_and_recorded(shop: Shop, by: str, roles: tuple[str, ...]) -> None:
    shop.policy = policy(rule("leads", level="confirm", approvers={"roles": ["lead"]}))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None, by="ann")
        await refused(hitl, only(run).approve(by=by, roles=roles), NotAuthorised)
        assert (await hitl.resume(run.id)).state is RunState.PAUSED
        await decide(hitl, run, "approve", by="bob", roles=("lead",))
    assert shop.ledger.count() == 1


async def test_p24_every_fault_of_a_stranger_is_listed_too(shop: Shop) -> None:
    shop.policy = policy(rule("leads", level="confirm", approvers={"roles": ["lead"]}))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        edit = only(run).edit({"order": "A-1", "amount": "1"}, by="eve")
        error = await refused(hitl, edit, NotAuthorised)
    assert [fault.path for fault in error.faults] == ["responder", "arguments.amount"]


async def test_a_cancel_decision_ends_the_whole_run(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        answer = only(run).cancel("sold out", by="ann")
        recorded = await hitl.respond(answer)
        assert recorded.run_state is RunState.CANCELLED
        assert (await hitl.respond(answer)).replayed
        run = await hitl.resume(run.id)
    assert (run.state, shop.ledger.count()) == (RunState.CANCELLED, 0)


async def test_who_asks_for_a_role_sees_only_its_requests(shop: Shop) -> None:
    shop.policy = policy(rule("leads", level="confirm", approvers={"roles": ["lead"]}))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        assert [each.request.id for each in (await hitl.inbox(roles=("lead",))).items] == [only(run).id]
        assert (await hitl.inbox(roles=("clerk",))).items == ()
