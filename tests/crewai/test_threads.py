"""Threads that an app, or CrewAI, starts without the context: their tools pass the gate all the same, or do not run."""

from __future__ import annotations

import ast
import asyncio
import logging
import queue
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import crewai
import pytest
from crewai import Crew, Task
from crewai.flow.flow import Flow, start
from crewai.tools import BaseTool

from hitl_adapters.crewai.suspend import Current
from hitl_core.protocol import RunState
from hitl_core.testing.scripted_model import Conversation, Script, Step

from . import agents
from .desk import ALL_GO, Desk, accept, approve, calls, ended

Made = Callable[..., Desk]
PAY = calls(("refund", {"order": "A", "amount": 12}))
DONE = Step(say="done")


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """A pool of the app's own whose one worker was there before any run."""
    with ThreadPoolExecutor(1) as made:
        made.submit(int).result()
        yield made


def bare(work: Callable[[], Any]) -> Any:
    """In a thread that nobody gave a context."""
    made: list[Any] = []
    thread = threading.Thread(target=lambda: made.append(work()))
    thread.start()
    thread.join()
    return made[0]


class Timed(threading.Thread):
    """A thread class of the app's own, that says what it does by overriding."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__()
        self._work = work
        self.made: Any = None

    def run(self) -> None:
        self.made = self._work()


def timed(work: Callable[[], Any]) -> Any:
    thread = Timed(work)
    thread.start()
    thread.join()
    return thread.made


@pytest.mark.parametrize("way", ["bare", "subclass", "pool", "executor of a loop"])
async def test_a_crew_in_a_thread_of_the_app_is_gated_and_repeats_nothing(
    desk: Made, pool: ThreadPoolExecutor, way: str
) -> None:
    async def in_a_loop(work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(None, work)

    ways: dict[str, Callable[[Callable[[], Any]], Any]] = {
        "bare": bare,
        "subclass": timed,
        "pool": lambda work: pool.submit(work).result(),
        "executor of a loop": lambda work: asyncio.run(in_a_loop(work)),
    }

    def build(url: str) -> Callable[[], Any]:
        class Threaded(Flow[dict[str, Any]]):
            @start()
            def pay(self) -> str:
                made = agents.crew(agents.Refund, task={"human_input": True})(url)()
                return str(ways[way](lambda: agents.answer_of(made)))

        return Threaded

    at = desk(build, PAY, DONE)
    run = await at.start({})
    assert ([request.action.tool for request in run.pending], at.effects) == (["refund"], [])
    run = await at.answer(run, approve)
    assert [request.kind for request in run.pending] == ["review"]
    ended(await at.answer(run, accept), "done")
    assert (at.effects, len(at.calls)) == (["refund"], 2)


async def test_a_worker_of_a_pool_belongs_to_no_run(pool: ThreadPoolExecutor, desk: Made) -> None:
    """Only what a run submits does; what others submit later has their own context."""
    from hitl_adapters.crewai.suspend import current

    seen: list[Current | None] = []

    def build(url: str) -> Callable[[], Any]:
        class Submits(Flow[dict[str, Any]]):
            @start()
            def work(self) -> str:
                fresh = ThreadPoolExecutor(1)
                seen.append(fresh.submit(current).result())
                pool.submit(seen.append, fresh.submit(current).result()).result()
                pools.append(fresh)
                return "ok"

        return Submits

    pools: list[ThreadPoolExecutor] = []
    ended(await desk(build, DONE).start({}), "ok")
    assert None not in seen
    assert pools[0].submit(current).result() is None
    assert pool.submit(current).result() is None
    pools[0].shutdown()


# ── two runs at once ─────────────────────────────────────────────────────────────────────────────────────────


class SecondLook:
    """An attribute of a class of flows: while CrewAI looks it up for a definition, another thread wants it too."""

    def __init__(self) -> None:
        self.others: list[threading.Thread] = []

    def __get__(self, flow: Any, owner: type[Flow[Any]]) -> None:
        if not self.others:
            self.others.append(threading.Thread(target=owner.flow_definition))
            self.others[0].start()
            self.others[0].join(0.3)  # it comes to its end here, unless it is made to wait for us


async def test_a_class_of_flows_is_used_for_the_first_time_by_two_threads(desk: Made) -> None:
    looks: list[SecondLook] = []

    def build(url: str) -> Callable[[], Any]:
        def made() -> Flow[Any]:
            class Fresh(Flow[dict[str, Any]]):
                @start()
                def work(self) -> str:
                    return "ok"

            looks.append(SecondLook())
            Fresh.second_look = looks[-1]  # type: ignore[attr-defined]  # after CrewAI has made its class
            return Fresh()

        return made

    ended(await desk(build, DONE).start({}), "ok")
    others = [other for look in looks for other in look.others]
    for other in others:
        other.join()
    assert len(others) == len(looks) == 2  # when it is looked through, and in its turn


# ── threads that were there before ───────────────────────────────────────────────────────────────────────────


class Worker:
    """A thread of the app's own that was there before any run and takes its work from a queue."""

    def __init__(self) -> None:
        self._work: queue.Queue[tuple[Callable[[], Any], Future[Any]] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._loop)
        self._thread.start()

    def do(self, work: Callable[[], Any]) -> Any:
        done: Future[Any] = Future()
        self._work.put((work, done))
        return done.result(20)

    def stop(self) -> None:
        self._work.put(None)
        self._thread.join()

    def _loop(self) -> None:
        while (item := self._work.get()) is not None:
            work, done = item
            try:
                done.set_result(work())
            except Exception as exc:
                done.set_exception(exc)


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker()
    yield made
    made.stop()


class Elsewhere(BaseTool):
    """Has the worker do something; in the run's eyes it is a harmless look."""

    name: str = "look_up"
    description: str = "Look at an order."
    work: Callable[[], Any]
    worker: Any

    def _run(self, order: str) -> str:
        return str(self.worker.do(self.work))


BOSS = Conversation(name="boss", system="You are boss.", steps=(calls(("look_up", {"order": "A"})), DONE))


async def test_a_tool_of_the_run_that_is_called_from_outside_it_does_not_run(desk: Made, worker: Worker) -> None:
    """No context says to which run it belongs, but it is this run's own agent: the run fails and says what to do."""

    def build(url: str) -> Callable[[], Crew]:
        def make() -> Crew:
            clerk: Any = agents.agent(url, agents.Refund())
            elsewhere = Elsewhere(worker=worker, work=lambda: clerk.kickoff("Pay A").raw)
            boss = agents.agent(url, elsewhere, role="boss")
            return Crew(agents=[boss, clerk], tasks=[Task(description="Go.", expected_output="All.", agent=boss)])

        return make

    outside = Script(conversations=(BOSS,), steps=(PAY, Step(say="paid")))
    run = await desk(build, outside, policy=ALL_GO).start()
    assert (run.state, agents.effects("refund")) == (RunState.FAILED, [])
    assert "called from outside it" in run.error
    assert "copy_context" in run.error


async def test_a_crew_that_belongs_to_no_run_is_told_of_aloud_while_one_is_under_way(
    desk: Made, worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    """It may be another part of the process, or a thread of the run's that we cannot know: only people can tell."""

    def build(url: str) -> Callable[[], Crew]:
        def make() -> Crew:
            other = lambda: agents.answer_of(agents.crew(agents.LookUp)(url)())  # noqa: E731
            boss = agents.agent(url, Elsewhere(worker=worker, work=other), role="boss")
            return Crew(agents=[boss], tasks=[Task(description="Go.", expected_output="All.", agent=boss)])

        return make

    looks = Script(conversations=(BOSS,), steps=(calls(("look_up", {"order": "B"})), Step(say="looked")))
    with caplog.at_level(logging.ERROR, logger="hitl_core"):
        ended(await desk(build, looks, policy=ALL_GO).start())
    assert [record.levelname for record in caplog.records if "outside every run" in record.message] == ["ERROR"]


# ── what is installed ────────────────────────────────────────────────────────────────────────────────────────

STARTERS = ("Thread", "submit", "run_in_executor")

WITHOUT = {
    "events/event_bus.py": "its loop has the context of whoever calls it, and waits for futures in its pool",
    "mcp/transports/stdio.py": "waits for a server's process to end",
    "rag/chromadb/client.py": "takes and lets go of a file lock",
    "tools/structured_tool.py": "an awaited call of a sync tool; inside a run the gate calls it, and awaits nothing",
}
"""Where CrewAI starts a thread without a copy of the context, and why that is no way around the gate. All inherit."""


def test_where_crewai_starts_threads_without_the_context() -> None:
    root = Path(crewai.__file__).parent
    found = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if path.relative_to(root).parts[0] != "cli" and any(_starts_bare(path))
    }
    assert found == set(WITHOUT)


def _starts_bare(path: Path) -> Iterator[bool]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        name = getattr(node.func, "attr", getattr(node.func, "id", "")) if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.Call) and name in STARTERS:
            yield not re.search(r"\.run\b", ast.unparse(node))
