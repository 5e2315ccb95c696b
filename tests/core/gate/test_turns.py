"""Taking turns over a call: which request goes on from which, and what the agent is shown to have answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from hitl_core.contracts import Ending, Paused
from hitl_core.gate import Form, Gate, Since, joined, with_words
from hitl_core.gate.words import MOST_WORDS
from hitl_core.protocol import Action, Context, PauseRequest, Proceed, Run, Wait
from hitl_core.runtime import Runtime
from tests.core.shop import Shop, only

from .test_gate import Script

Turn = Callable[[Gate], Awaitable[Ending]]


@dataclass(frozen=True)
class Says:
    """A call of one conversation, and what was said in it since the calls before: all their places, then the words."""

    call: str
    conversation: tuple[str, ...] | None = None
    words: str = "It is invoice 7."
    order: str = "A-1"
    lifts: bool = False

    @property
    def since(self) -> Since | None:
        before = self.conversation
        return None if before is None else lambda earlier: self.words if earlier.call in before else None

    @property
    def form(self) -> Form:
        return with_words(Form(), "I go on.", self.since)

    @property
    def action(self) -> Action:
        return Action(tool="refund", arguments={"order": self.order, "call": self.call})


def turn(*calls: Says) -> Turn:
    """The calls are proposed, or lifted, and the framework waits."""

    async def asks(gate: Gate) -> Ending:
        lifted = [gate.lift(each.action, call=each.call, form=each.form) for each in calls if each.lifts]
        for each in calls:
            if not each.lifts:
                await gate.propose(each.action, call=each.call, form=each.form)
        return Paused(None, requests=tuple(lifted))

    return asks


async def asked_back(shop: Shop, *turns: Turn, about: str = "a1") -> tuple[Runtime, Run]:
    """Play the turns; after the first one the request about this call is asked about, and after each every other one
    is approved."""
    script = Script(*turns)
    async with shop.open(None, adapter=script) as hitl:
        run = await hitl.start(None)
        while script.turns:
            for request in run.pending:
                asks = request.call == about
                await hitl.respond(request.ask("Which?", by="ann") if asks else request.approve(by="ann"))
            run = await hitl.resume(run.id)
        return hitl, run


def shown(request: PauseRequest) -> list[tuple[str, str]]:
    return [(each.question, each.answer) for each in request.asked]


async def test_without_a_conversation_the_words_of_the_call_are_the_answer(shop: Shop) -> None:
    _, run = await asked_back(shop, turn(Says("a1")), turn(Says("a2")))
    assert shown(only(run)) == [("Which?", "I go on.")]


async def test_in_its_conversation_all_since_the_call_is_the_answer(shop: Shop) -> None:
    _, run = await asked_back(shop, turn(Says("a1", ())), turn(Says("a2", ("a1",))))
    assert (shown(only(run)), only(run).context.message) == ([("Which?", "It is invoice 7.")], "I go on.")


async def test_another_agent_of_that_name_that_was_at_work_has_heard_nothing(shop: Shop) -> None:
    first = turn(Says("a1", ()), Says("b1", ()))
    _, run = await asked_back(shop, first, turn(Says("b2", ("b1",))), turn(Says("a2", ("a1",))))
    assert (only(run).call, shown(only(run))) == ("a2", [("Which?", "It is invoice 7.")])


async def test_and_shows_no_question_of_the_others(shop: Shop) -> None:
    first = turn(Says("a1", ()), Says("b1", ()))
    _, run = await asked_back(shop, first, turn(Says("b2", ("b1",))))
    assert (only(run).call, only(run).follows, shown(only(run))) == ("b2", None, [])


async def test_an_agent_that_begins_anew_goes_on_without_an_answer(shop: Shop) -> None:
    _, run = await asked_back(shop, turn(Says("a1", ())), turn(Says("c1", ())))
    assert shown(only(run)) == [("Which?", "")]


async def test_of_several_the_call_most_alike_goes_on(shop: Shop) -> None:
    script = Script(
        turn(Says("a1", order="A-1"), Says("a2", order="A-2")), turn(Says("a3", order="A-1"), Says("a4", order="A-2"))
    )
    async with shop.open(None, adapter=script) as hitl:
        run = await hitl.start(None)
        for request in run.pending:
            await hitl.respond(request.ask(f"{request.action.arguments['order']}?", by="ann"))
        run = await hitl.resume(run.id)
    assert [(each.call, shown(each)) for each in run.pending] == [
        ("a3", [("A-1?", "I go on.")]),
        ("a4", [("A-2?", "I go on.")]),
    ]


async def test_a_pause_of_the_apps_own_goes_on_as_well(shop: Shop) -> None:
    lifted = Says("a2", ("a1",), lifts=True)
    _, run = await asked_back(shop, turn(Says("a1", (), lifts=True)), turn(lifted))
    assert shown(only(run)) == [("Which?", "It is invoice 7.")]


async def test_what_was_proposed_and_is_listed_goes_on_once(shop: Shop) -> None:
    async def lists(gate: Gate) -> Ending:
        says = Says("a2", ("a1",))
        verdict = await gate.propose(says.action, call=says.call, form=says.form)
        assert isinstance(verdict, Wait)
        return Paused(None, requests=(verdict.request,))

    _, run = await asked_back(shop, turn(Says("a1", ())), lists)
    assert shown(only(run)) == [("Which?", "It is invoice 7.")]


async def test_a_call_proposed_twice_in_a_turn_goes_on_both_times(shop: Shop) -> None:
    _, run = await asked_back(shop, turn(Says("a1")), turn(Says("a2"), Says("a2")))
    assert shown(only(run)) == [("Which?", "I go on.")]


async def test_a_doubt_about_another_call_is_no_answer(shop: Shop) -> None:
    async def dies(gate: Gate) -> Ending:
        says = Says("b1")
        allowed = await gate.propose(says.action, call=says.call)
        assert isinstance(allowed, Proceed)
        await gate.begin(allowed)
        raise OSError("the process dies")

    _, run = await asked_back(shop, turn(Says("a1"), Says("b1")), dies, turn(Says("b1")))
    doubt = only(run)
    assert (doubt.in_doubt, doubt.call, doubt.follows) == (True, "b1", None)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ((" It is 7. ", "", "It is 7.", "Sure."), "It is 7.\n\nSure."),
        ((), ""),
        (("x" * MOST_WORDS, "Sure."), "x" * (MOST_WORDS - 7) + "\n\nSure."),
    ],
)
def test_what_was_said_in_several_messages_is_one_text(said: tuple[str, ...], shown: str) -> None:
    assert joined(said) == shown


def test_words_are_bounded_and_what_a_form_says_itself_stays() -> None:
    own = Form(context=Context(message="The person speaks.", confidence=0.5))
    assert with_words(own, "never seen").context == own.context
    assert with_words(Form(), f"  {'x' * MOST_WORDS}y").context.message == "x" * MOST_WORDS


def test_the_words_since_an_earlier_call_are_kept_for_whoever_asks() -> None:
    said: Any = with_words(Form(), "now", lambda earlier: "then").since
    assert said(None) == "then"
