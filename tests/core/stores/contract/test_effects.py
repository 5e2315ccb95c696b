"""BeginEffect and EndEffect: the last transaction before a tool, and the one after it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from hitl_core.commands import (
    BeginEffect,
    EndEffect,
    Lease,
    ListEffects,
    Look,
    MoveRequest,
    Note,
    RecordRefusal,
    StopScope,
)
from hitl_core.errors import (
    AlreadyStarted,
    DigestMismatch,
    EffectRefused,
    HitlError,
    LeaseLost,
    NotCanonical,
    RecordError,
    Stopped,
    TooLarge,
)
from hitl_core.lifecycle import ActionState, IllegalMove, RequestEvent, RequestState
from hitl_core.protocol import (
    Action,
    AuditEvent,
    EffectMode,
    Executed,
    Failed,
    Json,
    Kind,
    OnTimeout,
    Origin,
    PauseRequest,
    Response,
)
from tests.core.stores.world import REFUND, World

OTHER = Action(tool="refund", arguments={"order": "A-1042", "amount": 9999})


async def end(world: World, lease: Lease, outcome: Executed | Failed, call: str = "refund#1") -> Any:
    return await world.store.apply(EndEffect(lease, call, outcome, world.now))


async def refused(world: World, error: type[HitlError], lease: Lease, **how: Any) -> str:
    """Begin, expecting `error`; nothing has started, and that it was refused is on the record."""
    before = await world.store.fetch(ListEffects(lease.run_id))
    with pytest.raises(error) as caught:
        await world.begin(lease, **how)
    assert type(caught.value) is error
    assert await world.store.fetch(ListEffects(lease.run_id)) == before
    if error is not LeaseLost:
        assert (await world.events())[-1] == "action.refused"
    return str(caught.value)


# ── beginning ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_approved_action_begins_and_its_request_is_consumed(world: World) -> None:
    lease, request = await world.approved()
    effect = await world.begin(lease, request_id=request.id)
    assert (effect.state, effect.attempts, effect.fence) == (ActionState.EXECUTING, 1, lease.fence)
    assert (effect.action, effect.request_id, effect.mode) == (REFUND, request.id, EffectMode.LEDGER)
    known = await world.store.fetch(Look(lease.run_id, "refund#1"))
    assert known.effect == effect
    assert known.settled is not None
    assert known.settled.state is RequestState.CONSUMED


async def test_an_action_that_needs_no_question_begins_with_a_note_and_a_notice(world: World) -> None:
    claimed = await world.open()
    notice = world.request(claimed, kind=Kind.NOTICE, allowed=())
    note = Note(AuditEvent.REQUEST_REFUSED, claimed.run.id, "policy", {"rule": "small refunds"})
    effect = await world.begin(claimed.lease, notice=notice, note=note)
    assert effect.request_id is None
    assert await world.state(notice) is RequestState.OPEN
    assert (await world.events())[1:] == ["action.noticed", "request.refused", "effect.started"]


async def test_a_call_begins_once(world: World) -> None:
    lease, request = await world.approved()
    await world.begin(lease, request_id=request.id)
    assert "is executing" in await refused(world, AlreadyStarted, lease, request_id=request.id)
    await end(world, lease, Executed("paid"))
    assert "is executed" in await refused(world, AlreadyStarted, lease, request_id=request.id)


async def test_two_identical_calls_are_two_actions(world: World) -> None:
    lease, request = await world.approved()
    await world.begin(lease, request_id=request.id)
    assert "not about the call" in await refused(world, EffectRefused, lease, call="refund#2", request_id=request.id)


async def test_an_approval_of_another_run_allows_nothing(world: World) -> None:
    _, request = await world.approved()
    other = await world.open()
    assert "not about" in await refused(world, EffectRefused, other.lease, request_id=request.id)
    assert "not about" in await refused(world, EffectRefused, other.lease, request_id="nobody")


async def test_what_would_run_must_be_what_was_approved(world: World) -> None:
    lease, request = await world.approved()
    await refused(world, DigestMismatch, lease, action=OTHER, request_id=request.id)
    retooled = Action(tool="refund", arguments=REFUND.arguments, definition="sha256:new")
    await refused(world, DigestMismatch, lease, action=retooled, request_id=request.id)
    assert await world.state(request) is RequestState.DECIDED


async def test_an_edit_allows_the_edited_action_and_not_the_original(world: World) -> None:
    run, (request,) = await world.paused()
    await world.answer(request.edit({"order": "A-1042", "amount": 1}, by="ann"))
    lease = (await world.claim(run)).lease
    await refused(world, DigestMismatch, lease, request_id=request.id)
    edited = REFUND.edited({"order": "A-1042", "amount": 1})
    assert (await world.begin(lease, action=edited, request_id=request.id)).action == edited


async def test_only_decisions_in_favour_allow(world: World) -> None:
    answers: list[Callable[[PauseRequest], Response]] = [
        lambda r: r.reject("no", by="ann"),
        lambda r: r.answer("I did it myself", by="ann"),
        lambda r: r.choose("not_happened", by="ann"),
        lambda r: r.revise("shorter", by="ann"),
    ]
    for answer in answers:
        run, (request,) = await world.paused()
        await world.answer(answer(request))
        lease = (await world.claim(run)).lease
        assert "does not allow" in await refused(world, EffectRefused, lease, request_id=request.id)
        assert "it decides" in await refused(world, EffectRefused, lease)


async def test_an_accepted_draft_allows(world: World) -> None:
    run, (request,) = await world.paused(kind=Kind.REVIEW)
    await world.answer(request.accept(by="ann"))
    assert (await world.begin((await world.claim(run)).lease, request_id=request.id)).attempts == 1


async def test_a_passed_deadline_allows_only_if_it_said_so(world: World) -> None:
    for outcome, allowed in ((OnTimeout.PROCEED, True), (OnTimeout.REFUSE, False)):
        run, (request,) = await world.paused(deadline=world.now + timedelta(minutes=1), on_timeout=outcome)
        world.later(61)
        await world.fire()
        lease = (await world.claim(run)).lease
        if allowed:
            await world.begin(lease, request_id=request.id)
            assert await world.state(request) is RequestState.CONSUMED
        else:
            await refused(world, EffectRefused, lease, request_id=request.id)


async def test_a_vetoed_or_revoked_request_allows_nothing(world: World) -> None:
    run, (vetoed,) = await world.paused(veto=True)
    await world.answer(vetoed.reject(by="ann"), event=RequestEvent.VETO)
    await refused(world, EffectRefused, (await world.claim(run)).lease, request_id=vetoed.id)
    lease, revoked = await world.approved()
    await world.store.apply(MoveRequest(revoked.id, RequestEvent.REVOKE, "boss", "no", world.now))
    assert "is revoked" in await refused(world, EffectRefused, lease, request_id=revoked.id)


async def test_a_place_where_somebody_was_asked_needs_the_answer(world: World) -> None:
    run, (asked,) = await world.paused()
    await world.answer(asked.reject("no", by="ann"))
    lease = (await world.claim(run)).lease
    assert f"has request '{asked.id}', which is decided" in await refused(world, EffectRefused, lease)


async def test_an_answer_about_another_action_forbids_nothing_about_this_one(world: World) -> None:
    run, (asked,) = await world.paused(action=OTHER, digest=OTHER.digest)
    await world.answer(asked.reject("no", by="ann"))
    lease = (await world.claim(run)).lease
    await refused(world, EffectRefused, lease, action=OTHER)
    notice = world.request(run, kind=Kind.NOTICE, allowed=(), round=1)
    assert (await world.begin(lease, notice=notice)).state is ActionState.EXECUTING
    assert (await world.store.fetch(Look(run.id, "refund#1"))).next_round == 2
    assert (await world.store.fetch(Look(run.id, "refund#2"))).next_round == 0


async def test_nothing_begins_whose_notice_would_be_lost(world: World) -> None:
    run, (asked,) = await world.paused(action=OTHER, digest=OTHER.digest)
    await world.answer(asked.approve(by="ann"))
    lease = (await world.claim(run)).lease
    with pytest.raises(RecordError, match=r"round 0 of the call 'refund#1' is taken"):
        await world.begin(lease, notice=world.request(run, kind=Kind.NOTICE, allowed=()))
    assert await world.store.fetch(ListEffects(run.id)) == ()


async def test_a_question_is_not_taken_for_the_notice_before_it(world: World) -> None:
    claimed = await world.open()
    await world.begin(claimed.lease, notice=world.request(claimed, kind=Kind.NOTICE, allowed=()))
    with pytest.raises(RecordError, match="ask in the next"):
        await world.pause(claimed, world.request(claimed))
    assert (await world.pause(claimed, world.request(claimed, round=1))).pending != ()


async def test_an_approval_stands_even_if_the_caller_forgets_to_name_it(world: World) -> None:
    lease, _ = await world.approved()
    assert (await world.begin(lease)).state is ActionState.EXECUTING


async def test_a_withdrawn_question_is_in_nobodys_way(world: World) -> None:
    run, (asked,) = await world.paused()
    await world.store.apply(MoveRequest(asked.id, RequestEvent.CANCEL, "boss", "moot", world.now))
    assert (await world.begin((await world.claim(run)).lease)).request_id is None


@pytest.mark.parametrize(
    ("scope", "target"),
    [
        (StopScope.ALL, ""),
        (StopScope.TENANT, "default"),
        (StopScope.TOOL, "refund"),
        (StopScope.AGENT, "cashier"),
        (StopScope.AGENT, "root"),
    ],
)
async def test_a_stop_blocks_a_granted_approval(world: World, scope: StopScope, target: str) -> None:
    action = Action(tool="refund", origin=Origin(agent="cashier", path=("root", "desk")))
    lease, request = await world.approved(action)
    await world.stop(scope, target)
    assert "boss has stopped" in await refused(world, Stopped, lease, action=action, request_id=request.id)
    assert await world.state(request) is RequestState.DECIDED


async def test_a_stop_of_this_run_blocks_it_and_one_of_another_does_not(world: World) -> None:
    lease, request = await world.approved()
    await world.stop(StopScope.RUN, "another run")
    await world.stop(StopScope.AGENT, "cashier")
    await world.begin(lease, request_id=request.id)
    await world.stop(StopScope.RUN, lease.run_id)
    await refused(world, Stopped, lease, call="refund#2")


async def test_a_stale_lease_begins_nothing(world: World) -> None:
    lease, request = await world.approved()
    world.later(31)
    await world.claim()
    await refused(world, LeaseLost, lease, request_id=request.id)
    assert await world.state(request) is RequestState.DECIDED


async def test_the_whole_begin_is_undone_if_its_notice_cannot_be_kept(world: World) -> None:
    claimed = await world.open()
    notice = world.request(claimed, kind=Kind.NOTICE, allowed=(), handle={"x": "y" * 256 * 1024})
    with pytest.raises(TooLarge):
        await world.store.apply(
            BeginEffect(claimed.lease, "refund#1", REFUND, EffectMode.LEDGER, world.now, notice=notice)
        )
    assert await world.store.fetch(ListEffects(claimed.run.id)) == ()


# ── ending ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("result", [None, {"paid": 120.5}, "x" * 5000, [True, 1, 1.0, "1"]])
async def test_what_a_tool_returned_is_kept_exactly(world: World, result: Json) -> None:
    lease, request = await world.approved()
    await world.begin(lease, request_id=request.id)
    effect = await end(world, lease, Executed(result))
    assert (effect.state, repr(effect.result), effect.error) == (ActionState.EXECUTED, repr(result), "")
    assert await world.store.fetch(ListEffects(lease.run_id)) == (effect,)
    assert await world.state(request) is RequestState.CLOSED


async def test_a_failed_tool_is_never_tried_again(world: World) -> None:
    lease, request = await world.approved()
    await world.begin(lease, request_id=request.id, mode=EffectMode.IDEMPOTENT)
    effect = await end(world, lease, Failed("timeout"))
    assert (effect.state, effect.error) == (ActionState.FAILED, "timeout")
    how = {"request_id": request.id, "mode": EffectMode.IDEMPOTENT}
    assert "is failed" in await refused(world, AlreadyStarted, lease, **how)


async def test_an_outcome_is_reported_once_and_only_for_what_was_begun(world: World) -> None:
    claimed = await world.open()
    with pytest.raises(IllegalMove, match="no action at the call"):
        await end(world, claimed.lease, Executed(1))
    await world.begin(claimed.lease)
    await end(world, claimed.lease, Executed(1))
    with pytest.raises(IllegalMove, match="executed"):
        await end(world, claimed.lease, Failed("no"))


async def test_an_outcome_needs_the_lease_that_began(world: World) -> None:
    first = await world.open()
    await world.begin(first.lease)
    world.later(31)
    second = await world.claim()
    with pytest.raises(LeaseLost):
        await end(world, first.lease, Executed(1))
    with pytest.raises(LeaseLost, match="begun under another lease"):
        await end(world, second.lease, Executed(1))


async def test_a_result_that_cannot_be_kept_is_refused(world: World) -> None:
    claimed = await world.open()
    await world.begin(claimed.lease)
    with pytest.raises(TooLarge, match="result"):
        await end(world, claimed.lease, Executed("x" * 1024 * 1024))
    with pytest.raises(NotCanonical):
        await end(world, claimed.lease, Executed(float("inf")))
    (effect,) = await world.store.fetch(ListEffects(claimed.run.id))
    assert effect.state is ActionState.EXECUTING


# ── refusing without asking ──────────────────────────────────────────────────────────────────────────────────


def refusal(world: World, lease: Lease, call: str = "refund#1") -> RecordRefusal:
    note = Note(AuditEvent.ACTION_REFUSED, lease.run_id, "policy", {"why": "never on Sundays", "rule": "sunday"})
    return RecordRefusal(lease, call, REFUND, note, world.now)


async def test_a_refusal_is_recorded_once_and_stands(world: World) -> None:
    claimed = await world.open()
    for _ in range(2):
        await world.store.apply(refusal(world, claimed.lease))
    (effect,) = await world.store.fetch(ListEffects(claimed.run.id))
    assert (effect.state, effect.error, effect.attempts) == (ActionState.REFUSED, "never on Sundays", 0)
    assert (await world.events()).count("action.refused") == 1
    assert "was refused before" in await refused(world, EffectRefused, claimed.lease)


async def test_a_refusal_leaves_what_has_happened_as_it_is(world: World) -> None:
    claimed = await world.open()
    await world.begin(claimed.lease)
    await end(world, claimed.lease, Executed(1))
    await world.store.apply(refusal(world, claimed.lease))
    (effect,) = await world.store.fetch(ListEffects(claimed.run.id))
    assert effect.state is ActionState.EXECUTED
