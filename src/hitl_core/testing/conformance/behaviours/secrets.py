"""P73: secret arguments. Masked wherever they are stored or shown, whole in the tool."""

from __future__ import annotations

import json
from typing import Final

from ....capabilities import Capability
from ....errors import ResponseRefused
from ....lifecycle import ActionState, RequestState
from ....protocol import RunState, is_mask
from ..catalogue import behaviour
from ..expect import expect, expect_that, refuses
from ..scenes import Scene, fail, pay
from ..world import World, free, only
from .restart import APPROVE, START, found

GATED, RESTART, EDIT = Capability.GATE_TOOLS, Capability.SURVIVE_RESTART, Capability.EDIT_ARGUMENTS

CARD: Final = "4111-1111-1111-1111"


async def _recorded(world: World) -> str:
    """All that the store says of its runs, but not the framework's own state, nor what was put into the run."""
    hitl = await world.hitl()
    said: list[str] = []
    for run in (await hitl.runs()).items:
        said += [run.error, *(entry.body + entry.actor for entry in await world.trail())]
        said += [f"{effect.action.to_json()} {effect.error}" for effect in await hitl.effects(run.id)]
    for state in RequestState:
        said += await world.requests(state)
    return "\n".join(said)


def _orders(world: World, tool: str = "pay") -> list[object]:
    return [each["order"] for each in world.stage.happened(tool)]


@behaviour("P73", GATED)
async def a_secret_is_shown_masked_and_runs_whole(world: World) -> None:
    """People see a mask and approve it; the tool gets the value, and no record of ours has it."""
    world.redact = ("order",)
    run = await world.start(Scene.of(pay(CARD)))
    shown = only(run).action.arguments
    expect_that("a mask is shown", is_mask(shown["order"]))
    expect("what is not secret", shown["amount"], 40.5)
    run = await world.decide(run, "approve")
    expect("the run", (run.state, _orders(world)), (RunState.COMPLETED, [CARD]))
    expect_that("no record has it", CARD not in await _recorded(world))


@behaviour("P73", GATED, RESTART)
async def a_secret_outlives_its_process(world: World) -> None:
    """Killed while paused, and killed again after the answer: the tool gets the whole value, once."""
    world.redact = ("order",)
    world.sets(Scene.of(pay(CARD)))
    await world.dies(START)
    await world.dies(APPROVE)
    run = await found(world)
    expect("the run", (run.state, _orders(world)), (RunState.COMPLETED, [CARD]))
    expect_that("no record has it", CARD not in await _recorded(world))


@behaviour("P73", GATED, EDIT)
async def an_edit_keeps_the_value_behind_its_mask(world: World) -> None:
    """An edit beside a mask that stays runs with the value; an edit of the mask is refused and the request stays."""
    world.redact = ("order",)
    run = await world.start(Scene.of(pay(CARD)))
    mask = only(run).action.arguments["order"]
    with refuses("an edit of the mask", ResponseRefused, "arguments.order"):
        await world.say(only(run), "edit", {"order": "A-9", "amount": 5.5})
    run = await world.decide(run, "edit", {"order": mask, "amount": 5.5})
    expect("what was paid", (_orders(world), world.paid()), ([CARD], [5.5]))
    expect_that("no record has it", CARD not in await _recorded(world))


@behaviour("P73", GATED)
async def an_error_quotes_no_secret(world: World) -> None:
    """A tool that fails with its secret in the error is recorded as failed, without it."""
    world.redact = ("order",)
    world.rules(free("fail"))
    run = await world.start(Scene.of(fail(CARD)))
    expect("what it got", _orders(world, "fail"), [CARD])
    effects = await (await world.hitl()).effects(run.id)
    expect("how it is recorded", [each.state for each in effects], [ActionState.FAILED])
    expect_that("no record has it", CARD not in await _recorded(world))


@behaviour("P73", GATED)
async def no_rule_reads_a_secret(world: World) -> None:
    """A rule about a secret argument cannot be checked, so the call is asked about."""
    world.redact = ("order",)
    world.rules(free().rstrip() + f'\nwhen = {{ argument = "order", equals = {json.dumps(CARD)} }}\n')
    run = await world.start(Scene.of(pay(CARD)))
    expect("the run", (run.state, world.paid()), (RunState.PAUSED, []))


@behaviour("P73", GATED, Capability.STREAM_EVENTS)
async def who_watches_sees_no_secret(world: World) -> None:
    """What is heard of a call while it is made has none of its secret."""
    world.redact = ("order",)
    world.rules(free())
    world.sets(Scene.of(pay(CARD)))
    hitl = await world.hitl()
    heard = [event async for event in hitl.stream("This is run 1.")]
    expect("what it got", _orders(world), [CARD])
    expect_that("nobody heard it", all(CARD not in event.to_json() for event in heard))
