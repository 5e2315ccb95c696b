"""kill -9, in real processes: at every boundary of the walk, in the tool, in the model call (P40, P41, P42)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, StateGraph

from hitl_core.commands import StopScope
from hitl_core.testing.crashing import die
from tests.crash_desk import CRASH, SCRIPT, CrashDesk, go_through, only_run, recovers, truthfully
from tests.forking import KILLED, child, counts, dies_at, model_process, on_two_cores
from tests.killed import Killed

from . import graphs
from .desk import Desk, record

pytestmark = pytest.mark.processes

Write = tuple[str, str, int]


class TestSpecKilled(Killed):
    backend = "langgraph"
    remembers = False


# ── every write of the saver ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def desk(tmp_path: Path, warm: None) -> Iterator[CrashDesk]:
    with model_process(SCRIPT, tmp_path / "model.jsonl") as url:
        yield CrashDesk("langgraph", tmp_path, url, tmp_path / "model.jsonl")


def ended(at: CrashDesk, *, apart: bool = True) -> int:
    """A new process takes up what is there; it comes to its end."""
    once = ["refund", "look_up"]
    return child(lambda: recovers(at.to_json(), answer="done courier", once=once, apart=apart))


def writes_of(desk: CrashDesk) -> list[Write]:
    """Every write of the saver, found by going through it once."""
    at, found = desk.somewhere_else("rehearsal"), desk.folder / "found"

    async def rehearses() -> None:
        seen: list[str] = []
        at.writes_its_own_ledger()
        for method in ("aput", "aput_writes"):
            counts(AsyncSqliteSaver, method, seen)
        async with at.open() as hitl:
            await go_through(hitl, truthfully, at.order)
        found.write_text("\n".join(seen))

    assert child(rehearses) == 0
    names = found.read_text().splitlines()
    writes = [(m, "before", n) for m in ("aput", "aput_writes") for n in range(1, names.count(m) + 1)]
    return writes + [(m, "after", names.count(m)) for m in ("aput", "aput_writes")]  # others are before the next one


def killed_at_write(desk: CrashDesk, method: str, when: str, nth: int) -> None:
    at = desk.somewhere_else(f"{when}-{method}-{nth}")

    async def dies() -> None:
        at.writes_its_own_ledger()
        dies_at(AsyncSqliteSaver, method, when, nth)
        async with at.open() as hitl:
            await go_through(hitl, truthfully, at.order)

    assert (child(dies), ended(at)) == (KILLED, 0), (method, when, nth)


def test_killed_around_every_write_of_the_saver(desk: CrashDesk) -> None:
    assert on_two_cores([partial(killed_at_write, desk, *place) for place in writes_of(desk)]) == [0, 0]


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
    assert ended(desk, apart=False) == 0
    assert (len(desk.calls), desk.repeated) == (4, 1)
