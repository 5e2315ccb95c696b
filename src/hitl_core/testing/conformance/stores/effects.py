"""What a store does around the effect of a tool."""

from __future__ import annotations

from typing import Any

from ....commands import EndEffect, ListEffects, MoveEffect, MoveRequest
from ....errors import AlreadyStarted, DigestMismatch, EffectRefused, HitlError, RequestNotFound
from ....lifecycle import ActionEvent, ActionState, IllegalMove, RequestEvent, RequestState
from ....protocol import Action, EffectMode, Executed, Failed, Kind
from ..expect import expect, refuses
from .suite import store_behaviour
from .world import LEASE, StoreWorld

OTHER = Action(tool="pay", arguments={"order": "A-1042", "amount": 9999})


async def _effect(world: StoreWorld, run_id: str) -> Any:
    (effect,) = await (await world.store()).fetch(ListEffects(run_id))
    return effect


async def not_begun(world: StoreWorld, what: str, error: type[HitlError], lease: Any, *args: Any, **how: Any) -> None:
    before = await (await world.store()).fetch(ListEffects(lease.run_id))
    with refuses(what, error):
        await world.begins(lease, *args, **how)
    expect("the effects", await (await world.store()).fetch(ListEffects(lease.run_id)), before)


@store_behaviour("P02")
async def an_approval_starts_its_call_once(world: StoreWorld) -> None:
    """An approved call begins, its request is used up, and it cannot begin again, while it runs or afterwards."""
    lease, request = await world.approved()
    begun = await world.begins(lease, request)
    expect("the effect", (begun.state, begun.attempts), (ActionState.EXECUTING, 1))
    expect("its request", await world.state(request), RequestState.CONSUMED)
    await not_begun(world, "a second start", AlreadyStarted, lease, request)
    await world.apply(EndEffect(lease, "pay#1", Executed("paid"), world.now))
    await not_begun(world, "a start after its end", AlreadyStarted, lease, request)


@store_behaviour("P02")
async def an_approval_is_for_exactly_this_action(world: StoreWorld) -> None:
    """Other arguments, or another call, do not begin on an approval."""
    lease, request = await world.approved()
    await not_begun(world, "other arguments", DigestMismatch, lease, request, action=OTHER)
    await not_begun(world, "another call", EffectRefused, lease, request, call="pay#2")


@store_behaviour("P01")
async def what_is_open_or_rejected_does_not_begin(world: StoreWorld) -> None:
    """A request without an approval lets nothing begin."""
    claimed = await world.opens()
    rejected, notice = world.request(claimed), world.request(claimed, "pay#2", kind=Kind.NOTICE, allowed=())
    run = await world.pauses(claimed, rejected, notice)
    await world.answers(rejected.reject("no", by="ann"))
    (claimed,) = await world.claims(run)
    await not_begun(world, "a rejected call", EffectRefused, claimed.lease, rejected)
    await not_begun(world, "a call that is open", EffectRefused, claimed.lease, notice, call="pay#2")


@store_behaviour("P65")
async def a_revoked_approval_does_not_begin(world: StoreWorld) -> None:
    """After it was revoked, an approval lets nothing begin; after its use it cannot be revoked."""
    lease, request = await world.approved()
    await world.apply(MoveRequest(request.id, RequestEvent.REVOKE, "bob", "", world.now))
    await not_begun(world, "a revoked call", EffectRefused, lease, request)
    lease, used = await world.approved()
    await world.begins(lease, used)
    with refuses("a revocation after its use", IllegalMove):
        await world.apply(MoveRequest(used.id, RequestEvent.REVOKE, "bob", "", world.now))


@store_behaviour("P71")
async def outcomes_are_kept(world: StoreWorld) -> None:
    """What an effect came to is there afterwards, with its result or its error."""
    claimed = await world.opens()
    for call, outcome in (("pay#1", Executed({"paid": 1})), ("pay#2", Failed("no line"))):
        await world.begins(claimed.lease, call=call)
        await world.apply(EndEffect(claimed.lease, call, outcome, world.now))
    first, second = await (await world.store()).fetch(ListEffects(claimed.run.id))
    expect("the first", (first.state, first.result), (ActionState.EXECUTED, {"paid": 1}))
    expect("the second", (second.state, second.error), (ActionState.FAILED, "no line"))


@store_behaviour("P42")
async def an_effect_without_an_outcome_is_in_doubt(world: StoreWorld) -> None:
    """Begun by a worker that died, a call is not begun again until a person has said that it did not happen."""
    await world.begins((await world.opens()).lease)
    world.later(LEASE)
    (claimed,) = await world.claims()
    await not_begun(world, "a second start", AlreadyStarted, claimed.lease)
    await world.apply(MoveEffect(claimed.lease, "pay#1", ActionEvent.LOSE, "worker-2", world.now))
    await not_begun(world, "a start in doubt", AlreadyStarted, claimed.lease)
    await world.apply(MoveEffect(claimed.lease, "pay#1", ActionEvent.CONFIRM_NOT_HAPPENED, "ann", world.now))
    expect("attempts", (await world.begins(claimed.lease)).attempts, 2)


@store_behaviour("P42")
async def an_idempotent_effect_begins_again(world: StoreWorld) -> None:
    """In mode idempotent a call whose worker died begins again without a question."""
    await world.begins((await world.opens()).lease, mode=EffectMode.IDEMPOTENT)
    world.later(LEASE)
    (claimed,) = await world.claims()
    expect("attempts", (await world.begins(claimed.lease, mode=EffectMode.IDEMPOTENT)).attempts, 2)


@store_behaviour("P11")
async def a_notice_is_stored_with_its_effect(world: StoreWorld) -> None:
    """The notice of an effect is there when the effect has begun, and not when it was refused."""
    claimed = await world.opens()
    notice = world.request(claimed, kind=Kind.NOTICE, allowed=())
    await world.begins(claimed.lease, notice=notice)
    expect("its state", await world.state(notice), RequestState.OPEN)
    second = world.request(claimed, kind=Kind.NOTICE, allowed=())
    await not_begun(world, "a second start", AlreadyStarted, claimed.lease, notice=second)
    with refuses("the second notice", RequestNotFound):
        await world.state(second)
