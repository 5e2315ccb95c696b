"""A crash between `executing` and its outcome: retried if idempotent, else in doubt until a person has looked."""

from __future__ import annotations

import pytest

from hitl_core.commands import Claimed, EndEffect, Lease, ListEffects, MoveEffect
from hitl_core.errors import AlreadyStarted, DigestMismatch
from hitl_core.lifecycle import ActionEvent, ActionState, IllegalMove, RequestState
from hitl_core.protocol import Action, EffectMode, Executed, Json, Kind
from tests.core.stores.world import REFUND, World


def move(world: World, lease: Lease, event: ActionEvent, result: Json = None) -> MoveEffect:
    return MoveEffect(lease, "refund#1", event, "ann", world.now, result)


async def crashed(world: World, mode: EffectMode = EffectMode.LEDGER) -> Claimed:
    """A run whose worker died inside its tool, taken over."""
    first = await world.open()
    await world.begin(first.lease, mode=mode)
    world.later(31)
    return await world.claim()


async def doubted(world: World) -> Claimed:
    claimed = await crashed(world)
    await world.store.apply(move(world, claimed.lease, ActionEvent.LOSE))
    return claimed


async def test_a_ledger_call_is_not_begun_again(world: World) -> None:
    claimed = await crashed(world)
    with pytest.raises(AlreadyStarted, match="is executing"):
        await world.begin(claimed.lease)


async def test_an_idempotent_call_is_begun_again_under_its_key(world: World) -> None:
    claimed = await crashed(world, EffectMode.IDEMPOTENT)
    effect = await world.begin(claimed.lease, mode=EffectMode.IDEMPOTENT)
    assert (effect.attempts, effect.fence, effect.state) == (2, claimed.lease.fence, ActionState.EXECUTING)
    with pytest.raises(AlreadyStarted):
        await world.begin(claimed.lease, mode=EffectMode.IDEMPOTENT)
    await world.store.apply(EndEffect(claimed.lease, "refund#1", Executed(1), world.now))


async def test_an_idempotent_call_keeps_its_arguments_and_its_mode(world: World) -> None:
    claimed = await crashed(world, EffectMode.IDEMPOTENT)
    with pytest.raises(AlreadyStarted):
        await world.begin(claimed.lease, mode=EffectMode.LEDGER)
    with pytest.raises(DigestMismatch, match="other arguments"):
        await world.begin(claimed.lease, mode=EffectMode.IDEMPOTENT, action=Action(tool="refund"))


async def test_only_a_call_of_an_older_turn_is_lost(world: World) -> None:
    first = await world.open()
    await world.begin(first.lease)
    with pytest.raises(IllegalMove, match="begun in this turn"):
        await world.store.apply(move(world, first.lease, ActionEvent.LOSE))
    claimed = await doubted(world)
    (effect,) = await world.store.fetch(ListEffects(claimed.run.id))
    assert effect.state is ActionState.IN_DOUBT
    with pytest.raises(AlreadyStarted, match="in_doubt"):
        await world.begin(claimed.lease)


async def test_a_person_says_that_it_happened(world: World) -> None:
    claimed = await doubted(world)
    effect = await world.store.apply(move(world, claimed.lease, ActionEvent.CONFIRM_HAPPENED, {"seen": "in the bank"}))
    assert (effect.state, effect.result) == (ActionState.EXECUTED, {"seen": "in the bank"})


async def test_a_person_says_that_it_did_not_happen_and_it_begins_again(world: World) -> None:
    claimed = await doubted(world)
    effect = await world.store.apply(move(world, claimed.lease, ActionEvent.CONFIRM_NOT_HAPPENED))
    assert effect.state is ActionState.ALLOWED
    again = await world.begin(claimed.lease)
    assert (again.state, again.attempts) == (ActionState.EXECUTING, 2)


async def test_a_person_gives_it_up(world: World) -> None:
    claimed = await doubted(world)
    effect = await world.store.apply(move(world, claimed.lease, ActionEvent.ABANDON))
    assert effect.state is ActionState.FAILED
    assert "abandoned" in effect.error


async def test_the_answer_to_an_in_doubt_question_allows_the_same_action(world: World) -> None:
    claimed = await doubted(world)
    question = world.request(claimed, kind=Kind.CHOICE, in_doubt=True)
    await world.pause(claimed, question)
    await world.answer(question.choose("not_happened", by="ann"))
    again = await world.claim()
    await world.store.apply(move(world, again.lease, ActionEvent.CONFIRM_NOT_HAPPENED))
    other = REFUND.edited({"amount": 9999})
    with pytest.raises(DigestMismatch):
        await world.begin(again.lease, action=other, request_id=question.id)
    await world.begin(again.lease, request_id=question.id)
    await world.store.apply(EndEffect(again.lease, "refund#1", Executed(1), world.now))
    assert await world.state(question) is RequestState.CLOSED


async def test_a_tool_that_paused_itself_begins_again_on_resume(world: World) -> None:
    claimed = await world.open()
    await world.begin(claimed.lease)
    effect = await world.store.apply(move(world, claimed.lease, ActionEvent.SUSPEND))
    assert effect.state is ActionState.ALLOWED
    assert (await world.begin(claimed.lease, action=REFUND.edited({"amount": 1}))).attempts == 2
    (effect,) = await world.store.fetch(ListEffects(claimed.run.id))
    assert effect.action.arguments == {"amount": 1}


async def test_a_suspended_call_may_still_be_refused(world: World) -> None:
    from tests.core.stores.contract.test_effects import refusal

    claimed = await world.open()
    await world.begin(claimed.lease)
    await world.store.apply(move(world, claimed.lease, ActionEvent.SUSPEND))
    await world.store.apply(refusal(world, claimed.lease))
    (effect,) = await world.store.fetch(ListEffects(claimed.run.id))
    assert (effect.state, effect.error) == (ActionState.REFUSED, "never on Sundays")


async def test_an_action_moves_by_its_table_only(world: World) -> None:
    claimed = await world.open()
    with pytest.raises(IllegalMove, match="no action"):
        await world.store.apply(move(world, claimed.lease, ActionEvent.SUSPEND))
    await world.begin(claimed.lease)
    for event in (ActionEvent.BEGIN, ActionEvent.SUCCEED, ActionEvent.CONFIRM_HAPPENED, ActionEvent.ABANDON):
        with pytest.raises(IllegalMove):
            await world.store.apply(move(world, claimed.lease, event))
