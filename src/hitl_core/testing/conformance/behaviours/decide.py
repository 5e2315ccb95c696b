"""P01-P13: what each decision does, seen by its effects."""

from __future__ import annotations

from ....capabilities import Capability
from ....errors import ResponseRefused
from ....protocol import Arguments, HandBack, Kind, Level, PauseRequest, Reply, Response, RunState, TakeOver
from ..catalogue import behaviour
from ..expect import expect, expect_in, expect_that, refuses
from ..scenes import Scene, ask, hand_over, note, pay, pick, show
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


# ── P06, P07: questions and choices ──────────────────────────────────────────────────────────────────────────


@behaviour("P06", Capability.ASK_QUESTIONS)
async def a_question_is_answered_in_words(world: World) -> None:
    """The question is shown as the agent put it, and the words of the person come back."""
    run = await world.start(Scene.of(ask("Why is it due?")))
    expect("the kind", only(run).kind, Kind.INPUT)
    expect_in("what is shown", "Why is it due?", f"{only(run).title} {only(run).action.arguments}")
    run = await world.decide(run, "answer", "the parcel was empty")
    expect("the run", run.state, RunState.COMPLETED)
    expect_in("what the agent heard", "the parcel was empty", world.heard())


@behaviour("P06", Capability.ASK_QUESTIONS)
async def an_empty_text_is_no_answer(world: World) -> None:
    """An empty text is refused, and the question stays open."""
    run = await world.start(Scene.of(ask()))
    with refuses("an empty text", ResponseRefused, "empty"):
        await world.say(only(run), "answer", "  ")
    expect("what waits", [each.id for each in await world.inbox()], [only(run).id])


@behaviour("P06", Capability.ASK_QUESTIONS)
async def a_question_always_asks(world: World) -> None:
    """A question is asked even if a rule would let its tool run."""
    world.rules(free("ask"))
    expect("the kind", only(await world.start(Scene.of(ask()))).kind, Kind.INPUT)


@behaviour("P06", Capability.ASK_QUESTIONS)
async def nobody_has_to_answer(world: World) -> None:
    """A person may refuse to answer; the agent is told, and goes on."""
    run = await world.decide(await world.start(Scene.of(ask(), note())), "reject", "ask the carrier")
    expect_in("what the agent heard", "ask the carrier", world.heard())
    expect("the next request", only(run).action.tool, "note")


@behaviour("P06", Capability.ASK_QUESTIONS)
async def each_question_gets_its_own_answer(world: World) -> None:
    """Two questions in a row are two requests, and both answers reach the agent."""
    run = await world.decide(await world.start(Scene.of(ask("Who?"), ask("When?"))), "answer", "Mira did")
    run = await world.decide(run, "answer", "on Monday")
    expect("the run", run.state, RunState.COMPLETED)
    expect_in("what the agent heard", "Mira did", world.heard())
    expect_in("what the agent heard", "on Monday", world.heard())


@behaviour("P07", Capability.OFFER_CHOICES)
async def an_offered_option_comes_back(world: World) -> None:
    """The options are shown, and the one that was chosen comes back."""
    run = await world.start(Scene.of(pick()))
    expect("the options", [each.id for each in only(run).options], ["red", "green"])
    await world.decide(run, "choose", "green")
    expect_in("what the agent heard", "green", world.heard())


@behaviour("P07", Capability.OFFER_CHOICES)
async def no_other_option_is_taken(world: World) -> None:
    """An option that was not offered is refused, with a list of those that were."""
    run = await world.start(Scene.of(pick()))
    for other in ("blue", "Green", "red "):
        with refuses(f"the option {other!r}", ResponseRefused, "not offered"):
            await world.say(only(run), "choose", other)
    with refuses("words where an option is due", ResponseRefused, "not offered"):
        await world.say(only(run), "answer", "green")
    run = await world.decide(run, "choose", "red")
    expect("the run", run.state, RunState.COMPLETED)


# ── P08: review ──────────────────────────────────────────────────────────────────────────────────────────────


@behaviour("P08", Capability.REVIEW_OUTPUT)
async def a_draft_is_accepted(world: World) -> None:
    """The draft is shown as it is, and the agent hears that it was accepted."""
    run = await world.start(Scene.of(show("Dear A.")))
    expect("the kind", only(run).kind, Kind.REVIEW)
    expect_in("what is shown", "Dear A.", str(only(run).action.arguments))
    run = await world.decide(run, "accept")
    expect("the run", run.state, RunState.COMPLETED)
    expect_in("what the agent heard", "accepted", world.heard())


@behaviour("P08", Capability.REVIEW_OUTPUT)
async def a_draft_is_edited(world: World) -> None:
    """The text as the person changed it reaches the agent."""
    await world.decide(await world.start(Scene.of(show("Dear A."))), "edit", {"content": "Dear Mrs. B."})
    expect_in("what the agent heard", "Dear Mrs. B.", world.heard())


@behaviour("P08", Capability.REVIEW_OUTPUT)
async def a_draft_goes_back_as_often_as_needed(world: World) -> None:
    """Each round is a request of its own with the draft of that round, and the feedback reaches the agent."""
    run = await world.start(Scene.of(show("draft one"), show("draft two"), show("draft three")))
    asked = [only(run).id]
    for feedback, draft in (("say thanks", "draft two"), ("say goodbye", "draft three")):
        run = await world.decide(run, "revise", feedback)
        expect_in("what the agent heard", feedback, world.heard())
        expect_in("the next draft", draft, str(only(run).action.arguments))
        asked.append(only(run).id)
    run = await world.decide(run, "accept")
    expect("the run", run.state, RunState.COMPLETED)
    expect("how many requests there were", len(set(asked)), 3)


@behaviour("P08", Capability.REVIEW_OUTPUT)
async def feedback_says_something(world: World) -> None:
    """A draft cannot be sent back without a word."""
    run = await world.start(Scene.of(show()))
    with refuses("empty feedback", ResponseRefused, "feedback"):
        await world.say(only(run), "revise", " ")
    await world.decide(run, "accept")


# ── P09: handoff ─────────────────────────────────────────────────────────────────────────────────────────────


def _says(request: PauseRequest, decision: TakeOver | HandBack) -> Response:
    return Response.to(request, decision, by="ann")


@behaviour("P09", Capability.HANDOFF_TO_HUMAN)
async def a_person_takes_the_conversation_and_gives_it_back(world: World) -> None:
    """A person has the floor for two turns; what they said is in the conversation, and the agent goes on."""
    run = await world.start(Scene.of(hand_over("support"), note(), human="support"))
    expect("the kind", only(run).kind, Kind.HANDOFF)
    await world.respond(_says(only(run), TakeOver(text="This is Ann of support.")))
    run = await world.resume(run)
    expect("the kind of the second turn", only(run).kind, Kind.HANDOFF)
    await world.respond(_says(only(run), HandBack(text="The clerk will note it.")))
    run = await world.resume(run)
    expect("the next request", only(run).action.tool, "note")
    expect_in("what the agent heard", "This is Ann of support.", world.heard())
    expect_in("what the agent heard", "The clerk will note it.", world.heard())


# ── P10-P13: levels, and what is made known ──────────────────────────────────────────────────────────────────


@behaviour("P10", GATED)
async def where_people_lead_nobody_can_approve(world: World) -> None:
    """At level human_leads, approving and editing are not offered and are refused."""
    world.rules(rule("led", level="human_leads"))
    run = await world.start(Scene.of(pay()))
    expect("what is offered", set(only(run).allowed), {Reply.ANSWER, Reply.REJECT, Reply.CANCEL})
    for decision, fields in (("approve", ()), ("edit", (LESS,))):
        with refuses(f"the decision {decision}", ResponseRefused, "is not offered"):
            await world.say(only(run), decision, *fields)
    await world.resume(run)
    expect("what was paid", world.paid(), [])


@behaviour("P10", GATED)
async def where_people_lead_their_report_is_the_result(world: World) -> None:
    """The person does it and reports; the tool never runs."""
    world.rules(rule("led", level="human_leads"))
    run = await world.decide(await world.start(Scene.of(pay())), "answer", "I have paid it by hand")
    expect("the run", run.state, RunState.COMPLETED)
    expect("what was paid", world.paid(), [])
    expect_in("what the agent heard", "I have paid it by hand", world.heard())


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
