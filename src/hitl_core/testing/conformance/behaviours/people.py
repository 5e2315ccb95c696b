"""P24 with several people: quorums, stages, votes that an edit drops, and duties that are kept apart."""

from __future__ import annotations

from ....capabilities import Capability
from ....errors import NotAuthorised
from ....lifecycle import RequestState
from ....protocol import PauseRequest, Run, RunState
from ..catalogue import behaviour
from ..expect import expect, expect_in, refuses
from ..scenes import Scene, note, pay
from ..world import World, only, rule

GATED = Capability.GATE_TOOLS
EDITS = Capability.EDIT_ARGUMENTS
TWO = rule("two", level="confirm", approvers={"roles": ["lead"], "quorum": 2})
LESS = {"order": "A-1042", "amount": 9.5}


async def _votes(world: World, run: Run, by: str, *, roles: tuple[str, ...] = ("lead",)) -> Run:
    """One person approves; afterwards the run does what it can."""
    await world.say(only(run), "approve", by=by, roles=roles)
    return await world.resume(run)


async def _still_waits(world: World, request: PauseRequest) -> None:
    expect("what was paid", world.paid(), [])
    expect("what waits", [each.id for each in await world.inbox()], [request.id])


@behaviour("P24", GATED)
async def one_of_two_is_not_enough(world: World) -> None:
    """Where two people have to agree, nothing runs before the second one, who is another person; then it runs once."""
    world.rules(TWO)
    run = await world.start(Scene.of(pay()))
    for _ in range(2):
        expect("the run", (await _votes(world, run, "mia")).state, RunState.PAUSED)
        await _still_waits(world, only(run))
    await _votes(world, run, "ben")
    expect("what was paid", world.paid(), [40.5])


@behaviour("P24", GATED)
async def one_no_is_enough(world: World) -> None:
    """One of those who are asked refuses the call, whoever has agreed before."""
    world.rules(TWO)
    run = await world.start(Scene.of(pay()))
    await _votes(world, run, "mia")
    await world.decide(run, "reject", "too much", by="ben", roles=("lead",))
    expect("what was paid", world.paid(), [])
    expect_in("what the agent heard", "too much", world.heard())


@behaviour("P24", GATED)
async def stages_go_in_order(world: World) -> None:
    """Whoever decides at a later stage is refused before its time, and counts in it."""
    stages = [{"roles": ["lead"], "quorum": 2}, {"roles": ["finance"]}]
    world.rules(rule("stages", level="confirm", approvers={"stages": stages}))
    run = await world.start(Scene.of(pay()))
    with refuses("finance before its time", NotAuthorised):
        await world.say(only(run), "approve", by="fay", roles=("finance",))
    for lead in ("mia", "ben"):
        await _votes(world, run, lead)
        await _still_waits(world, only(run))
    with refuses("a lead at the last stage", NotAuthorised):
        await world.say(only(run), "approve", by="kim", roles=("lead",))
    await _votes(world, run, "fay", roles=("finance",))
    expect("what was paid", world.paid(), [40.5])


@behaviour("P24", GATED, EDITS)
async def an_edit_starts_the_votes_anew(world: World) -> None:
    """Who agreed to one call has not agreed to another: an edit needs as many people as the call itself did."""
    world.rules(TWO)
    run = await world.start(Scene.of(pay()))
    await _votes(world, run, "mia")
    await world.say(only(run), "edit", LESS, by="ben", roles=("lead",))
    await world.resume(run)
    await _still_waits(world, only(run))
    await world.decide(run, "edit", LESS, by="mia", roles=("lead",))
    expect("what was paid", world.paid(), [9.5])


@behaviour("P24", GATED)
async def who_let_one_call_run_does_not_let_the_other(world: World) -> None:
    """Where duties are kept apart, whoever approved the one call is refused at the other."""
    world.rules(rule("notes", "note", level="confirm"), rule("apart", level="confirm", approvers=_APART))
    run = await world.start(Scene.of(note(), pay()))
    run = await world.decide(run, "approve", by="mia")
    with refuses("the approval by the same person", NotAuthorised):
        await world.say(only(run), "approve", by="mia")
    expect("its state", (await (await world.hitl()).request(only(run).id)).state, RequestState.OPEN)
    await world.decide(run, "approve", by="ben")
    expect("what was paid", world.paid(), [40.5])


_APART = {"separate_from": ["note"]}


@behaviour("P24", GATED)
async def votes_survive_a_restart(world: World) -> None:
    """What one person has agreed to is kept by the store; another process counts on."""
    world.rules(TWO)
    run = await world.start(Scene.of(pay()))
    await _votes(world, run, "mia")
    await world.leave()
    await _votes(world, run, "ben")
    expect("what was paid", world.paid(), [40.5])
