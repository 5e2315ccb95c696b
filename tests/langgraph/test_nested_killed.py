"""kill -9 between the write of a pause inside a graph and that of the step around it: the answer still arrives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from hitl_core import Run, Runtime
from hitl_core.protocol import Kind, PauseRequest, Response, RunState
from hitl_core.testing.crashing import die
from tests.forking import KILLED, child

from . import graphs
from .desk import Desk

pytestmark = pytest.mark.processes

NESTED = {
    graphs.in_a_subgraph: "paid",
    graphs.in_a_graph_called_by_a_node: "paid",
    graphs.questions_in_a_subgraph: "written",
    graphs.questions_in_a_called_graph: "written",
}
PLACES = [(build, nth) for build, effect in NESTED.items() for nth in (1, 2) if effect == "written" or nth == 1]
"""The graphs that pay ask once."""


def dies_after_pause(nth: int) -> None:
    """In this process, die after the `nth` pause that a graph inside another one has written."""
    inner, seen = AsyncSqliteSaver.aput_writes, 0

    async def dying(self: Any, config: Any, writes: Any, *rest: Any) -> None:
        nonlocal seen
        await inner(self, config, writes, *rest)
        inside = config["configurable"].get("checkpoint_ns")
        seen += bool(inside) and any(channel == "__interrupt__" for channel, _ in writes)
        if inside and seen == nth:
            die()

    setattr(AsyncSqliteSaver, "aput_writes", dying)  # noqa: B010


async def to_the_end(hitl: Runtime, run: Run, no: bool, shown: list[PauseRequest]) -> Run:
    def said(request: PauseRequest) -> Response:
        if request.kind is Kind.INPUT:
            return request.answer("x", by="ann")
        return request.reject("no", by="ann") if no else request.approve(by="ann")

    for _ in range(9):
        shown += run.pending
        for request in run.pending:
            await hitl.respond(said(request))
        run = await hitl.resume(run.id)
        if run.state in (RunState.COMPLETED, RunState.FAILED):
            return run
    raise AssertionError(run)


@pytest.mark.parametrize("no", [False, True], ids=["approve", "reject"])
@pytest.mark.parametrize(("build", "nth"), PLACES, ids=lambda each: getattr(each, "__name__", str(each)))
def test_a_pause_that_the_step_around_it_has_not_heard_of_takes_its_answer(
    tmp_path: Path, warm: None, build: Any, nth: int, no: bool
) -> None:
    desk, effect = Desk(build, tmp_path), NESTED[build]

    async def dies() -> None:
        dies_after_pause(nth)
        async with desk.open() as hitl:
            await to_the_end(hitl, await hitl.start({"order": "A"}), no, [])

    async def recovers() -> None:
        shown: list[PauseRequest] = []
        async with desk.open() as hitl:
            (known,) = (await hitl.runs()).items
            run = await to_the_end(hitl, await hitl.resume(known.id), no, shown)
        assert run.state is RunState.COMPLETED, run
        assert not any(each.in_doubt for each in shown), shown

    assert [child(dies), child(recovers)] == [KILLED, 0]
    assert desk.effects.count(effect) == (0 if no and effect == "paid" else 1)
