"""P83: standing grants. What runs under one is what a person would be asked about, and nothing that needs more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from ....capabilities import Capability
from ....commands import StopScope
from ....errors import GrantNotGiven
from ....protocol import Allowance, Grant, RunState
from ..catalogue import behaviour
from ..expect import expect, expect_in, expect_that
from ..scenes import Scene, note, pay
from ..world import World, only, rule
from .restart import GATED, RESTART, START, found

ASKS: Final = rule("asks", "note", level="confirm")


async def _gives(world: World, tool: str = "note", **limits: Any) -> Grant:
    allows = Allowance.model_validate({"tool": tool, **limits})
    return await (await world.hitl()).grant(allows, by="ann", lasts=timedelta(hours=1))


async def _used(world: World) -> list[int]:
    return [grant.used for grant in await (await world.hitl()).grants()]


@behaviour("P83", GATED)
async def a_grant_lets_run_as_often_as_it_says(world: World) -> None:
    """The first call runs unasked and says under which grant; the next one asks, and says what that lacked."""
    world.rules(ASKS)
    world.sets(Scene.of(note("one"), note("two")))
    grant = await _gives(world, times=1)
    run = await world.start()
    expect("the run", run.state, RunState.PAUSED)
    expect("what was noted", world.happened("note"), 1)
    (effect, *_) = await (await world.hitl()).effects(run.id)
    expect("its grant", effect.grant_id, grant.id)
    expect_in("why the second asks", f"The grant {grant.id} by ann nearly covers it", only(run).because.why)
    await world.decide(run, "approve")
    expect("what was noted after the approval", world.happened("note"), 2)
    expect("the uses", await _used(world), [1])


@behaviour("P83", GATED)
async def calls_of_one_turn_do_not_share_a_use(world: World) -> None:
    """Of two calls at once one takes the only use, and the other one asks."""
    world.rules(ASKS)
    world.sets(Scene.of((note("one"), note("two"))))
    await _gives(world, times=1)
    run = await world.start()
    expect("the run", run.state, RunState.PAUSED)
    expect("what was noted", world.happened("note"), 1)
    await world.decide(run, "approve")
    expect("what was noted after the approval", world.happened("note"), 2)


@behaviour("P83", GATED)
async def a_grant_ends_and_can_be_taken_back(world: World) -> None:
    """After its time, and after somebody has revoked it, a grant lets nothing run."""
    world.rules(ASKS)
    world.sets(Scene.of(note()))
    await _gives(world)
    world.clock.advance(hours=1)
    expect("the run after its time", (await world.start()).state, RunState.PAUSED)
    grant = await _gives(world)
    await (await world.hitl()).revoke_grant(grant.id, by="bob")
    await world.leave()
    expect("the run after the revocation", (await world.start()).state, RunState.PAUSED)
    expect("what was noted", world.happened("note"), 0)


@behaviour("P83", GATED)
async def a_grant_covers_its_scope(world: World) -> None:
    """Arguments outside its condition ask."""
    world.rules(ASKS)
    world.sets(Scene.of(note("small"), note("large")))
    await _gives(world, when={"argument": "text", "equals": "small"})
    run = await world.start()
    expect("what asks", only(run).action.arguments, {"text": "large"})
    expect("what was noted", world.happened("note"), 1)


@behaviour("P83", GATED)
async def what_cannot_be_taken_back_is_never_covered(world: World) -> None:
    """A grant for a tool that is not known to be reversible is refused, or lets nothing run."""
    world.rules(rule("asks", level="confirm"))
    world.sets(Scene.of(pay()))
    try:
        await _gives(world, "pay")
    except GrantNotGiven as refused:
        expect_in("the refusal", "not known to be reversible", str(refused))
    expect("the run", (await world.start()).state, RunState.PAUSED)
    expect("what was paid", world.paid(), [])


@behaviour("P83", GATED)
async def a_stricter_rule_a_denial_and_a_stop_win(world: World) -> None:
    """What needs more than one person's yes asks, what is forbidden is refused, what is stopped does not start."""
    world.sets(Scene.of(note()))
    await _gives(world)
    world.rules(rule("strict", "note", level="collaborate"))
    expect("the run under a stricter rule", (await world.start()).state, RunState.PAUSED)
    world.rules(rule("two", "note", level="confirm", approvers={"quorum": 2}))
    expect("the run that two decide", (await world.start()).state, RunState.PAUSED)
    world.rules(rule("never", "note", effect="deny"))
    expect("the run under a denial", (await world.start()).state, RunState.COMPLETED)
    world.rules(ASKS)
    await (await world.hitl()).stop(StopScope.TOOL, "note", by="bob", reason="enough")
    expect_that("the stopped run is not completed", (await world.start()).state is not RunState.COMPLETED)
    expect("what was noted", world.happened("note"), 0)
    expect("the uses", await _used(world), [0])


@behaviour("P83", GATED, RESTART)
async def of_two_processes_one_takes_the_last_use(world: World) -> None:
    """Two processes whose agents call at once under the same grant: one call runs, the other one asks at once."""
    world.rules(ASKS)
    world.sets(Scene.of(note()))
    await _gives(world, times=1)
    await world.elsewhere((START,), (START,), survive=True)
    expect("what was noted", world.happened("note"), 1)
    expect("the uses", await _used(world), [1])
    runs = (await (await world.hitl()).runs()).items
    expect("what has failed", [run.error for run in runs if run.error], [])
    expect("how the two stand", {run.state for run in runs}, {RunState.COMPLETED, RunState.PAUSED})


@behaviour("P83", GATED, RESTART, Capability.DETECT_IN_DOUBT)
async def what_is_in_doubt_is_not_free(world: World) -> None:
    """Killed after the count and before its effect: the use stays counted, and the next call asks."""
    world.rules(ASKS)
    world.sets(Scene.of(note()))
    await _gives(world, times=1)
    world.stage.kills("note", "before")
    await world.dies(START)
    run = await found(world)
    expect("the question", only(run).in_doubt, True)
    expect("the uses", await _used(world), [1])
    expect("the next run", (await world.start()).state, RunState.PAUSED)
    expect("what was noted", world.happened("note"), 0)
