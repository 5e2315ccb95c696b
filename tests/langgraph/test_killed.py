"""kill -9, in real processes: at every boundary of the walk, in the tool, in the model call (P40, P41, P42)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, StateGraph

from hitl_core import Option, Run, Runtime
from hitl_core.commands import StopScope
from hitl_core.gate import ABORT, HAPPENED, NOT_HAPPENED
from hitl_core.lifecycle import ActionState
from hitl_core.protocol import PauseRequest, Response, RunState
from hitl_core.testing.crashing import CommandLog, CrashingStore, CrashPoint, die, points

from . import crash_desk, graphs
from .crash_desk import CRASH, CrashDesk, go_on, go_through, truthfully
from .desk import LEDGER, Desk, record
from .processes import KILLED, child, counts, dies_at, model_process, on_two_cores

pytestmark = pytest.mark.processes

Places = tuple[list[CrashPoint], list[tuple[str, str, int]]]


@pytest.fixture
def desk(tmp_path: Path, warm: None) -> Iterator[CrashDesk]:
    log = tmp_path / "model.jsonl"
    with model_process(crash_desk.SCRIPT, log) as url:
        yield CrashDesk(tmp_path, url, log)


async def started_and_killed(desk: CrashDesk) -> None:
    async with desk.open() as hitl:
        await hitl.start({"order": "A"})
        die()


async def only_run(hitl: Runtime) -> Run:
    (run,) = (await hitl.runs()).items
    return await hitl.run(run.id)


def approve(request: PauseRequest) -> Response:
    return truthfully(request)


def edit(request: PauseRequest) -> Response:
    if request.action.tool != "refund":
        return truthfully(request)
    return request.edit({"order": "A", "amount": 7.5}, by="ann")


def reject(request: PauseRequest) -> Response:
    return request.reject("no", by="ann") if request.action.tool == "refund" else truthfully(request)


def respond(request: PauseRequest) -> Response:
    return request.answer("paid by hand", by="ann") if request.action.tool == "refund" else truthfully(request)


@pytest.mark.parametrize(
    ("say", "refunds"), [(approve, [12]), (edit, [7.5]), (reject, []), (respond, [])], ids=lambda each: str(each)
)
def test_killed_while_paused_and_after_each_answer(desk: CrashDesk, say: Any, refunds: list[float]) -> None:
    """One process starts and dies, one lists and answers and dies, one resumes and dies; a question and a choice
    are in every run."""

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

    assert child(lambda: started_and_killed(desk)) == KILLED
    for step in (answers, resumes, answers, resumes):
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
def places(tmp_path_factory: pytest.TempPathFactory, warm: None) -> Places:
    """Every place at which the desk can die, found by going through it once."""
    folder = tmp_path_factory.mktemp("rehearsal")

    async def work() -> None:
        seen: list[str] = []
        logs: list[CommandLog] = []
        for method in ("aput", "aput_writes"):
            counts(AsyncSqliteSaver, method, seen)

        def wrap(store: Any) -> Any:
            logs.append(CommandLog(store))
            return logs[-1]

        async with rehearsed.wrapped(wrap).open() as hitl:
            await go_through(hitl, truthfully)
        (folder / "found").write_text("\n".join([*logs[0].names, *seen]))

    with model_process(crash_desk.SCRIPT, folder / "model.jsonl") as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv(LEDGER, str(folder / "ledger"))
        patch.setenv("OPENAI_API_KEY", "test")
        rehearsed = CrashDesk(folder, url, folder / "model.jsonl")
        assert child(work) == 0
    names = (folder / "found").read_text().splitlines()
    saver = [(m, "before", n) for m in ("aput", "aput_writes") for n in range(1, names.count(m) + 1)]
    saver += [(m, "after", names.count(m)) for m in ("aput", "aput_writes")]  # the others are before the next one
    return points(name for name in names if name[0].isupper()), saver


def somewhere_else(desk: CrashDesk, name: str) -> CrashDesk:
    """The same desk with an order, a store, a ledger and threads of its own."""
    folder = desk.folder / name
    folder.mkdir()
    os.environ[LEDGER] = str(folder / "ledger.jsonl")
    return replace(desk, folder=folder, order=name)


def killed_at_command(desk: CrashDesk, point: CrashPoint) -> None:
    at = somewhere_else(desk, str(point).replace(" ", "-"))

    async def dies() -> None:
        async with at.wrapped(lambda store: CrashingStore(store, point)).open() as hitl:
            await go_through(hitl, truthfully, at.order)

    assert child(dies) == KILLED, point
    recovers(at)


def killed_at_write(desk: CrashDesk, method: str, when: str, nth: int) -> None:
    at = somewhere_else(desk, f"{when}-{method}-{nth}")

    async def dies() -> None:
        dies_at(AsyncSqliteSaver, method, when, nth)
        async with at.open() as hitl:
            await go_through(hitl, truthfully, at.order)

    assert child(dies) == KILLED, (method, when, nth)
    recovers(at)


def test_killed_around_every_command_to_the_store(desk: CrashDesk, places: Places) -> None:
    """Between LangGraph's checkpoint and our commit, between a decision and its use, around each effect …"""
    commands, _ = places
    assert {point.command for point in commands} >= {
        *("OpenRun", "BeginEffect", "EndEffect", "PauseRun", "RecordResponse", "ClaimRuns", "FinishRun")
    }
    assert on_two_cores([partial(killed_at_command, desk, point) for point in commands]) == [0, 0]


def test_killed_around_every_write_of_the_saver(desk: CrashDesk, places: Places) -> None:
    _, writes = places
    assert on_two_cores([partial(killed_at_write, desk, *place) for place in writes]) == [0, 0]


# ── inside the tool ──────────────────────────────────────────────────────────────────────────────────────────


def killed_in_the_tool(desk: CrashDesk, place: str) -> None:
    async def dies() -> None:
        os.environ[CRASH] = place
        async with desk.open() as hitl:
            await go_through(hitl, truthfully)

    assert child(dies) == KILLED


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
    killed_in_the_tool(desk, place)
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


# ── where no gate is: the app's own nodes, and the model ─────────────────────────────────────────────────────


def node_that_dies(state: graphs.State) -> graphs.State:
    record("paid")
    if os.environ.get(CRASH) == "node":
        die()
    return {"out": ["paid"]}


def native(saver: Any) -> Any:
    graph = StateGraph(graphs.State).add_node("first", graphs.after).add_node("pays", node_that_dies)
    graph.add_edge(START, "first").add_edge("first", "pays")
    return graph.compile(checkpointer=saver)


@pytest.mark.parametrize(("said", "state", "paid"), [("again", "completed", 2), ("abort", "failed", 1)])
def test_killed_in_a_node_of_the_app_the_step_is_in_doubt(
    tmp_path: Path, warm: None, said: str, state: str, paid: int
) -> None:
    at = Desk(native, tmp_path)

    async def dies() -> None:
        os.environ[CRASH] = "node"
        await at.start({"order": "A"})

    async def asks() -> None:
        async with at.open() as hitl:
            run = await hitl.resume((await only_run(hitl)).id)
            (request,) = run.pending
            assert (request.in_doubt, request.action.arguments) == (True, {"step": "pays"})
            assert at.effects == ["told", "paid"]
            await hitl.respond(request.choose(said, by="ann"))

    async def goes_on() -> None:
        async with at.open() as hitl:
            run = await hitl.resume((await only_run(hitl)).id)
            assert run.state == state, run

    assert [child(dies), child(asks), child(goes_on)] == [KILLED, 0, 0]
    assert at.effects.count("paid") == paid


def test_killed_in_a_node_a_step_that_may_run_again_waits_for_the_end_of_a_stop(tmp_path: Path, warm: None) -> None:
    at = Desk(native, tmp_path)

    async def dies() -> None:
        os.environ[CRASH] = "node"
        await at.start({"order": "A"})

    async def goes_on_under_a_stop() -> None:
        async with at.open() as hitl:
            run = await hitl.resume((await only_run(hitl)).id)
            await hitl.respond(run.pending[0].choose("again", by="ann"))
            await hitl.stop(StopScope.AGENT, "pays", by="bob", reason="fire")
            assert (await hitl.resume(run.id)).state == "stopped"
            assert at.effects.count("paid") == 1
            await hitl.lift(StopScope.AGENT, "pays", by="bob", reason="over")
            assert (await hitl.resume(run.id)).state == "completed"

    assert [child(dies), child(goes_on_under_a_stop)] == [KILLED, 0]
    assert at.effects.count("paid") == 2


def test_killed_in_a_node_a_word_that_was_taken_back_runs_nothing_again(tmp_path: Path, warm: None) -> None:
    at = Desk(native, tmp_path)

    async def dies() -> None:
        os.environ[CRASH] = "node"
        await at.start({"order": "A"})

    async def takes_it_back() -> None:
        async with at.open() as hitl:
            run = await hitl.resume((await only_run(hitl)).id)
            await hitl.respond(run.pending[0].choose("again", by="ann"))
            await hitl.revoke(run.pending[0].id, by="ann", reason="it did happen")
            assert (await hitl.resume(run.id)).state == "failed"

    assert [child(dies), child(takes_it_back)] == [KILLED, 0]
    assert at.effects.count("paid") == 1


def test_a_second_crash_in_the_same_step_asks_a_second_time(tmp_path: Path, warm: None) -> None:
    at = Desk(native, tmp_path)

    async def dies() -> None:
        os.environ[CRASH] = "node"
        await at.start({"order": "A"})

    async def asked_and_dies_again() -> None:
        os.environ[CRASH] = "node"
        async with at.open() as hitl:
            run = await hitl.resume((await only_run(hitl)).id)
            await hitl.respond(run.pending[0].choose("again", by="ann"))
            await hitl.resume(run.id)

    async def asks_again() -> None:
        async with at.open() as hitl:
            run = await hitl.resume((await only_run(hitl)).id)
            assert [(r.in_doubt, r.round) for r in run.pending] == [(True, 1)], run

    assert [child(dies), child(asked_and_dies_again), child(asks_again)] == [KILLED, KILLED, 0]
    assert at.effects.count("paid") == 2


def test_killed_while_the_model_answers_only_that_call_is_made_again(desk: CrashDesk) -> None:
    async def dies() -> None:
        dies_at(ChatOpenAI, "_agenerate", "after", 2)
        async with desk.open() as hitl:
            await go_through(hitl, truthfully)

    assert child(dies) == KILLED
    assert desk.repeated == 0
    recovers(desk)
    assert (len(desk.calls), desk.repeated) == (4, 1)
