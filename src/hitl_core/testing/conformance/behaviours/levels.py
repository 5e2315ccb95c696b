"""P10-P13: people lead, are told, may object; and what people did is made known."""

from __future__ import annotations

import json

from ....capabilities import Capability
from ....errors import ResponseRefused
from ....protocol import Json, Kind, Level, Reply, RunState
from ..catalogue import behaviour
from ..expect import expect, expect_in, refuses
from ..scenes import UNDO_WINDOW, Scene, ask, note, pay, weigh
from ..world import World, free, only, rule
from .decide import GATED, LESS


@behaviour("P10", GATED)
async def where_people_lead_nobody_can_approve(world: World) -> None:
    """At level human_leads, approving and editing are not offered and are refused."""
    world.rules(rule("led", level="human_leads"))
    run = await world.start(Scene.of(pay()))
    expect("what is offered", set(only(run).allowed), {Reply.REPORT, Reply.ASK, Reply.REJECT, Reply.CANCEL})
    for decision, fields in (("approve", ()), ("edit", (LESS,))):
        with refuses(f"the decision {decision}", ResponseRefused, "is not offered"):
            await world.say(only(run), decision, *fields)
    await world.resume(run)
    expect("what was paid", world.paid(), [])


@behaviour("P10", GATED)
async def where_people_lead_their_report_is_the_result(world: World) -> None:
    """The person does it and reports; the tool never runs."""
    world.rules(rule("led", level="human_leads"))
    run = await world.decide(await world.start(Scene.of(pay())), "report", "done", "receipt 77 of the bank")
    expect("the run", run.state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [])
    expect_in("what the agent heard", "receipt 77 of the bank", world.heard())
    expect_in("what the agent heard", "A person has done this by hand", world.heard())


@behaviour("P10", GATED)
async def what_a_person_did_not_do_is_no_result(world: World) -> None:
    """A report that it was not done is told as such, with its reason, and is a line of the trail."""
    world.rules(rule("led", level="human_leads"))
    await world.decide(await world.start(Scene.of(pay())), "report", "not_done", note="the bank is closed")
    expect("what was paid", world.paid(), [])
    expect_in("what the agent heard", "has not done it", world.heard())
    expect_in("what the agent heard", "the bank is closed", world.heard())
    expect("reports in the trail", (await world.events()).count("action.reported"), 1)


@behaviour("P10", GATED)
async def a_report_is_of_the_form_of_the_tool(world: World) -> None:
    """What the tool could never return is refused as its result; so is "partly" without a word on what is missing."""
    world.rules(rule("led", level="human_leads"))
    run = await world.start(Scene.of(pay()))
    for fields, says in ((("done", 77), "result"), (("partly", "half of it"), "note")):
        with refuses(f"the report {fields}", ResponseRefused, says):
            await world.say(only(run), "report", *fields)
    await world.decide(run, "report", "partly", "half of it", "the rest is due in May")
    expect_in("what the agent heard", "the rest is due in May", world.heard())


@behaviour("P10", GATED)
async def a_report_keeps_its_json_type(world: World) -> None:
    """What the person reports is the tool's result as JSON: a number is no text, and nothing is no empty one."""
    world.rules(rule("led", "weigh", level="human_leads"))
    reported: tuple[Json, ...] = (71305, 0.25, True, None, ["a", 1], {"grams": 12.5, "fragile": False}, "a pound or so")
    run = await world.start(Scene.of(tuple(weigh(f"A-{number}") for number, _ in enumerate(reported))))
    for request, result in zip(run.pending, reported, strict=True):
        await world.say(request, "report", "done", result)
    run = await world.resume(run)
    expect("the run", run.state, RunState.COMPLETED)
    heard = world.heard().splitlines()
    texts = [result if isinstance(result, str) else json.dumps(result) for result in reported]
    expect("what the agent did not hear", [each for each in texts if each not in heard], [])
    expect("what was weighed", world.happened("weigh"), 0)


NOTIFY = rule("noticed", level="notify", allow_irreversible="so that the suite can see it")


@behaviour("P11", GATED)
async def notify_runs_at_once_and_a_notice_arrives(world: World) -> None:
    """The call runs without waiting, and one notice about it is in the inbox."""
    world.rules(NOTIFY)
    run = await world.start(Scene.of(pay()))
    expect("the run", run.state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [40.5])
    notices = (await (await world.hitl()).inbox(notices=True)).items
    expect("the notices", [(each.request.kind, each.request.level) for each in notices], [(Kind.NOTICE, Level.NOTIFY)])
    expect("what is shown", notices[0].request.action.arguments, pay().arguments)


@behaviour("P11", GATED)
async def a_notice_says_until_when_it_can_be_undone(world: World) -> None:
    """Where the tool says how long it can be taken back, the notice says until when; elsewhere it promises nothing."""
    both = (NOTIFY, rule("noted", "note", level="notify"))
    world.rules(*both)
    await world.start(Scene.of(pay(), note()))
    notices = (await (await world.hitl()).inbox(notices=True)).items
    until = {each.request.action.tool: each.request.undo_until for each in notices}
    expect("until when", until, {"note": None, "pay": world.clock.now() + UNDO_WINDOW})


@behaviour("P11", GATED)
async def a_notice_waits_for_nobody(world: World) -> None:
    """A notice is not among what waits, and takes no answer."""
    world.rules(NOTIFY)
    await world.start(Scene.of(pay()))
    expect("what waits", await world.inbox(), [])
    (notice,) = (await (await world.hitl()).inbox(notices=True)).items
    with refuses("an answer to a notice", ResponseRefused):
        await world.say(notice.request, "approve")


@behaviour("P11", GATED)
async def what_runs_on_its_own_is_not_announced(world: World) -> None:
    """At level autonomous there is no notice."""
    world.rules(free())
    await world.start(Scene.of(pay()))
    expect("the notices", (await (await world.hitl()).inbox(notices=True)).items, ())
    expect("what was paid", world.paid(), [40.5])


VETO = rule("window", level="notify", veto="1h", allow_irreversible="an hour is enough to object")


@behaviour("P12", GATED)
async def a_veto_window_runs_when_it_is_over(world: World) -> None:
    """The call does not run before its delay has passed, and runs once afterwards."""
    world.rules(VETO)
    run = await world.start(Scene.of(pay()))
    world.clock.advance(minutes=59)
    expect("the run before", (await world.wait(run)).state, RunState.PAUSED)
    expect("what was paid before", world.paid(), [])
    world.clock.advance(minutes=1)
    expect("the run after", (await world.wait(run)).state, RunState.COMPLETED)
    expect("what was paid after", world.paid(), [40.5])


@behaviour("P12", GATED)
async def a_veto_ends_it(world: World) -> None:
    """After a veto the call never runs, and the agent is told why."""
    world.rules(VETO)
    run = await world.start(Scene.of(pay()))
    await world.say(only(run), "reject", "wrong customer")
    world.clock.advance(hours=2)
    await world.wait(run)
    expect("what was paid", world.paid(), [])
    expect_in("what the agent heard", "wrong customer", world.heard())


@behaviour("P12", GATED)
async def who_agrees_need_not_wait(world: World) -> None:
    """An approval ends the window early."""
    world.rules(VETO)
    await world.decide(await world.start(Scene.of(pay())), "approve")
    expect("what was paid", world.paid(), [40.5])


@behaviour("P13", GATED)
async def what_people_did_stays_known(world: World) -> None:
    """Two turns later the refusal is still in the conversation of the agent, once."""
    run = await world.decide(await world.start(Scene.of(pay(), ask(), ask("And now?"))), "reject", "not this customer")
    run = await world.decide(run, "answer", "first")
    run = await world.decide(run, "answer", "second")
    expect("the run", run.state, RunState.COMPLETED)
    expect("how often it was told", world.heard().count("not this customer"), 1)


@behaviour("P13", GATED, Capability.EDIT_ARGUMENTS)
async def an_edit_stays_known_in_another_process(world: World) -> None:
    """What was changed is part of the recorded result: the agent is told after the process has ended, too."""
    run = await world.start(Scene.of(pay()))
    await world.say(only(run), "edit", LESS)
    await world.leave()
    await world.resume(run)
    expect_in("what the agent heard", "A person changed this call", world.heard())


TOLD = "A person approved this call"


@behaviour("P13", GATED)
async def an_approval_is_kept_from_the_agent(world: World) -> None:
    """Unless it is configured, the agent is not told that a person approved its call."""
    await world.decide(await world.start(Scene.of(pay())), "approve")
    expect("what was paid", world.paid(), [40.5])
    expect("whether it was told", TOLD in world.heard(), False)


@behaviour("P13", GATED)
async def an_approval_is_made_known_where_that_is_configured(world: World) -> None:
    """Where everything is to be told, the agent hears that a person approved its call, also in another process."""
    world.tells_everything = True
    run = await world.start(Scene.of(pay(), ask()))
    await world.say(only(run), "approve")
    await world.leave()
    run = await world.resume(run)
    await world.decide(run, "answer", "because")
    expect("what was paid", world.paid(), [40.5])
    expect("how often it was told", world.heard().count(TOLD), 1)


@behaviour("P13", GATED, Capability.RESPOND_IN_PLACE)
async def a_result_of_a_person_is_made_known_where_that_is_configured(world: World) -> None:
    """Where everything is to be told, the agent hears that a person gave the result of its call."""
    world.tells_everything = True
    await world.decide(await world.start(Scene.of(pay())), "answer", "paid by hand")
    expect("what was paid", world.paid(), [])
    expect_in("what the agent heard", "paid by hand", world.heard())
    expect_in("what the agent heard", "A person gave this result", world.heard())
