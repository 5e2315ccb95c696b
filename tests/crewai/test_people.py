"""Questions, choices and reviews as tools of an agent, and agents inside agents (P06-P08, P30, P32)."""

from __future__ import annotations

from collections.abc import Callable

from hitl_core import AgentSpec, ModelSpec, choice, question, review, tool
from hitl_core.protocol import HandBack, PauseRequest, Response, RunState, TakeOver
from hitl_core.testing.scripted_model import Conversation, Script, Step

from . import agents
from .desk import Desk, accept, answering, approve, calls, choosing, ended, record, reject, revising

Made = Callable[..., Desk]
DONE = Step(say="done")


async def test_a_question_goes_out_and_words_come_back(desk: Made) -> None:
    at = desk(agents.spec(question("ask_lead", "Ask")), calls(("ask_lead", {"question": "May they?"})), DONE)
    run = await at.start()
    assert [(r.kind, r.title) for r in run.pending] == [("input", "May they?")]
    ended(await at.answer(run, answering("Yes.")))
    assert (at.told(), len(at.calls)) == (["Yes."], 2)


async def test_an_offered_option_is_chosen(desk: Made) -> None:
    at = desk(
        agents.spec(choice("carrier", "Choose", ["post", "courier"])), calls(("carrier", {"question": "Who?"})), DONE
    )
    run = await at.start()
    assert [option.id for option in run.pending[0].options] == ["post", "courier"]
    ended(await at.answer(run, choosing("courier")))
    assert at.told() == ["courier"]


async def test_a_draft_is_sent_back_and_accepted(desk: Made) -> None:
    at = desk(
        agents.spec(review("show", "Show a draft")),
        calls(("show", {"content": "Hi"})),
        calls(("show", {"content": "Dear Mira"})),
        DONE,
    )
    run = await at.answer(await at.start(), revising("politer"))
    assert (run.state, run.pending[0].action.arguments) == (RunState.PAUSED, {"content": "Dear Mira"})
    ended(await at.answer(run, accept))
    assert '"outcome": "revise"' in at.told()[0]
    assert '"feedback": "politer"' in at.told()[0]
    assert '"outcome": "accepted"' in at.told()[1]
    assert len(at.calls) == 3


async def test_a_person_takes_the_conversation_and_gives_it_back(desk: Made) -> None:
    at = desk(agents.spec(human="support"), calls(("transfer_to_support", {"message": "Help her"})), DONE)
    run = await at.start()
    assert [(r.kind, r.title) for r in run.pending] == [("handoff", "Help her")]
    run = await at.answer(run, lambda r: said(r, TakeOver(text="This is Ann.")))
    assert run.pending[0].action.arguments == {"message": "Help her", "said": ["This is Ann."]}
    run = await at.answer(run, lambda r: said(r, HandBack(text="She is happy.")))
    ended(run, {"answer": "done"})
    assert at.told() == ["support: This is Ann.\nsupport: She is happy."]
    assert len(at.calls) == 2


def said(request: PauseRequest, decision: TakeOver | HandBack) -> Response:
    return Response.to(request, decision, by="ann")


# ── agents inside agents ─────────────────────────────────────────────────────────────────────────────────────


@tool(reversible=True)
def note(order: str) -> str:
    """Write it down."""
    record("noted", order=order)
    return "noted"


@tool
def pay(order: str) -> str:
    """Pay back."""
    record("paid", order=order)
    return "paid"


NESTED = Script(
    conversations=(
        Conversation(
            name="clerk",
            system="You are a clerk.",
            steps=(calls(("note", {"order": "A"}), ("pay", {"order": "A"})), Step(say="clerk is done")),
        ),
        Conversation(
            name="mailer",
            system="You are a mailer.",
            steps=(calls(("ask_lead", {"question": "Whom?"})), Step(say="mailed {{tool_result}}")),
        ),
    ),
    steps=(calls(("clerk", {"task": "pay A"}), ("mailer", {"task": "mail A"})), Step(say="all done")),
)


def boss(url: str) -> AgentSpec:
    where = ModelSpec("m", url)
    clerk = AgentSpec("clerk", "You are a clerk.", (note, pay), where, description="Pays")
    mailer = AgentSpec("mailer", "You are a mailer.", (question("ask_lead", "Ask"),), where, description="Mails")
    return AgentSpec("boss", "You are the boss.", (), where, (clerk, mailer))


NOTES = '[[rules]]\nid = "notes"\nwhy = "changes nothing"\nmatch = { tool = "note" }\nlevel = "autonomous"\n'


async def test_pauses_of_two_sub_agents_are_answered_together(desk: Made) -> None:
    at = desk(boss, NESTED, policy=NOTES)
    run = await at.start("please")
    shown = [(r.action.tool, r.action.origin.agent, r.action.origin.path) for r in run.pending]
    assert sorted(shown) == [("ask_lead", "mailer", ("boss", "mailer")), ("pay", "clerk", ("boss", "clerk"))]
    for request in run.pending:
        await at.say(approve(request) if request.action.tool == "pay" else answering("Mira")(request))
    ended(await at.resume(run), {"answer": "all done"})
    assert at.effects == ["noted", "paid"]
    assert len(at.calls) == 6


async def test_one_sub_agent_goes_on_while_the_other_waits(desk: Made) -> None:
    at = desk(boss, NESTED, policy=NOTES)
    run = await at.start("please")
    (pays,) = [request for request in run.pending if request.action.tool == "pay"]
    await at.say(reject(pays))
    run = await at.look(run)
    assert [request.action.tool for request in run.pending] == ["ask_lead"]
    ended(await at.answer(run, answering("Mira")))
    assert (at.effects, len(at.calls)) == (["noted"], 6)
