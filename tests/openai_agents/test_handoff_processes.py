"""A person has the conversation while processes come and go: each turn is said in one, which is killed (P09, P41)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from agents import Agent, SQLiteSession

from hitl_adapters.openai_agents import AgentApp, human_agent
from hitl_core.protocol import Run, RunState
from hitl_core.testing.crashing import die
from hitl_core.testing.scripted_model import Conversation, Script
from tests.crash_desk import CrashDesk, only_run
from tests.forking import KILLED, child, model_process

from .desk import chat_model, recorded
from .native import function_tools
from .specs import calls, says

pytestmark = pytest.mark.processes

WHOLE = ("refund", {"order": "42", "amount": 12.0, "note": ""})
SCRIPT = Script(
    conversations=(
        Conversation(name="clerk", system="a clerk", steps=(says("unused"), calls(WHOLE), says("paid by the clerk"))),
    ),
    steps=(calls(("transfer_to_support", {})), says("the bot again")),
)


def office(url: str, **more: Any) -> AgentApp:
    """A bot that hands over to a person, who can hand back to the bot or on to a clerk with a gated tool."""
    tools = function_tools(needs_approval=True)
    clerk = Agent(name="Clerk", instructions="You are a clerk.", model=chat_model(url), tools=tools)
    person = human_agent("Support")
    bot = Agent(name="Bot", instructions="You are a bot.", model=chat_model(url), handoffs=[person])
    person.handoffs = [bot, clerk]
    return AgentApp(bot, **more)


@pytest.fixture(params=["", "session"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CrashDesk]:
    def app(url: str) -> AgentApp:
        if not request.param:
            return office(url)
        return office(url, session=lambda thread: SQLiteSession(thread, tmp_path / "chat.db"))

    with model_process(SCRIPT, tmp_path / "model.jsonl") as url:
        yield CrashDesk("openai_agents", tmp_path, url, tmp_path / "model.jsonl", app)


def begun(desk: CrashDesk) -> int:
    async def work() -> None:
        async with desk.open() as hitl:
            await hitl.start("my order is lost")
            die()

    return child(work)


def answered(desk: CrashDesk, say: Callable[[Any], Any]) -> list[int]:
    """One process records the answer and dies; the next goes on from there and dies as well."""

    async def answer() -> None:
        async with desk.open() as hitl:
            (request,) = (await only_run(hitl)).pending
            await hitl.respond(say(request))
            die()

    async def resume() -> None:
        async with desk.open() as hitl:
            await hitl.resume((await only_run(hitl)).id)
            die()

    return [child(answer), child(resume)]


def seen(desk: CrashDesk, check: Callable[[Run], None]) -> None:
    async def look() -> None:
        async with desk.open() as hitl:
            check(await only_run(hitl))

    assert child(look) == 0


def lines(run: Run) -> list[tuple[str, str]]:
    (request,) = run.pending
    shown: Any = request.action.arguments["conversation"]
    return [(line["role"], line["text"]) for line in shown if line["role"] != "tool"]


def heard(desk: CrashDesk) -> list[str]:
    """What users said, as the model was told last."""
    body: Any = desk.calls[-1].body
    return [str(each["content"]) for each in body["messages"] if each["role"] == "user"]


def test_a_person_speaks_hears_and_hands_on_to_somebody_else(desk: CrashDesk) -> None:
    assert begun(desk) == KILLED

    def offered(run: Run) -> None:
        assert [each.id for each in run.pending[0].options] == ["Bot", "Clerk"]
        assert lines(run) == [("user", "my order is lost")]

    seen(desk, offered)
    assert answered(desk, lambda request: request.take_over("which one?", by="bob")) == [KILLED, KILLED]
    meanwhile = ("it is 42", "please hurry")
    assert answered(desk, lambda request: request.take_over("one moment", by="bob", heard=meanwhile)) == [KILLED] * 2

    def both_heard(run: Run) -> None:
        assert lines(run)[1:] == [
            ("assistant", "[bob] which one?"),
            ("user", "it is 42"),
            ("user", "please hurry"),
            ("assistant", "[bob] one moment"),
        ]

    seen(desk, both_heard)
    back = answered(desk, lambda request: request.hand_back("pay it", by="bob", to="Clerk", heard=("are you there?",)))
    assert (back, recorded()) == ([KILLED, KILLED], [])

    def the_clerk_asks(run: Run) -> None:
        (request,) = run.pending
        assert (request.action.tool, request.action.origin.agent) == ("refund", "Clerk")

    seen(desk, the_clerk_asks)
    before = ["my order is lost", "[bob] which one?", "it is 42", "please hurry", "[bob] one moment"]
    assert heard(desk) == [*before, "are you there?", "[bob] pay it"]
    assert answered(desk, lambda request: request.approve(by="ann")) == [KILLED, KILLED]

    def over(run: Run) -> None:
        assert (run.state, run.output) == (RunState.COMPLETED, {"answer": "paid by the clerk"}), run.error

    seen(desk, over)
    assert [each["order"] for each in recorded()] == ["42"]
    assert len(desk.calls) == 3, "no model was asked twice"


def test_handed_back_to_the_bot_by_name(desk: CrashDesk) -> None:
    assert begun(desk) == KILLED
    assert answered(desk, lambda request: request.hand_back("done", by="bob", to="Bot")) == [KILLED, KILLED]

    def over(run: Run) -> None:
        assert (run.state, run.output) == (RunState.COMPLETED, {"answer": "the bot again"}), run.error

    seen(desk, over)
    assert heard(desk) == ["my order is lost", "[bob] done"]


def test_the_last_word_is_a_persons(desk: CrashDesk) -> None:
    assert begun(desk) == KILLED
    assert answered(desk, lambda request: request.answer("solved by phone", by="bob")) == [KILLED, KILLED]

    def over(run: Run) -> None:
        assert (run.state, run.output) == (RunState.COMPLETED, {"answer": "[bob] solved by phone"}), run.error

    seen(desk, over)
    assert len(desk.calls) == 1
