"""kill -9, in real processes: at every boundary of the walk, in the tool, in the model call (P40, P41, P42)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from agents import Agent, OpenAIChatCompletionsModel, SQLiteSession, function_tool

from hitl_adapters.openai_agents import AgentApp
from hitl_core import AgentSpec, ModelSpec
from hitl_core.protocol import RunState
from hitl_core.testing.crashing import die
from hitl_core.testing.scripted_model import Conversation, Script
from tests import crash_desk
from tests.crash_desk import CRASH, CrashDesk, crash, go_on, go_through, only_run, recovers, truthfully
from tests.forking import KILLED, child, model_process, warmed
from tests.killed import Killed

from .desk import chat_model, record, recorded
from .specs import LOOK_UP, REFUND, calls, says

pytestmark = pytest.mark.processes


class TestSpecKilled(Killed):
    backend = "openai_agents"


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    warmed("openai_agents", tmp_path_factory.mktemp("warm"))


def desk_of(folder: Path, url: str, app: Any = crash_desk.spec) -> CrashDesk:
    return CrashDesk("openai_agents", folder, url, folder / "model.jsonl", app)


# ── where no gate is: a tool that the app does not want decided, a session, and the model ────────────────────


def free(url: str) -> Agent[Any]:
    """An unchanged agent whose tools run without asking."""

    @function_tool
    def note(order: str) -> str:
        """Write it down."""
        record("noted")
        return "noted"

    @function_tool
    def pay(order: str) -> str:
        """Pay back."""
        record("paid")
        crash("pay")
        return "paid"

    return Agent(name="desk", model=chat_model(url), tools=[note, pay])


FREE = Script.of(calls(("note", {"order": "A"})), calls(("pay", {"order": "A"})), says("done {{tool_result}}"))


@pytest.fixture
def free_desk(tmp_path: Path, warm: None) -> Iterator[CrashDesk]:
    with model_process(FREE, tmp_path / "model.jsonl") as url:
        yield desk_of(tmp_path, url, free)


@pytest.mark.parametrize(("said", "paid", "told"), [("again", 2, "done paid"), ("abort", 1, "not known")])
def test_killed_in_an_ungated_tool_it_is_in_doubt_too(free_desk: CrashDesk, said: str, paid: int, told: str) -> None:
    async def dies() -> None:
        os.environ[CRASH] = "pay"
        async with free_desk.open() as hitl:
            await hitl.start("go")

    async def asks() -> None:
        async with free_desk.open() as hitl:
            run = await hitl.resume((await only_run(hitl)).id)
            (request,) = run.pending
            assert (request.in_doubt, request.action.tool) == (True, "pay")
            await hitl.respond(request.choose(said, by="ann"))

    async def goes_on() -> None:
        async with free_desk.open() as hitl:
            run = await hitl.resume((await only_run(hitl)).id)
            assert (run.state, told in str(run.output)) == (RunState.COMPLETED, True), run

    assert [child(dies), child(asks), child(goes_on)] == [KILLED, 0, 0]
    assert [each["effect"] for each in recorded()] == ["noted"] + ["paid"] * paid
    assert (len(free_desk.calls), free_desk.repeated) == (3, 0)


def test_killed_in_a_tool_that_is_called_safe_nobody_is_asked(
    free_desk: CrashDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(crash_desk.OPTIONS, "openai_agents", {"safe_tools": ("pay",)})

    async def dies() -> None:
        os.environ[CRASH] = "pay"
        async with free_desk.open() as hitl:
            await hitl.start("go")

    async def ends() -> None:
        async with free_desk.open() as hitl:
            run = await hitl.resume((await only_run(hitl)).id)
            assert (run.state, run.output) == (RunState.COMPLETED, {"answer": "done paid"}), run

    assert [child(dies), child(ends)] == [KILLED, 0]
    assert [each["effect"] for each in recorded()] == ["noted", "paid", "paid"]


def test_a_second_crash_in_the_same_tool_asks_a_second_time(free_desk: CrashDesk) -> None:
    async def dies() -> None:
        os.environ[CRASH] = "pay"
        async with free_desk.open() as hitl:
            await hitl.start("go")

    async def asked_and_dies_again() -> None:
        os.environ[CRASH] = "pay"
        async with free_desk.open() as hitl:
            run = await hitl.resume((await only_run(hitl)).id)
            await hitl.respond(run.pending[0].choose("again", by="ann"))
            await hitl.resume(run.id)

    async def asks_again() -> None:
        async with free_desk.open() as hitl:
            run = await hitl.resume((await only_run(hitl)).id)
            assert [request.in_doubt for request in run.pending] == [True], run

    assert [child(dies), child(asked_and_dies_again), child(asks_again)] == [KILLED, KILLED, 0]
    assert [each["effect"] for each in recorded()] == ["noted", "paid", "paid"]


def test_killed_in_a_session_nothing_is_said_twice(free_desk: CrashDesk) -> None:
    def session(thread: str) -> SQLiteSession:
        return SQLiteSession(thread, free_desk.folder / "chat.db")

    at = replace(free_desk, app=lambda url: AgentApp(free(url), session=session))

    async def dies_after_writing() -> None:
        inner = SQLiteSession.add_items

        async def add_items(self: SQLiteSession, items: Any) -> None:
            await inner(self, items)
            die()

        SQLiteSession.add_items = add_items  # type: ignore[method-assign]
        async with at.open() as hitl:
            await hitl.start("go", thread="t1")

    async def ends() -> None:
        async with at.open() as hitl:
            run = await hitl.resume((await only_run(hitl)).id)
            assert (run.state, run.output) == (RunState.COMPLETED, {"answer": "done paid"}), run
        items: list[Any] = list(await session("t1").get_items())
        kinds = [str(each.get("role") or each["type"]) for each in items]
        assert kinds == ["user", *["function_call", "function_call_output"] * 2, "assistant"], kinds

    assert [child(dies_after_writing), child(ends)] == [KILLED, 0]
    assert [each["effect"] for each in recorded()] == ["noted", "paid"]
    assert (len(at.calls), at.repeated) == (3, 0)


def test_killed_while_the_model_answers_only_that_call_is_made_again(tmp_path: Path, warm: None) -> None:
    async def dies() -> None:
        inner, seen = OpenAIChatCompletionsModel.get_response, 0

        async def get_response(self: Any, *args: Any, **kwargs: Any) -> Any:
            nonlocal seen
            seen += 1
            made = await inner(self, *args, **kwargs)
            if seen == 2:
                die()
            return made

        OpenAIChatCompletionsModel.get_response = get_response  # type: ignore[method-assign]
        async with desk.open() as hitl:
            await go_through(hitl, truthfully)

    async def ends() -> None:
        await recovers(desk.to_json(), answer="done courier", once=["refund", "look_up"], apart=False)

    with model_process(crash_desk.SCRIPT, tmp_path / "model.jsonl") as url:
        desk = desk_of(tmp_path, url)
        assert child(dies) == KILLED
        assert desk.repeated == 0
        assert child(ends) == 0
        assert (len(desk.calls), desk.repeated) == (4, 1)


# ── inside other agents, and while a person has the floor ────────────────────────────────────────────────────


def boss(url: str) -> AgentSpec:
    clerk = AgentSpec("clerk", "You are a clerk.", (crash_desk.look_up, crash_desk.refund), ModelSpec("m", url))
    return AgentSpec("boss", "You are the boss.", (), ModelSpec("m", url), (clerk,))


CLERK = Conversation(name="clerk", system="a clerk", steps=(calls(LOOK_UP, REFUND), says("clerk: {{tool_result}}")))
BOSS = Script(conversations=(CLERK,), steps=(calls(("clerk", {"task": "pay A"})), says("done {{tool_result}}")))


@pytest.mark.parametrize("place", ["before refund", "after refund"])
def test_killed_in_the_tool_of_a_sub_agent(tmp_path: Path, warm: None, place: str) -> None:
    async def dies() -> None:
        os.environ[CRASH] = place
        async with at.open() as hitl:
            await go_through(hitl, truthfully)

    async def ends() -> None:
        async with at.open() as hitl:
            run = await hitl.resume((await only_run(hitl)).id)
            (request,) = run.pending
            assert (request.in_doubt, request.action.origin.path) == (True, ("boss", "clerk")), run
            run = await go_on(hitl, run, truthfully)
            assert run.state is RunState.COMPLETED, run

    with model_process(BOSS, tmp_path / "model.jsonl") as url:
        at = desk_of(tmp_path, url, boss)
        assert [child(dies), child(ends)] == [KILLED, 0]
        assert (at.refunds, at.lookups, len(at.calls), at.repeated) == ([12], 1, 4, 0)


def with_person(url: str) -> AgentSpec:
    return AgentSpec("bot", "You are a bot.", (), ModelSpec("m", url), human="Support")


PERSON = Script.of(calls(("transfer_to_support", {})), says("welcome back"))


def test_killed_between_the_turns_of_a_person(tmp_path: Path, warm: None) -> None:
    """Who has the floor, and what was said, is in the store (P09)."""

    async def starts() -> None:
        async with at.open() as hitl:
            await hitl.start("hello")
            die()

    async def speaks() -> None:
        async with at.open() as hitl:
            (request,) = (await only_run(hitl)).pending
            await hitl.respond(request.take_over("one moment", by="bob", heard=["hurry"]))
            die()

    async def goes_on() -> None:
        async with at.open() as hitl:
            await hitl.resume((await only_run(hitl)).id)
            die()

    async def hands_back() -> None:
        async with at.open() as hitl:
            (request,) = (await only_run(hitl)).pending
            lines: Any = request.action.arguments["conversation"]
            assert [line["text"] for line in lines if line["role"] != "tool"] == ["hello", "hurry", "[bob] one moment"]
            await hitl.respond(request.hand_back("done", by="bob"))
            run = await hitl.resume(request.run_id)
            assert (run.state, run.output) == (RunState.COMPLETED, {"answer": "welcome back"}), run

    with model_process(PERSON, tmp_path / "model.jsonl") as url:
        at = desk_of(tmp_path, url, with_person)
        assert [child(step) for step in (starts, speaks, goes_on)] == [KILLED] * 3
        assert child(hands_back) == 0
        assert (len(at.calls), at.repeated) == (2, 0)
