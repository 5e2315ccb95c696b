"""P01-P05: what each decision does, seen by its effects."""

from __future__ import annotations

from ....capabilities import Capability
from ....errors import ResponseRefused
from ....protocol import Arguments, RunState
from ..catalogue import behaviour
from ..expect import expect, expect_in, expect_that, refuses
from ..scenes import Scene, ask, note, pay
from ..world import World, free, only, rule

GATED = Capability.GATE_TOOLS

# ── P01: nothing before a decision ───────────────────────────────────────────────────────────────────────────


@behaviour("P01", GATED)
async def nothing_runs_before_a_decision(world: World) -> None:
    """A gated call waits for a decision; looking at the run and resuming it change nothing."""
    run = await world.start(Scene.of(pay()))
    expect("the run", run.state, RunState.PAUSED)
    await world.resume(run)
    await world.inbox()
    expect("what was paid", world.paid(), [])


@behaviour("P01", GATED)
async def an_answer_that_is_refused_runs_nothing(world: World) -> None:
    """A decision that is not offered lets nothing run."""
    run = await world.start(Scene.of(pay()))
    with refuses("a choice where an approval is asked for", ResponseRefused):
        await world.say(only(run), "choose", "yes")
    await world.resume(run)
    expect("what was paid", world.paid(), [])


@behaviour("P01", GATED)
async def a_rule_lets_its_tool_run_and_no_other(world: World) -> None:
    """What a rule lets run runs unasked; the call after it waits all the same."""
    world.rules(free("note"))
    run = await world.start(Scene.of(note(), pay()))
    expect("the request", only(run).action.tool, "pay")
    expect("what happened", [line["tool"] for line in world.stage.happened()], ["note"])


@behaviour("P01", GATED)
async def a_denied_call_neither_runs_nor_asks(world: World) -> None:
    """A call that the policy denies does not run, nobody is asked, and the agent is told why."""
    world.rules(rule("never", effect="deny"))
    run = await world.start(Scene.of(pay()))
    expect("the run", run.state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [])
    expect_in("what the agent heard", "never says so", world.heard())


@behaviour("P01", GATED)
async def each_start_follows_a_decision_in_the_trail(world: World) -> None:
    """In the trail, the decision stands before the start of what it let run."""
    await world.decide(await world.start(Scene.of(pay())), "approve")
    events = await world.events()
    expect("starts", events.count("effect.started"), 1)
    expect_that("the decision comes first", events.index("request.decided") < events.index("effect.started"))


# ── P02: approve ─────────────────────────────────────────────────────────────────────────────────────────────


@behaviour("P02", GATED)
async def approve_runs_once_as_shown(world: World) -> None:
    """Approve runs the call once, with exactly the arguments that were shown."""
    run = await world.start(Scene.of(pay("A-7", 99.5)))
    expect("the arguments shown", only(run).action.arguments, {"order": "A-7", "amount": 99.5})
    run = await world.decide(run, "approve")
    expect("the run", run.state, RunState.COMPLETED)
    expect("what was paid", [(line["order"], line["amount"]) for line in world.stage.happened()], [("A-7", 99.5)])
    expect_in("what the agent heard", "paid 99.5", world.heard())


@behaviour("P02", GATED)
async def an_approval_is_used_once(world: World) -> None:
    """However often the run is resumed, an approval lets its call run once."""
    run = await world.decide(await world.start(Scene.of(pay(), ask())), "approve")
    await world.resume(run)
    run = await world.decide(run, "answer", "because")
    await world.resume(run)
    expect("what was paid", world.paid(), [40.5])


@behaviour("P02", GATED)
async def each_call_needs_its_own_approval(world: World) -> None:
    """The approval of one call says nothing about the next one."""
    run = await world.decide(await world.start(Scene.of(pay("A-1", 1.5), pay("A-2", 2.5))), "approve")
    expect("what was paid", world.paid(), [1.5])
    expect("the next request", only(run).action.arguments["order"], "A-2")
    await world.decide(run, "approve")
    expect("what was paid", world.paid(), [1.5, 2.5])


# ── P03: edit ────────────────────────────────────────────────────────────────────────────────────────────────

LESS: Arguments = {"order": "A-1042", "amount": 9.5}


@behaviour("P03", GATED, Capability.EDIT_ARGUMENTS)
async def edit_runs_once_as_edited(world: World) -> None:
    """An edited call runs once, with the edited arguments, and its result is theirs."""
    run = await world.decide(await world.start(Scene.of(pay())), "edit", LESS)
    expect("the run", run.state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [9.5])
    expect_in("what the agent heard", "paid 9.5", world.heard())


@behaviour("P03", GATED, Capability.EDIT_ARGUMENTS)
async def an_edit_is_told_to_the_model(world: World) -> None:
    """The model is told that a person changed its call, to what, and why."""
    await world.decide(await world.start(Scene.of(pay())), "edit", LESS, reason="9.5 is the limit")
    expect_in("what the agent heard", "A person changed this call", world.heard())
    expect_in("what the agent heard", "9.5 is the limit", world.heard())


async def _refuses_edit(world: World, arguments: Arguments, says: str) -> None:
    run = await world.start(Scene.of(pay()))
    with refuses(f"the edit {arguments}", ResponseRefused, says):
        await world.say(only(run), "edit", arguments)
    expect("what was paid", world.paid(), [])
    await world.decide(run, "approve")
    expect("what was paid after the right answer", world.paid(), [40.5])


@behaviour("P03", GATED, Capability.EDIT_ARGUMENTS)
async def an_edit_keeps_the_types_of_the_tool(world: World) -> None:
    """A number that comes back as a text is refused, and not made a number again."""
    await _refuses_edit(world, {"order": "A-1042", "amount": "9.5"}, "arguments.amount")


@behaviour("P03", GATED, Capability.EDIT_ARGUMENTS)
async def an_edit_keeps_the_limits_of_the_tool(world: World) -> None:
    """A value that the tool's own schema does not allow is refused."""
    await _refuses_edit(world, {"order": "A-1042", "amount": -1}, "arguments.amount")


@behaviour("P03", GATED, Capability.EDIT_ARGUMENTS)
async def an_edit_has_all_arguments_and_no_others(world: World) -> None:
    """An edit that leaves an argument out, or invents one, is refused."""
    await _refuses_edit(world, {"amount": 9.5, "express": True}, "express")


@behaviour("P03", GATED, Capability.EDIT_ARGUMENTS)
async def an_edited_call_goes_through_the_policy_again(world: World) -> None:
    """An edit to what the policy denies is refused, although the call as shown may be approved."""
    world.rules(
        rule("small", level="confirm", when={"argument": "amount", "at_most": 500}),
        rule("large", effect="deny", when={"argument": "amount", "above": 500}),
    )
    await _refuses_edit(world, {"order": "A-1042", "amount": 900}, "large says so")


@behaviour("P03", GATED, Capability.EDIT_ARGUMENTS)
async def an_edit_needs_those_who_may_approve_the_result(world: World) -> None:
    """An edit to what only a lead may approve needs a lead."""
    world.rules(
        rule("small", level="confirm", when={"argument": "amount", "at_most": 100}),
        rule("more", level="confirm", when={"argument": "amount", "above": 100}, approvers={"roles": ["lead"]}),
    )
    run = await world.start(Scene.of(pay()))
    more: Arguments = {"order": "A-1042", "amount": 300}
    with refuses("the edit of a clerk", ResponseRefused, "role lead"):
        await world.say(only(run), "edit", more)
    await world.decide(run, "edit", more, roles=("lead",))
    expect("what was paid", [float(each) for each in world.paid()], [300.0])


# ── P04, P05: reject, respond ────────────────────────────────────────────────────────────────────────────────


@behaviour("P04", GATED)
async def reject_never_runs(world: World) -> None:
    """A rejected call does not run, now or when the run is resumed again."""
    run = await world.decide(await world.start(Scene.of(pay(), ask())), "reject", "the parcel arrived")
    await world.resume(run)
    await world.decide(run, "answer", "because")
    expect("what was paid", world.paid(), [])


@behaviour("P04", GATED)
async def a_rejection_is_told_with_its_reason(world: World) -> None:
    """The reason reaches the model, with the request not to try again."""
    run = await world.decide(await world.start(Scene.of(pay())), "reject", "the parcel arrived")
    expect("the run", run.state, RunState.COMPLETED)
    expect_in("what the agent heard", "the parcel arrived", world.heard())
    expect_in("what the agent heard", "Do not try this call again", world.heard())


@behaviour("P04", GATED)
async def a_rejected_call_that_is_tried_again_asks_again(world: World) -> None:
    """An agent that does not listen gets no further: the same call is a new request, and does not run."""
    run = await world.decide(await world.start(Scene.of(pay(), pay())), "reject", "no")
    expect("what was paid", world.paid(), [])
    await world.decide(run, "reject", "still no")
    expect("what was paid", world.paid(), [])


@behaviour("P04", GATED)
async def a_looser_policy_does_not_run_what_was_rejected(world: World) -> None:
    """A rejection stands, whatever the policy says afterwards."""
    run = await world.start(Scene.of(pay()))
    await world.say(only(run), "reject", "no")
    world.rules(free("pay"), version="2")
    await world.resume(run)
    expect("what was paid", world.paid(), [])


@behaviour("P05", GATED, Capability.RESPOND_IN_PLACE)
async def respond_stands_for_the_result(world: World) -> None:
    """The tool does not run, and the person's words are its result."""
    run = await world.decide(await world.start(Scene.of(pay())), "answer", "I paid it from the till")
    expect("the run", run.state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [])
    expect_in("what the agent heard", "I paid it from the till", world.heard())


@behaviour("P05", GATED, Capability.RESPOND_IN_PLACE)
async def a_result_may_be_data(world: World) -> None:
    """What a person gives instead of the result may be any JSON value."""
    await world.decide(await world.start(Scene.of(pay())), "answer", {"voucher": "V-77"})
    expect("what was paid", world.paid(), [])
    expect_in("what the agent heard", "V-77", world.heard())
