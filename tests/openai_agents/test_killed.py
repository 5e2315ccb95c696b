"""kill -9, in real processes: at every boundary of the walk, in the tool, in the model call (P40, P41, P42)."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from agents import Agent, OpenAIChatCompletionsModel, SQLiteSession, function_tool

from hitl_adapters.openai_agents import AgentApp
from hitl_core import AgentSpec, ModelSpec, Option
from hitl_core.gate import ABORT, HAPPENED, NOT_HAPPENED
from hitl_core.lifecycle import ActionState
from hitl_core.protocol import PauseRequest, Response, RunState
from hitl_core.testing.crashing import CommandLog, CrashingStore, CrashPoint, die, points
from hitl_core.testing.scripted_model import Conversation, Script

from . import crash_desk
from .crash_desk import CRASH, CrashDesk, crash, go_on, go_through, only_run, truthfully
from .desk import LEDGER, chat_model, record, recorded
from .processes import KILLED, child, model_process, on_two_cores
from .specs import LOOK_UP, REFUND, calls, says

pytestmark = pytest.mark.processes


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Everything that children need is imported, and was used once, before the first fork."""
    folder = tmp_path_factory.mktemp("warm")

    async def once() -> None:
        async with CrashDesk(folder, url, folder / "model.jsonl").open() as hitl:
            await go_through(hitl, truthfully)

    with model_process(crash_desk.SCRIPT, folder / "model.jsonl") as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv(LEDGER, str(folder / "ledger.jsonl"))
        patch.setenv("OPENAI_API_KEY", "test")
        asyncio.run(once())
    assert threading.active_count() == 1, threading.enumerate()


@pytest.fixture
def desk(tmp_path: Path, warm: None) -> Iterator[CrashDesk]:
    log = tmp_path / "model.jsonl"
    with model_process(crash_desk.SCRIPT, log) as url:
        yield CrashDesk(tmp_path, url, log)


def edit(request: PauseRequest) -> Response:
    if request.action.tool != "refund":
        return truthfully(request)
    return request.edit({"order": "A", "amount": 7.5}, by="ann")


def reject(request: PauseRequest) -> Response:
    return request.reject("no", by="ann") if request.action.tool == "refund" else truthfully(request)


def respond(request: PauseRequest) -> Response:
    return request.answer("paid by hand", by="ann") if request.action.tool == "refund" else truthfully(request)


@pytest.mark.parametrize(
    ("say", "refunds"), [(truthfully, [12]), (edit, [7.5]), (reject, []), (respond, [])], ids=lambda each: str(each)
)
def test_killed_while_paused_and_after_each_answer(desk: CrashDesk, say: Any, refunds: list[float]) -> None:
    """One process starts and dies, one lists and answers and dies, one resumes and dies; a question and a choice
    are in every run."""

    async def starts() -> None:
        async with desk.open() as hitl:
            await hitl.start({"order": "A"})
            die()

    async def answers() -> None:
        async with desk.open() as hitl:
            for known in (await hitl.inbox()).items:
                await hitl.respond(say(known.request))
            die()

    async def resumes() -> None:
        async with desk.open() as hitl:
            await hitl.resume((await only_run(hitl)).id)
            die()

    async def ends() -> None:
        async with desk.open() as hitl:
            run = await only_run(hitl)
            assert (run.state, run.output) == (RunState.COMPLETED, {"answer": "done courier"}), run

    for step in (starts, answers, resumes, answers, resumes):
        assert child(step) == KILLED
    assert child(ends) == 0
    assert (desk.refunds, desk.lookups) == (refunds, 1)
    assert (len(desk.calls), desk.repeated) == (3, 0)


# ── every boundary ───────────────────────────────────────────────────────────────────────────────────────────


def recovers(desk: CrashDesk) -> None:
    """In a new process: take up what is there, or start if nothing is; it comes to its end."""

    async def work() -> None:
        async with desk.open() as hitl:
            runs = (await hitl.runs()).items
            if not runs:
                run = await go_through(hitl, truthfully, desk.order)
            else:
                run = await go_on(hitl, await hitl.run(runs[0].id), truthfully)
            assert (run.state, run.output) == (RunState.COMPLETED, {"answer": "done courier"}), run
            states = {effect.state for effect in await hitl.effects(run.id)}
            assert states == {ActionState.EXECUTED}, states

    assert child(work) == 0
    assert (len(desk.refunds), desk.lookups) == (1, 1)
    assert desk.repeated <= 1, "only the model call in flight may be repeated"


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory, warm: None) -> list[CrashPoint]:
    """Every place at which the desk can die, found by going through it once."""
    folder = tmp_path_factory.mktemp("rehearsal")

    async def work() -> None:
        logs: list[CommandLog] = []

        def wrap(store: Any) -> Any:
            logs.append(CommandLog(store))
            return logs[-1]

        async with rehearsed.wrapped(wrap).open() as hitl:
            await go_through(hitl, truthfully)
        (folder / "found").write_text("\n".join(logs[0].names))

    with model_process(crash_desk.SCRIPT, folder / "model.jsonl") as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv(LEDGER, str(folder / "ledger"))
        patch.setenv("OPENAI_API_KEY", "test")
        rehearsed = CrashDesk(folder, url, folder / "model.jsonl")
        assert child(work) == 0
    return points((folder / "found").read_text().splitlines())


def killed_at_command(desk: CrashDesk, point: CrashPoint) -> None:
    name = str(point).replace(" ", "-")
    folder = desk.folder / name
    folder.mkdir()
    os.environ[LEDGER] = str(folder / "ledger.jsonl")
    at = replace(desk, folder=folder, order=name)

    async def dies() -> None:
        async with at.wrapped(lambda store: CrashingStore(store, point)).open() as hitl:
            await go_through(hitl, truthfully, at.order)

    assert child(dies) == KILLED, point
    recovers(at)


def test_killed_around_every_command_to_the_store(desk: CrashDesk, places: list[CrashPoint]) -> None:
    """Between a model's answer and our record of it, between a decision and its use, around each effect …"""
    assert {point.command for point in places} >= {
        *("OpenRun", "Remember", "BeginEffect", "EndEffect", "PauseRun", "RecordResponse", "ClaimRuns", "FinishRun")
    }
    assert on_two_cores([partial(killed_at_command, desk, point) for point in places]) == [0, 0]


# ── inside the tool ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("place", "said", "refunds", "told"),
    [
        ("after refund", HAPPENED, 1, "carried out"),
        ("before refund", NOT_HAPPENED, 1, "paid 12"),
        ("after refund", ABORT, 1, "not known"),
        ("before refund", ABORT, 0, "not known"),
    ],
    ids=lambda each: str(getattr(each, "id", each)),
)
def test_killed_in_the_tool_it_is_in_doubt_until_a_person_says(
    desk: CrashDesk, place: str, said: Option, refunds: int, told: str
) -> None:
    async def dies() -> None:
        os.environ[CRASH] = place
        async with desk.open() as hitl:
            await go_through(hitl, truthfully)

    assert child(dies) == KILLED
    happened = len(desk.refunds)

    async def finds_doubt() -> None:
        async with desk.open() as hitl:
            run = await hitl.resume((await only_run(hitl)).id)
            assert [(r.in_doubt, r.action.tool) for r in run.pending] == [(True, "refund")], run
            assert len(desk.refunds) == happened
            await hitl.respond(run.pending[0].choose(said.id, by="ann"))
            run = await go_on(hitl, await hitl.resume(run.id), truthfully)
            assert run.state is RunState.COMPLETED, run
            (effect,) = [each for each in await hitl.effects(run.id) if each.action.tool == "refund"]
            results = str(effect.result) + effect.error
            assert told in results or said is ABORT, results

    assert child(finds_doubt) == 0
    assert (len(desk.refunds), desk.lookups, desk.repeated) == (refunds, 1, 0)


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
        yield CrashDesk(tmp_path, url, tmp_path / "model.jsonl", free)


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


def test_killed_while_the_model_answers_only_that_call_is_made_again(desk: CrashDesk) -> None:
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

    assert child(dies) == KILLED
    assert desk.repeated == 0
    recovers(desk)
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
        at = CrashDesk(tmp_path, url, tmp_path / "model.jsonl", boss)
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
        at = CrashDesk(tmp_path, url, tmp_path / "model.jsonl", with_person)
        assert [child(step) for step in (starts, speaks, goes_on)] == [KILLED] * 3
        assert child(hands_back) == 0
        assert (len(at.calls), at.repeated) == (2, 0)
