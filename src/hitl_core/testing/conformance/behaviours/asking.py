"""P06-P09: questions, choices, drafts, and people who take the conversation."""

from __future__ import annotations

from ....capabilities import Capability
from ....errors import ResponseRefused
from ....protocol import HandBack, Kind, PauseRequest, Response, RunState, TakeOver
from ..catalogue import behaviour
from ..expect import expect, expect_in, refuses
from ..scenes import Scene, ask, hand_over, note, pick, show
from ..world import World, free, only

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
