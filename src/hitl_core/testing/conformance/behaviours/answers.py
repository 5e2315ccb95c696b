"""P20-P24: which answer counts, and that every other one is refused by name and harms nothing."""

from __future__ import annotations

import asyncio

from ....capabilities import Capability
from ....commands import MoveRequest
from ....errors import (
    AlreadyDecided,
    NotAuthorised,
    RequestClosed,
    RequestExpired,
    RequestNotFound,
    ResponseRefused,
)
from ....lifecycle import RequestEvent, RequestState
from ....protocol import PauseRequest, RunState
from ..catalogue import behaviour
from ..expect import expect, expect_in, expect_that, refuses
from ..scenes import Scene, pay
from ..world import World, answer, only, rule

GATED = Capability.GATE_TOOLS


async def _is_open(world: World, request: PauseRequest) -> None:
    expect("what waits", [each.id for each in await world.inbox()], [request.id])


# ── P20: the first wins ──────────────────────────────────────────────────────────────────────────────────────


@behaviour("P20", GATED)
async def of_two_at_once_one_wins(world: World) -> None:
    """Two people answer at the same instant: one wins, the other is told who did, and the effect is the winner's."""
    run = await world.start(Scene.of(pay()))
    async with world.another() as one, world.another() as other:
        said = one.respond(only(run).approve(by="ann")), other.respond(only(run).reject("no", by="bob"))
        results = await asyncio.gather(*said, return_exceptions=True)
    lost = [each for each in results if isinstance(each, AlreadyDecided)]
    expect("how many were told that they lost", len(lost), 1)
    winner = "bob" if isinstance(results[0], AlreadyDecided) else "ann"
    expect_in("what the other was told", repr(winner), str(lost[0]))
    await world.resume(run)
    expect("what was paid", world.paid(), [40.5] * (winner == "ann"))
    expect("decisions", len(await world.trail("request.decided")), 1)


@behaviour("P20", GATED)
async def the_same_answer_again_gets_the_same_result(world: World) -> None:
    """A double click is one decision, also after it was used."""
    run = await world.start(Scene.of(pay()))
    said = answer(only(run), "approve", idempotency_key="click-1")
    first, again = await world.respond(said), await world.respond(said)
    expect("whether it was known", (first.replayed, again.replayed), (False, True))
    expect_that("both results are the same", first.settled.response == again.settled.response)
    await world.resume(run)
    expect_that("it is known afterwards", (await world.respond(said)).replayed)
    expect("what was paid", world.paid(), [40.5])


@behaviour("P20", GATED)
async def a_different_answer_is_refused_and_told_who_won(world: World) -> None:
    """After an approval, a rejection by somebody else is refused by name, and the approval stands."""
    run = await world.start(Scene.of(pay()))
    await world.say(only(run), "approve")
    with refuses("the second answer", AlreadyDecided, "'ann'"):
        await world.say(only(run), "reject", "no", by="bob")
    await world.resume(run)
    expect("what was paid", world.paid(), [40.5])


@behaviour("P20", GATED)
async def another_answer_under_the_same_key_is_refused(world: World) -> None:
    """An idempotency key does not make a different answer the same."""
    run = await world.start(Scene.of(pay()))
    await world.say(only(run), "reject", "no", idempotency_key="click-1")
    with refuses("the second answer", AlreadyDecided):
        await world.say(only(run), "approve", idempotency_key="click-1")
    await world.resume(run)
    expect("what was paid", world.paid(), [])


# ── P21: too late, unknown, closed ───────────────────────────────────────────────────────────────────────────


@behaviour("P21", GATED)
async def an_unknown_request_is_refused(world: World) -> None:
    """An answer to a request that does not exist is refused, with its id."""
    run = await world.start(Scene.of(pay()))
    said = answer(only(run), "approve").model_copy(update={"request_id": "no-such-request"})
    with refuses("the answer", RequestNotFound, "no-such-request"):
        await world.respond(said)
    await world.resume(run)
    expect("what was paid", world.paid(), [])


@behaviour("P21", GATED)
async def a_cancelled_request_is_refused(world: World) -> None:
    """After the run was cancelled an answer has no effect."""
    run = await world.start(Scene.of(pay()))
    await (await world.hitl()).cancel(run.id, by="bob", reason="sold out")
    with refuses("the answer", RequestClosed, "cancelled"):
        await world.say(only(run), "approve")
    expect("the run", (await world.resume(run)).state, RunState.CANCELLED)
    expect("what was paid", world.paid(), [])


@behaviour("P21", GATED)
async def an_expired_request_is_refused(world: World) -> None:
    """After its deadline an answer has no effect."""
    world.rules(rule("soon", level="confirm", deadline="1h"))
    run = await world.start(Scene.of(pay()))
    world.clock.advance(hours=1)
    with refuses("the answer", RequestExpired):
        await world.say(only(run), "approve")
    await world.wait(run)
    expect("what was paid", world.paid(), [])


@behaviour("P21", GATED)
async def a_superseded_request_is_refused(world: World) -> None:
    """A request that another one took the place of takes no answer."""
    run = await world.start(Scene.of(pay()))
    move = MoveRequest(only(run).id, RequestEvent.SUPERSEDE, "ann", "asked anew", world.clock.now())
    await (await world.hitl()).store.apply(move)
    with refuses("the answer", RequestClosed, "superseded"):
        await world.say(only(run), "approve")
    await world.resume(run)
    expect("what was paid", world.paid(), [])


@behaviour("P21", GATED)
async def a_finished_run_takes_no_answer(world: World) -> None:
    """After the run has ended, an answer to its request is refused and changes nothing."""
    run = await world.start(Scene.of(pay()))
    await world.decide(run, "approve")
    with refuses("the answer", AlreadyDecided):
        await world.say(only(run), "approve", by="bob")
    await world.resume(run)
    expect("what was paid", world.paid(), [40.5])


# ── P22, P23: invalid answers, other digests ─────────────────────────────────────────────────────────────────


@behaviour("P22", GATED, Capability.EDIT_ARGUMENTS)
async def all_faults_are_listed_at_once(world: World) -> None:
    """An answer with three things wrong is refused with all three."""
    run = await world.start(Scene.of(pay()))
    said = answer(only(run), "edit", {"amount": "250", "note": True})
    with refuses("the answer", ResponseRefused) as refused:
        await world.respond(said.model_copy(update={"digest": "sha256:0"}))
    paths = [fault.path for fault in refused.error.faults]
    expect("the faults", paths, ["digest", "arguments", "arguments", "arguments.amount"])


@behaviour("P22", GATED)
async def a_refused_answer_leaves_the_request_open(world: World) -> None:
    """The request is still there, the run is as it was, and a right answer is accepted."""
    run = await world.start(Scene.of(pay()))
    with refuses("the answer", ResponseRefused):
        await world.say(only(run), "choose", "yes")
    await _is_open(world, only(run))
    run = await world.decide(run, "approve")
    expect("the run", run.state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [40.5])


@behaviour("P22", GATED)
async def a_refused_answer_is_in_the_trail(world: World) -> None:
    """Who gave an answer that was refused can be seen afterwards."""
    run = await world.start(Scene.of(pay()))
    with refuses("the answer", ResponseRefused):
        await world.say(only(run), "choose", "yes", by="eve")
    found = [(entry.subject, entry.actor) for entry in await world.trail("request.refused")]
    expect("the trail", found, [(only(run).id, "eve")])


@behaviour("P23", GATED)
async def another_digest_is_refused(world: World) -> None:
    """An answer to something else than what is asked is refused, and nothing runs."""
    run = await world.start(Scene.of(pay()))
    with refuses("the answer", ResponseRefused, "digest"):
        await world.respond(answer(only(run), "approve").model_copy(update={"digest": "sha256:0"}))
    await _is_open(world, only(run))
    await world.resume(run)
    expect("what was paid", world.paid(), [])


@behaviour("P23", GATED)
async def an_answer_does_not_fit_another_request(world: World) -> None:
    """The approval of one call, sent to the request of another one, is refused."""
    run = await world.start(Scene.of((pay("A-1", 1.5), pay("A-2", 2.5))))
    one = run.pending[0]
    if len(run.pending) < 2:  # a framework that shows them one after the other
        run = await world.decide(run, "reject", "not this one")
    other = run.pending[-1]
    said = answer(one, "approve").model_copy(update={"request_id": other.id})
    with refuses("the answer", ResponseRefused, "digest"):
        await world.respond(said)
    await world.resume(run)
    expect("what was paid", world.paid(), [])


# ── P24: who may decide ──────────────────────────────────────────────────────────────────────────────────────

LEADS = rule("leads", level="confirm", approvers={"roles": ["lead"]})


async def _may_not(world: World, by: str, *, started_by: str | None = None, roles: tuple[str, ...] = ()) -> None:
    run = await world.start(Scene.of(pay()), by=started_by)
    with refuses(f"the approval by {by}", NotAuthorised):
        await world.say(only(run), "approve", by=by, roles=roles)
    expect("the trail", [entry.actor for entry in await world.trail("request.refused")], [by])
    await world.resume(run)
    expect("what was paid", world.paid(), [])
    await world.decide(run, "approve", by="mia", roles=("lead",))
    expect("what was paid after the right answer", world.paid(), [40.5])


@behaviour("P24", GATED)
async def a_stranger_may_not_decide(world: World) -> None:
    """Whoever has none of the roles that are asked for is refused, and it is recorded."""
    world.rules(LEADS)
    await _may_not(world, "eve")


@behaviour("P24", GATED)
async def another_role_does_not_help(world: World) -> None:
    """A role that is not asked for opens nothing."""
    world.rules(LEADS)
    await _may_not(world, "eve", roles=("clerk", "Lead"))


@behaviour("P24", GATED)
async def nobody_approves_their_own_run(world: World) -> None:
    """Whoever started the run may not approve its calls, whatever their role."""
    world.rules(LEADS)
    await _may_not(world, "ann", started_by="ann", roles=("lead",))


@behaviour("P24", GATED)
async def only_named_people_decide(world: World) -> None:
    """Where people are named, nobody else decides."""
    world.rules(rule("mia", level="confirm", approvers={"users": ["mia"]}))
    await _may_not(world, "eve", roles=("lead",))


@behaviour("P24", GATED)
async def an_agent_never_decides_for_itself(world: World) -> None:
    """The agent that asks may not answer, under its own name."""
    await _may_not(world, "clerk")


@behaviour("P24", GATED)
async def people_see_what_they_may_decide(world: World) -> None:
    """Who looks for a role sees the requests of that role."""
    world.rules(LEADS)
    run = await world.start(Scene.of(pay()))
    hitl = await world.hitl()
    seen = {role: [each.request.id for each in (await hitl.inbox(roles=(role,))).items] for role in ("lead", "clerk")}
    expect("what they see", seen, {"lead": [only(run).id], "clerk": []})
    expect("its state", (await hitl.request(only(run).id)).state, RequestState.OPEN)
