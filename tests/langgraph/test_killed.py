"""kill -9, in real processes: at every boundary of the walk, in the tool, in the model call (P40, P41, P42)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from hitl_core.lifecycle import ActionState
from hitl_core.protocol import PauseRequest, Response, RunState
from hitl_core.testing.crashing import CommandLog, CrashingStore, CrashPoint, die, points

from . import crash_desk
from .crash_desk import CRASH, CrashDesk, go_on, go_through, truthfully
from .desk import LEDGER, recorded
from .processes import KILLED, child, counts, dies_at, model_process

pytestmark = pytest.mark.processes

WHEN = ("before", "after")
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


def only_run(desk: CrashDesk) -> Callable[[Any], Any]:
    async def find(hitl: Any) -> Any:
        (run,) = (await hitl.runs()).items
        return await hitl.run(run.id)

    return find


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
            await hitl.resume((await only_run(desk)(hitl)).id)
            die()

    async def ends() -> None:
        async with desk.open() as hitl:
            run = await only_run(desk)(hitl)
            assert (run.state, run.output) == (RunState.COMPLETED, {"answer": "done courier"}), run

    assert child(lambda: started_and_killed(desk)) == KILLED
    for step in (answers, resumes, answers, resumes):
        assert child(step) == KILLED
    assert child(ends) == 0
    assert (desk.refunds, desk.lookups) == (refunds, 1)
    assert (len(desk.calls), desk.repeated) == (3, 0)


# ── every boundary ───────────────────────────────────────────────────────────────────────────────────────────


def recovers(desk: CrashDesk) -> None:
    """In new processes: take up what is there, or start if nothing is; it comes to its end."""

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

        async with desk.wrapped(wrap).open() as hitl:
            await go_through(hitl, truthfully)
        (folder / "found").write_text("\n".join([*logs[0].names, *seen]))

    with model_process(crash_desk.SCRIPT, folder / "model.jsonl") as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv(LEDGER, str(folder / "ledger"))
        patch.setenv("OPENAI_API_KEY", "test")
        desk = CrashDesk(folder, url, folder / "model.jsonl")
        assert child(work) == 0
    names = (folder / "found").read_text().splitlines()
    saver = [(m, when, n) for m in ("aput", "aput_writes") for n in range(1, names.count(m) + 1) for when in WHEN]
    return points(name for name in names if name[0].isupper()), saver


def test_killed_around_every_command_to_the_store(desk: CrashDesk, places: Any, tmp_path: Path) -> None:
    """Between LangGraph's checkpoint and our commit, between a decision and its use, around each effect …"""
    commands, _ = places
    assert {point.command for point in commands} >= {
        *("OpenRun", "BeginEffect", "EndEffect", "PauseRun", "RecordResponse", "ClaimRuns", "FinishRun")
    }
    for number, point in enumerate(commands):
        at = somewhere_else(desk, tmp_path, f"c{number}")

        async def dies(at: CrashDesk = at, point: CrashPoint = point) -> None:
            async with at.wrapped(lambda store: CrashingStore(store, point)).open() as hitl:
                await go_through(hitl, truthfully, at.order)

        assert child(dies) == KILLED, point
        recovers(at)


def test_killed_around_every_write_of_the_saver(desk: CrashDesk, places: Any, tmp_path: Path) -> None:
    _, writes = places
    for number, (method, when, nth) in enumerate(writes):
        at = somewhere_else(desk, tmp_path, f"s{number}")

        async def dies(at: CrashDesk = at, method: str = method, when: str = when, nth: int = nth) -> None:
            dies_at(AsyncSqliteSaver, method, when, nth)
            async with at.open() as hitl:
                await go_through(hitl, truthfully, at.order)

        assert child(dies) == KILLED, (method, when, nth)
        recovers(at)


def somewhere_else(desk: CrashDesk, tmp_path: Path, name: str) -> CrashDesk:
    """The same desk with a store, a ledger and threads of its own."""
    folder = tmp_path / name
    folder.mkdir()
    os.environ[LEDGER] = str(folder / "ledger.jsonl")
    return CrashDesk(folder, desk.url, desk.log, order=name)
