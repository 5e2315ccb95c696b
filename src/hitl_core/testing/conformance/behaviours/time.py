"""P50, P51, P52: deadlines, late answers, reminders and escalation. Time moves by hand."""

from __future__ import annotations

from typing import Any, Final

from ....capabilities import Capability
from ....errors import NotAuthorised, RequestExpired
from ....lifecycle import RequestState
from ....protocol import Run, RunState
from ..catalogue import behaviour
from ..expect import expect, expect_in, expect_that, refuses
from ..scenes import Scene, ask, note, pay
from ..world import World, only, rule

GATED = Capability.GATE_TOOLS
OFFICE = '[hours.office]\nfrom = "09:00"\nto = "17:00"\nweekdays = ["mon", "tue", "wed", "thu", "fri"]\n'
TO_FRIDAY_AFTERNOON = {"days": 4, "hours": 7}
"""What the clock of a world, a Monday at 9:00, is moved by to be a Friday at 16:00."""


def due(tool: str = "pay", **fields: Any) -> str:
    """A rule that asks, for an hour unless it says otherwise."""
    return rule("soon", tool, **{"level": "confirm", "deadline": "1h", **fields})


async def _lets_it_pass(world: World, scene: Scene, *rules: str) -> Run:
    world.rules(*rules)
    run = await world.start(scene)
    world.clock.advance(minutes=59)
    expect("the run before", (await world.wait(run)).state, RunState.PAUSED)
    world.clock.advance(minutes=1)
    run = await world.wait(run)
    expect("expirations", len(await world.trail("request.expired")), 1)
    return run


@behaviour("P50", GATED)
async def a_deadline_refuses(world: World) -> None:
    """Where nobody decides in time the call does not run, and the agent is told and goes on."""
    run = await _lets_it_pass(world, Scene.of(pay()), due())
    expect("the run", run.state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [])
    expect_in("what the agent heard", "Nobody decided before the deadline", world.heard())


@behaviour("P50", GATED)
async def a_deadline_counts_working_hours(world: World) -> None:
    """Four working hours from Friday afternoon on end on Monday at noon, and not a minute earlier."""
    world.rules(OFFICE, due(hours="office", deadline="4h"))
    world.clock.advance(**TO_FRIDAY_AFTERNOON)
    run = await world.start(Scene.of(pay()))
    world.clock.advance(hours=67, minutes=59)
    expect("the run before", (await world.wait(run)).state, RunState.PAUSED)
    world.clock.advance(minutes=1)
    run = await world.wait(run)
    expect("the run", run.state, RunState.COMPLETED)
    expect("expirations", len(await world.trail("request.expired")), 1)
    expect("what was paid", world.paid(), [])


@behaviour("P50", GATED)
async def a_deadline_cancels_the_run(world: World) -> None:
    """Where the rule says so, a deadline ends the run, and nothing in it runs."""
    run = await _lets_it_pass(world, Scene.of(pay()), due(on_timeout="cancel_run"))
    expect("the run", run.state, RunState.CANCELLED)
    expect("what was paid", world.paid(), [])


@behaviour("P50", GATED)
async def a_deadline_proceeds_where_that_was_written(world: World) -> None:
    """Where the rule says so, and the call can be taken back, it runs at its deadline, once."""
    match = {"tool": "note", "reversible": True}
    proceed = due("note", on_timeout="proceed", allow_timeout_approval=True, match=match)
    run = await _lets_it_pass(world, Scene.of(note()), proceed)
    expect("the run", run.state, RunState.COMPLETED)
    expect("what happened", world.happened("note"), 1)


@behaviour("P50", Capability.ASK_QUESTIONS)
async def a_question_has_a_deadline_too(world: World) -> None:
    """A question that nobody answers in time does not hold the run for ever."""
    run = await _lets_it_pass(world, Scene.of(ask()), due("ask"))
    expect("the run", run.state, RunState.COMPLETED)


@behaviour("P50", GATED)
async def a_deadline_passes_while_no_process_is_up(world: World) -> None:
    """Whoever comes first afterwards fires it, once."""
    world.rules(due())
    run = await world.start(Scene.of(pay()))
    await world.leave()
    world.clock.advance(days=30)
    hitl = await world.hitl()
    expect("how many fired", (await hitl.tick(), await hitl.tick()), (1, 0))
    expect("what waits", await world.inbox(), [])
    expect("the run", (await world.resume(run)).state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [])


async def _comes_late(world: World, *, fired: bool) -> None:
    world.rules(due())
    run = await world.start(Scene.of(pay()))
    world.clock.advance(hours=1)
    if fired:
        await (await world.hitl()).tick()
    with refuses("the late answer", RequestExpired):
        await world.say(only(run), "approve")
    await world.wait(run)
    expect("its state", (await (await world.hitl()).request(only(run).id)).state, RequestState.CONSUMED)
    expect("what was paid", world.paid(), [])


@behaviour("P51", GATED)
async def an_answer_after_the_deadline_is_refused(world: World) -> None:
    """An answer that comes after the deadline was fired is refused by name."""
    await _comes_late(world, fired=True)


@behaviour("P51", GATED)
async def an_answer_before_anybody_noticed_is_late_too(world: World) -> None:
    """An answer after the deadline is refused, also if nobody has fired the deadline yet."""
    await _comes_late(world, fired=False)


@behaviour("P51", GATED)
async def the_last_moment_counts(world: World) -> None:
    """An answer just before the deadline is taken, and used however late the run goes on."""
    world.rules(due())
    run = await world.start(Scene.of(pay()))
    world.clock.advance(3599.999)
    await world.say(only(run), "approve")
    world.clock.advance(days=1)
    expect_that("the run goes on", (await world.wait(run)).state is RunState.COMPLETED)
    expect("what was paid", world.paid(), [40.5])


# ── P52: who is asked, never what ────────────────────────────────────────────────────────────────────────────

LATER = [{"after": "1h", "roles": ["lead"]}]


async def _asked(world: World, *named: str, **fields: Any) -> Run:
    world.rules(*named, rule("chased", level="confirm", approvers={"users": ["ann"]}, **fields))
    return await world.start(Scene.of(pay()))


async def _is_the_same(world: World, run: Run) -> None:
    request = (await (await world.hitl()).request(only(run).id)).request
    expect("what is asked", request, only(run))


@behaviour("P52", GATED)
async def a_reminder_asks_the_same_again(world: World) -> None:
    """A reminder is on the record, each once, and changes nothing of the question; its answer runs what was shown."""
    run = await _asked(world, remind=["30m", "1h"])
    hitl = await world.hitl()
    for minutes, so_far in ((29, 0), (1, 1), (0, 1), (30, 2)):
        world.clock.advance(minutes=minutes)
        await hitl.tick()
        expect("reminders", len(await world.trail("request.reminded")), so_far)
    await _is_the_same(world, run)
    await world.decide(run, "approve", by="ann")
    expect("what was paid", world.paid(), [40.5])


@behaviour("P52", GATED)
async def an_escalation_asks_others_too(world: World) -> None:
    """From its time on others may decide, and find the question in their inbox; the question is the same."""
    run = await _asked(world, escalate=LATER)
    hitl = await world.hitl()
    expect("what leads see", (await hitl.inbox(roles=("lead",))).items, ())
    with refuses("a lead before its time", NotAuthorised):
        await world.say(only(run), "approve", by="mia", roles=("lead",))
    world.clock.advance(hours=1)
    expect("what leads see", [each.request.id for each in (await hitl.inbox(roles=("lead",))).items], [only(run).id])
    await _is_the_same(world, run)
    await world.decide(run, "approve", by="mia", roles=("lead",))
    expect("what was paid", world.paid(), [40.5])
    expect("escalations", len(await world.trail("request.escalated")), 1)


@behaviour("P52", GATED)
async def an_escalation_counts_working_hours(world: World) -> None:
    """Over a weekend nobody else is asked; on Monday, when the working hours have passed, they are."""
    world.clock.advance(**TO_FRIDAY_AFTERNOON)
    run = await _asked(world, OFFICE, hours="office", escalate=[{**LATER[0], "after": "2h"}])
    world.clock.advance(days=2)
    with refuses("a lead on a Sunday", NotAuthorised):
        await world.say(only(run), "approve", by="mia", roles=("lead",))
    world.clock.advance(hours=18)
    await world.decide(run, "approve", by="mia", roles=("lead",))
    expect("what was paid", world.paid(), [40.5])


@behaviour("P52", GATED)
async def who_was_asked_first_may_still_decide(world: World) -> None:
    """An escalation takes nothing from those who were asked before, unless its rule says so."""
    run = await _asked(world, escalate=LATER)
    world.clock.advance(hours=2)
    await world.decide(run, "approve", by="ann")
    expect("what was paid", world.paid(), [40.5])


@behaviour("P52", GATED)
async def an_escalation_can_ask_others_instead(world: World) -> None:
    """Where the rule says so, those who were asked before may not decide any more."""
    run = await _asked(world, escalate=[{**LATER[0], "instead": True}])
    world.clock.advance(hours=1)
    with refuses("who was asked before", NotAuthorised):
        await world.say(only(run), "approve", by="ann")
    await world.resume(run)
    expect("what was paid", world.paid(), [])
    await world.decide(run, "approve", by="mia", roles=("lead",))
    expect("what was paid", world.paid(), [40.5])


@behaviour("P52", GATED)
async def an_escalation_comes_while_no_process_is_up(world: World) -> None:
    """Whoever comes first afterwards fires it, once; the deadline stands behind it."""
    run = await _asked(world, escalate=LATER, deadline="2h")
    await world.leave()
    world.clock.advance(minutes=90)
    hitl = await world.hitl()
    expect("how many fired", (await hitl.tick(), await hitl.tick()), (1, 0))
    await _is_the_same(world, run)
    world.clock.advance(minutes=30)
    await world.wait(run)
    expect("what was paid", world.paid(), [])
    expect("expirations", len(await world.trail("request.expired")), 1)


# ── P52: taking turns ────────────────────────────────────────────────────────────────────────────────────────

TURNS: Final[dict[str, Any]] = {"approvers": {"users": ["ann", "ben", "cyn"], "assign": True}}


@behaviour("P52", GATED)
async def people_take_turns(world: World) -> None:
    """Each question goes to whoever was asked longest ago, and only they decide it."""
    world.rules(rule("turns", **TURNS, level="confirm"))
    for number, person in enumerate(("ann", "ben", "cyn", "ann"), start=1):
        run = await world.start(Scene.of(pay()))
        expect("who is asked", only(run).approvers.users, (person,))
        with refuses("whose turn it is not", NotAuthorised):
            await world.say(only(run), "approve", by="ben" if person == "ann" else "ann")
        await world.leave()
        await world.decide(run, "approve", by=person)
        expect("how often it was paid", len(world.paid()), number)
        world.clock.advance(minutes=1)


@behaviour("P52", GATED)
async def a_question_that_lies_is_reassigned(world: World) -> None:
    """After its time the next one is asked instead, about the same; whoever let it lie decides no more."""
    world.rules(rule("turns", **TURNS, level="confirm", escalate=[{"after": "1h", "reassign": True}]))
    run = await world.start(Scene.of(pay()))
    world.clock.advance(hours=1)
    await (await world.hitl()).tick()
    with refuses("who let it lie", NotAuthorised):
        await world.say(only(run), "approve", by="ann")
    await _is_the_same(world, run)
    await world.decide(run, "approve", by="ben")
    expect("what was paid", world.paid(), [40.5])
    expect("who is next", only(await world.start(Scene.of(pay()))).approvers.users, ("cyn",))
