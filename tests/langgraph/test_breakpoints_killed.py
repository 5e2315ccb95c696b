"""kill -9 in graphs with static breakpoints: what stands at one is shown as one, what was at work is in doubt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from hitl_core import Run, Runtime
from hitl_core.protocol import PauseRequest, Response, RunState
from hitl_core.testing.crashing import die
from tests.forking import KILLED, child, dies_at

from .desk import Desk, record, recorded
from .graphs import State, _line, breakpoint_after, breakpoint_before, breakpoint_in_a_subgraph

pytestmark = pytest.mark.processes

STEPS = ("a", "b", "c")


def line(dying: list[str], **breakpoints: Any) -> Callable[[Any], Any]:
    """a ─► b ─► c, each with an effect of its own name; `dying` kills its process after the effect."""

    def step(name: str) -> Callable[[State], State]:
        def node(state: State) -> State:
            record(name)
            if name in dying:
                die()
            return {}

        node.__name__ = name
        return node

    return lambda saver: _line(*map(step, STEPS), checkpointer=saver, **breakpoints)


def truthfully(request: PauseRequest) -> Response:
    """Approve; of a step in doubt, say "again" unless the ledger has its effect."""
    if not request.in_doubt:
        return request.approve(by="ann")
    happened = any(each["effect"] == request.action.origin.path[-1] for each in recorded())
    return request.choose("abort" if happened else "again", by="ann")


async def to_the_end(hitl: Runtime, run: Run, shown: list[PauseRequest]) -> Run:
    for _ in range(9):
        shown += run.pending
        for request in run.pending:
            await hitl.respond(truthfully(request))
        if run.state in (RunState.COMPLETED, RunState.FAILED):
            return run
        run = await hitl.resume(run.id)
    raise AssertionError(run)


@pytest.mark.parametrize("dies_in", STEPS)
@pytest.mark.parametrize("side", ["interrupt_before", "interrupt_after"])
@pytest.mark.parametrize("at", ["a", "b"])
def test_a_step_that_was_cut_off_is_in_doubt_and_not_a_breakpoint(
    tmp_path: Path, warm: None, at: str, side: str, dies_in: str
) -> None:
    dying = [dies_in]
    desk = Desk(line(dying, **{side: [at]}), tmp_path)

    async def dies() -> None:
        async with desk.open() as hitl:
            await to_the_end(hitl, await hitl.start({}), [])

    async def recovers() -> None:
        dying.clear()
        shown: list[PauseRequest] = []
        async with desk.open() as hitl:
            (known,) = (await hitl.runs()).items
            run = await to_the_end(hitl, await hitl.resume(known.id), shown)
        doubts = [each.action.origin.path[-1] for each in shown if each.in_doubt]
        assert (run.state, doubts) == (RunState.FAILED, [dies_in]), (run, shown)

    assert [child(dies), child(recovers)] == [KILLED, 0]
    assert desk.effects == list(STEPS[: STEPS.index(dies_in) + 1])


@pytest.mark.parametrize("build", [breakpoint_before, breakpoint_after, breakpoint_in_a_subgraph])
@pytest.mark.parametrize("method", ["aput", "aput_writes"])
@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5])
def test_killed_after_any_write_of_the_saver_it_goes_on(
    tmp_path: Path, warm: None, build: Any, method: str, nth: int
) -> None:
    """Between the writes of the approved step and the checkpoint after them, too."""
    desk = Desk(build, tmp_path)

    async def dies() -> None:
        dies_at(AsyncSqliteSaver, method, "after", nth)
        async with desk.open() as hitl:
            await to_the_end(hitl, await hitl.start({"order": "A"}), [])

    async def recovers() -> None:
        shown: list[PauseRequest] = []
        async with desk.open() as hitl:
            (known,) = (await hitl.runs()).items
            run = await to_the_end(hitl, await hitl.resume(known.id), shown)
        if run.state is not RunState.COMPLETED:
            assert any(each.in_doubt for each in shown), run

    assert child(dies) in (KILLED, 0), "0: this graph does not write that often"
    assert child(recovers) == 0
    assert desk.effects.count("paid") == 1
    assert desk.effects.count("told") <= 1
