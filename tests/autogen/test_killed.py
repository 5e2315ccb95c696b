"""kill -9, in real processes: while paused, after each answer, around every command, in the tool (P40, P41, P42)."""

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

from hitl_core import Option, Run, Runtime
from hitl_core.gate import ABORT, HAPPENED, NOT_HAPPENED
from hitl_core.lifecycle import ActionState
from hitl_core.protocol import PauseRequest, Response, RunState
from hitl_core.testing.crashing import CommandLog, CrashingStore, CrashPoint, die, points

from . import crash_desk
from .crash_desk import CRASH, CrashDesk, go_on, go_through, graph, spec, team, truthfully
from .desk import LEDGER
from .processes import KILLED, child, model_process, on_two_cores

pytestmark = pytest.mark.processes

APPS = {"spec": spec, "team": team, "graph": graph}


@pytest.fixture(scope="module")
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


@pytest.fixture(params=APPS)
def desk(request: pytest.FixtureRequest, tmp_path: Path, warm: None) -> Iterator[CrashDesk]:
    log = tmp_path / "model.jsonl"
    with model_process(crash_desk.SCRIPT, log) as url:
        yield CrashDesk(tmp_path, url, log, APPS[request.param])


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
    """One process starts and dies, one lists and answers and dies, one resumes and dies."""

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
            assert run.state is RunState.COMPLETED, run
            assert isinstance(run.output, dict)
            assert run.output["answer"] == desk.answer

    assert child(starts) == KILLED
    for step in (answers, resumes, answers, resumes):
        assert child(step) == KILLED
    assert child(ends) == 0
    assert (desk.refunds, desk.lookups) == (refunds, 1)
    assert (len(desk.calls), desk.repeated) == (4 if desk.app is graph else 3, 0)


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
            assert run.state is RunState.COMPLETED, run
            assert isinstance(run.output, dict)
            assert run.output["answer"] == desk.answer, run
            states = {effect.state for effect in await hitl.effects(run.id)}
            assert states == {ActionState.EXECUTED}, states

    assert child(work) == 0
    assert (len(desk.refunds), desk.lookups) == (1, 1)
    assert desk.repeated <= 1, "only the model call in flight may be repeated"


def rehearsed(desk: CrashDesk) -> list[CrashPoint]:
    """Every place at which the desk can die, found by going through it once."""
    at = somewhere_else(desk, "rehearsal")

    async def work() -> None:
        logs: list[CommandLog] = []

        def wrap(store: Any) -> Any:
            logs.append(CommandLog(store))
            return logs[-1]

        async with at.wrapped(wrap).open() as hitl:
            await go_through(hitl, truthfully, at.order)
        (at.folder / "found").write_text("\n".join(logs[0].names))

    assert child(work) == 0
    return points((at.folder / "found").read_text().splitlines())


def somewhere_else(desk: CrashDesk, name: str) -> CrashDesk:
    """The same desk with an order, a store and a ledger of its own."""
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


def test_killed_around_every_command_to_the_store(desk: CrashDesk) -> None:
    """Between a model's answer and its journal, between a decision and its use, around each effect …"""
    commands = rehearsed(desk)
    assert {point.command for point in commands} >= {
        *("OpenRun", "BeginEffect", "EndEffect", "PauseRun", "RecordResponse", "ClaimRuns", "FinishRun", "Remember")
    }
    assert on_two_cores([partial(killed_at_command, desk, point) for point in commands]) == [0, 0]


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
