"""Two workers and two people at once: each run decided once, each effect once (P20, P43). Raw LangGraph beside it."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt

from hitl_core.errors import AlreadyDecided, HitlError
from hitl_core.protocol import RunState
from hitl_core.runtime import Worker
from tests.forking import ended, fork

from .desk import Desk, record, recorded, sqlite_saver

pytestmark = pytest.mark.processes

RUNS = 200


def asks(state: Any) -> dict[str, Any]:
    said = interrupt("Who pays?")
    record("paid", order=state["order"], by=said)
    return {"order": f"{state['order']} by {said}"}


def build(saver: Any) -> Any:
    builder: Any = StateGraph(cast("Any", dict))
    return builder.add_node("asks", asks).add_edge(START, "asks").compile(checkpointer=saver)


def together(*work: Callable[[], Any]) -> list[int]:
    """Run coroutines in a process each; their exit codes."""
    started = [fork(lambda each=each: asyncio.run(each())) for each in work]  # type: ignore[misc]
    return [ended(pid) for pid in started]


def test_two_workers_and_two_people(tmp_path: Path, warm: None) -> None:
    at = Desk(build, tmp_path)

    async def starts() -> None:
        async with at.open() as hitl:
            for number in range(RUNS):
                run = await hitl.start({"order": str(number)})
                assert run.state is RunState.PAUSED

    async def answers(name: str, *, backwards: bool) -> None:
        won = lost = 0
        async with at.open() as hitl:
            pending = [known.request for known in (await hitl.inbox(limit=RUNS)).items]
            for request in reversed(pending) if backwards else pending:
                try:
                    await hitl.respond(request.answer(name, by=name))
                    won += 1
                except AlreadyDecided:
                    lost += 1
        (tmp_path / name).write_text(json.dumps([won, lost]))

    async def works() -> None:
        async with at.open() as hitl:
            worker = asyncio.create_task(Worker(hitl).run())
            while len((await hitl.runs(states=(RunState.COMPLETED,), limit=RUNS)).items) < RUNS:
                assert not worker.done()
                await hitl.store.changed(timeout=0.2)
            worker.cancel()
            with suppress(asyncio.CancelledError):
                await worker

    async def counts() -> None:
        async with at.open() as hitl:
            states = Counter(run.state for run in (await hitl.runs(limit=RUNS)).items)
            assert states == {RunState.COMPLETED: RUNS}

    assert together(starts) == [0]
    forwards, backwards = partial(answers, "ann", backwards=False), partial(answers, "bob", backwards=True)
    assert together(forwards, backwards, works, works) == [0, 0, 0, 0]
    assert together(counts) == [0]
    effects = recorded()
    assert sorted(int(each["order"]) for each in effects) == list(range(RUNS))
    ann, bob = (json.loads((tmp_path / name).read_text()) for name in ("ann", "bob"))
    assert ann[0] + bob[0] == RUNS
    assert Counter(each["by"] for each in effects) == {n: won for n, (won, _) in (("ann", ann), ("bob", bob)) if won}


# ── raw LangGraph, for comparison (research §2.2) ────────────────────────────────────────────────────────────

TRIES = 100


def slow(state: Any) -> dict[str, Any]:
    import time

    said = interrupt("Who pays?")
    record("paid", order=state["order"], by=said)
    time.sleep(0.05)
    return {"order": said}


def slow_graph(saver: Any) -> Any:
    builder: Any = StateGraph(cast("Any", dict))
    return builder.add_node("slow", slow).add_edge(START, "slow").compile(checkpointer=saver)


def doubles() -> int:
    return sum(count > 1 for count in Counter(each["order"] for each in recorded()).values())


def test_raw_langgraph_runs_the_tool_twice(tmp_path: Path, warm: None, record_property: Any) -> None:
    gate = multiprocessing.get_context("fork").Barrier(2)

    async def pauses() -> None:
        async with sqlite_saver(tmp_path) as saver:
            graph = slow_graph(saver)
            for number in range(TRIES):
                await graph.ainvoke({"order": str(number)}, {"configurable": {"thread_id": str(number)}})

    async def resumes(name: str) -> None:
        async with sqlite_saver(tmp_path) as saver:
            graph = slow_graph(saver)
            for number in range(TRIES):
                config: Any = {"configurable": {"thread_id": str(number), "__pregel_strict_resume": True}}
                (waiting,) = (await graph.aget_state(config)).interrupts
                gate.wait(30)
                await graph.ainvoke(Command(resume={waiting.id: name}), config, durability="sync")
                gate.wait(30)

    assert together(pauses) == [0]
    assert together(partial(resumes, "ann"), partial(resumes, "bob")) == [0, 0]
    print(f"raw LangGraph ran the tool twice in {doubles()} of {TRIES} races")
    record_property("raw_doubles", doubles())
    assert doubles() > TRIES / 2


def test_with_us_it_runs_once(tmp_path: Path, warm: None) -> None:
    gate = multiprocessing.get_context("fork").Barrier(2)
    at = Desk(slow_graph, tmp_path)

    async def pauses() -> None:
        async with at.open() as hitl:
            runs = [(await hitl.start({"order": str(number)})).id for number in range(TRIES)]
        (tmp_path / "runs").write_text(json.dumps(runs))

    async def resumes(name: str) -> None:
        async with at.open() as hitl:
            await hitl.attach()
            for run_id in json.loads((tmp_path / "runs").read_text()):
                (request,) = (await hitl.run(run_id)).pending
                gate.wait(30)
                with suppress(HitlError):
                    await hitl.respond(request.answer(name, by=name))
                with suppress(HitlError):
                    await hitl.resume(run_id)
                gate.wait(30)

    assert together(pauses) == [0]
    assert together(partial(resumes, "ann"), partial(resumes, "bob")) == [0, 0]
    print(f"with us the tool ran twice in {doubles()} of {TRIES} races")
    assert (doubles(), len(recorded())) == (0, TRIES)
