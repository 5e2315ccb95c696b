"""RecordResponse and MoveRequest: the first valid answer wins, the same again is replayed, the rest is told why not."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from hitl_core.commands import GetRequest, GetRun, LiftStop, MoveRequest, Recorded, RecordResponse, StopScope
from hitl_core.errors import (
    AlreadyDecided,
    HitlError,
    NotCanonical,
    RequestClosed,
    RequestExpired,
    RequestNotFound,
    ResponseRefused,
    TooLarge,
)
from hitl_core.lifecycle import IllegalMove, RequestEvent, RequestState
from hitl_core.protocol import Action, Edit, Kind, OnTimeout, PauseRequest, Responder, Response, RunState
from tests.core.stores.world import World


def move(request: PauseRequest | str, event: RequestEvent, world: World) -> MoveRequest:
    name = request if isinstance(request, str) else request.id
    return MoveRequest(name, event, "boss", "because", world.now)


async def refused(world: World, error: type[HitlError], **how: Any) -> str:
    with pytest.raises(error) as caught:
        await world.answer(**how)
    return str(caught.value)


# ── deciding ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_decision_makes_the_run_ready(world: World) -> None:
    run, (request,) = await world.paused()
    who = Responder(id="ann", roles=("lead",), channel="web")
    response = Response.to(request, Edit(arguments={"amount": 1}), by=who, reason="too much")
    recorded = await world.answer(response)
    assert not recorded.replayed
    assert recorded.run_state is RunState.READY
    assert recorded.settled.state is RequestState.DECIDED
    assert recorded.settled.response == response
    assert recorded.settled.request == request
    assert await world.settled(request) == recorded.settled
    assert await world.run_state(run) is RunState.READY


async def test_partial_answers_leave_the_run_paused(world: World) -> None:
    run, requests = await world.paused(count=3)
    states = [(await world.answer(each.approve(by="ann"))).run_state for each in reversed(requests)]
    assert states == [RunState.PAUSED, RunState.PAUSED, RunState.READY]
    assert (await world.store.fetch(GetRun(run.id))).pending == ()


async def test_a_veto_is_a_state_of_its_own(world: World) -> None:
    _, (request,) = await world.paused(veto=True)
    recorded = await world.answer(request.reject("no", by="ann"), event=RequestEvent.VETO)
    assert recorded.settled.state is RequestState.VETOED
    assert "was first and said 'reject'" in await refused(world, AlreadyDecided, response=request.approve(by="eve"))


async def test_a_notice_can_be_answered_and_moves_no_run(world: World) -> None:
    claimed = await world.open()
    notice = world.request(claimed, kind=Kind.NOTICE, allowed=())
    waiting = world.request(claimed, "refund#2")
    await world.pause(claimed, notice, waiting)
    assert (await world.answer(notice.cancel("seen", by="ann"))).run_state is RunState.PAUSED
    assert await world.state(waiting) is RequestState.OPEN


@pytest.mark.parametrize("event", [RequestEvent.CANCEL, RequestEvent.CONSUME, RequestEvent.EXPIRE])
async def test_a_response_decides_or_vetoes_and_nothing_else(world: World, event: RequestEvent) -> None:
    _, (request,) = await world.paused()
    with pytest.raises(IllegalMove):
        await world.answer(request.approve(by="ann"), event=event)
    assert await world.state(request) is RequestState.OPEN


async def test_a_cancel_decision_cancels_the_run_with_everything_in_it(world: World) -> None:
    run, (request, other) = await world.paused(count=2)
    recorded = await world.answer(request.cancel("wrong customer", by="ann"))
    assert recorded.run_state is RunState.CANCELLED
    assert recorded.settled.state is RequestState.CONSUMED
    assert await world.state(other) is RequestState.CANCELLED
    cancelled = await world.store.fetch(GetRun(run.id))
    assert cancelled.error == "the run was cancelled by ann: wrong customer"


async def test_a_response_over_its_limit_is_refused(world: World) -> None:
    _, (request,) = await world.paused()
    with pytest.raises(TooLarge, match="response"):
        await world.answer(request.answer("x" * 256 * 1024, by="ann"))
    assert await world.state(request) is RequestState.OPEN


# ── who was first ────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_same_answer_again_gets_the_same_result(world: World) -> None:
    _, (request,) = await world.paused()
    first = await world.answer(request.edit({"amount": 1}, by="ann"))
    again = await world.answer(request.edit({"amount": 1.0}, by="ann"))
    assert again == Recorded(first.settled, RunState.READY, replayed=True)
    assert (await world.events()).count("request.decided") == 1


@pytest.mark.parametrize("arguments", [{"amount": 2}, {"amount": True}, {"amount": "1"}, {}])
async def test_another_edit_by_the_same_person_is_another_answer(world: World, arguments: dict[str, Any]) -> None:
    _, (request,) = await world.paused()
    await world.answer(request.edit({"amount": 1}, by="ann"))
    told = await refused(world, AlreadyDecided, response=request.edit(arguments, by="ann"))
    assert "'ann' was first and said 'edit'" in told


async def test_a_key_replays_whoever_sends_it_but_only_the_same_decision(world: World) -> None:
    _, (request,) = await world.paused()
    await world.answer(request.approve(by="ann", idempotency_key="click-1"))
    assert (await world.answer(request.approve(by="proxy", idempotency_key="click-1"))).replayed
    await refused(world, AlreadyDecided, response=request.reject(by="ann", idempotency_key="click-1"))
    await refused(world, AlreadyDecided, response=request.approve(by="eve", idempotency_key="click-2"))
    await refused(world, AlreadyDecided, response=request.approve(by="eve"))


async def test_an_answer_is_replayed_after_it_was_used_up(world: World) -> None:
    lease, request = await world.approved()
    await world.begin(lease, request_id=request.id)
    again = await world.answer(request.approve(by="ann"))
    assert (again.replayed, again.settled.state, again.run_state) == (True, RequestState.CONSUMED, RunState.RUNNING)


async def test_fifty_people_at_once_and_one_of_them_wins(world: World) -> None:
    _, (request,) = await world.paused()
    responses = [request.reject(f"because {n}", by=f"person-{n}") for n in range(50)]
    results = await asyncio.gather(*map(world.answer, responses), return_exceptions=True)
    winners = [each for each in results if isinstance(each, Recorded)]
    losers = [each for each in results if isinstance(each, AlreadyDecided)]
    assert (len(winners), len(losers)) == (1, 49)
    won = winners[0].settled.response
    assert won is not None
    assert all(f"'{won.responder.id}' was first" in str(each) for each in losers)
    assert (await world.events()).count("request.refused") == 49


# ── refused, by name and on the record ───────────────────────────────────────────────────────────────────────


async def test_what_is_refused_is_recorded_and_changes_nothing(world: World) -> None:
    run, (request,) = await world.paused(deadline=world.now + timedelta(minutes=1))
    world.later(61)
    await refused(world, RequestExpired, response=request.approve(by="late"))
    entry = (await world.trail(run))[-1]
    assert (entry.event, entry.subject, entry.actor) == ("request.refused", request.id, "late")
    assert "HITL-D05" in entry.body
    assert (await world.settled(request)).response is None


async def test_an_unknown_request_is_refused_on_the_record(world: World) -> None:
    _, (request,) = await world.paused()
    unknown = request.model_copy(update={"id": "request-404"}).approve(by="ann")
    assert "'request-404'" in await refused(world, RequestNotFound, response=unknown)
    assert (await world.trail())[-1].subject == "request-404"


async def test_the_deadline_counts_before_the_timer_has_fired(world: World) -> None:
    _, (request,) = await world.paused(deadline=world.now + timedelta(minutes=1), on_timeout=OnTimeout.PROCEED)
    world.later(60)
    assert "proceed" in await refused(world, RequestExpired, response=request.reject(by="ann"))
    assert await world.fire() == [request.id]
    await refused(world, RequestExpired, response=request.reject(by="ann"))


async def test_an_answer_a_moment_before_the_deadline_counts(world: World) -> None:
    _, (request,) = await world.paused(deadline=world.now + timedelta(minutes=1))
    world.now += timedelta(minutes=1) - timedelta(microseconds=1)
    assert (await world.answer(request.approve(by="ann"))).run_state is RunState.READY


async def test_a_frozen_request_takes_answers_after_the_stop(world: World) -> None:
    _, (request,) = await world.paused()
    await world.stop(StopScope.ALL)
    assert "frozen by a stop" in await refused(world, RequestClosed, response=request.approve(by="ann"))
    await world.store.apply(LiftStop(StopScope.ALL, "", "safe", "boss", world.now))
    assert (await world.answer(request.approve(by="ann"))).run_state is RunState.READY


async def test_closed_requests_say_how_they_closed(world: World) -> None:
    for event, word in ((RequestEvent.CANCEL, "cancelled"), (RequestEvent.SUPERSEDE, "superseded")):
        _, (request,) = await world.paused()
        await world.store.apply(move(request, event, world))
        told = await refused(world, RequestClosed, response=request.approve(by="ann"))
        assert f"is {word}: {event} by boss: because" in told


async def test_a_consumed_deadline_is_late_not_somebody_elses_win(world: World) -> None:
    run, (request,) = await world.paused(deadline=world.now + timedelta(minutes=1))
    world.later(61)
    await world.fire()
    await world.pause(await world.claim(run), consumed=(request.call,))
    assert await world.state(request) is RequestState.CONSUMED
    await refused(world, RequestExpired, response=request.approve(by="ann"))


# ── moving by hand ───────────────────────────────────────────────────────────────────────────────────────────


async def test_revoking_takes_an_unused_approval_back(world: World) -> None:
    run, (request,) = await world.paused()
    await world.answer(request.approve(by="ann"))
    settled = await world.store.apply(move(request, RequestEvent.REVOKE, world))
    assert settled.state is RequestState.REVOKED
    assert await world.run_state(run) is RunState.READY
    with pytest.raises(IllegalMove, match="revoked"):
        await world.store.apply(move(request, RequestEvent.REVOKE, world))


async def test_withdrawing_the_last_open_request_makes_the_run_ready(world: World) -> None:
    run, (one, other) = await world.paused(count=2)
    await world.store.apply(move(one, RequestEvent.CANCEL, world))
    assert await world.run_state(run) is RunState.PAUSED
    await world.store.apply(move(other, RequestEvent.SUPERSEDE, world))
    assert await world.run_state(run) is RunState.READY


async def test_a_request_frozen_by_hand_is_thawed_by_hand_only(world: World) -> None:
    _, (request, other) = await world.paused(count=2)
    await world.store.apply(move(request, RequestEvent.FREEZE, world))
    assert await world.stop(StopScope.ALL) == 1
    assert await world.store.apply(LiftStop(StopScope.ALL, "", "r", "boss", world.now)) == 1
    assert await world.state(other) is RequestState.OPEN
    assert await world.state(request) is RequestState.FROZEN
    assert (await world.store.apply(move(request, RequestEvent.THAW, world))).state is RequestState.OPEN


async def test_only_what_a_person_may_do_is_done_by_hand(world: World) -> None:
    _, (request,) = await world.paused()
    for event in (RequestEvent.DECIDE, RequestEvent.CONSUME, RequestEvent.CLOSE, RequestEvent.EXPIRE):
        with pytest.raises(IllegalMove, match=f"moved by {event}"):
            await world.store.apply(move(request, event, world))
    with pytest.raises(RequestNotFound):
        await world.store.apply(move("nobody", RequestEvent.CANCEL, world))
    assert await world.state(request) is RequestState.OPEN


async def test_a_decision_on_a_running_run_leaves_it_running(world: World) -> None:
    """The framework may ask several things and be resumed by another one's answer meanwhile."""
    run, (request,) = await world.paused()
    other = world.request(run, "refund#2", kind=Kind.NOTICE, allowed=())
    await world.answer(request.approve(by="ann"))
    claimed = await world.claim(run)
    await world.begin(claimed.lease, "tool#9", notice=other)
    recorded = await world.store.apply(RecordResponse(other.approve(by="ann"), world.now))
    assert recorded.run_state is RunState.RUNNING


async def test_an_answer_about_another_action_is_refused_whoever_has_judged_it(world: World) -> None:
    """The digest of another action may stand in this one's arguments too; only the request's own counts."""
    shown = Action(tool="refund", arguments={"digest": "sha256:other"})
    run, (request,) = await world.paused(action=shown, digest=shown.digest)
    swapped = request.approve(by="ann").model_copy(update={"digest": "sha256:other"})
    with pytest.raises(ResponseRefused) as refused:
        await world.answer(swapped)
    assert [fault.path for fault in refused.value.faults] == ["digest"]
    assert (await world.state(request), await world.run_state(run)) == (RequestState.OPEN, RunState.PAUSED)
    assert (await world.events()).count("request.refused") == 1
    await world.answer(request.approve(by="ann"))


@pytest.mark.parametrize("digest", ["md5:0a", "sha256:0A", "0a", "sha256:0a"])
async def test_a_digest_counts_as_it_is_written(world: World, digest: str) -> None:
    """However the store keeps it: what looks like the same digest is another text, and no answer to this one."""
    _, (request,) = await world.paused(digest=digest)
    for other in ("sha256:0a ", "sha256:0B", digest.upper()):
        with pytest.raises(ResponseRefused):
            await world.answer(request.approve(by="ann").model_copy(update={"digest": other}))
    assert (await world.answer(request.approve(by="ann"))).run_state is RunState.READY


async def test_an_id_that_no_utf_8_has_is_refused_by_name(world: World) -> None:
    with pytest.raises(NotCanonical, match="lone surrogate"):
        await world.store.fetch(GetRequest("\ud800"))
