"""Models that give two calls of one message the same id: each is asked about, and each has its own result (P31)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hitl_core.protocol import RunState

from . import agents
from .desk import GO, Desk, approve, recorded, reject
from .played import PlayedModel, call

Made = Callable[..., Desk]
WAYS = [agents.agent, agents.node_graph]


async def to_the_end(at: Desk, said: dict[str, Any]) -> tuple[Any, list[str]]:
    """Answer by the order that a request is about, until the run is over; and what was asked about."""
    run, asked = await at.start(GO), []
    for _ in range(6):
        orders = [str(request.action.arguments["order"]) for request in run.pending]
        asked += orders
        if run.state is not RunState.PAUSED:
            break
        run = await at.answer(run, *(said[order] for order in orders))
    return run, asked


@pytest.mark.parametrize("way", WAYS)
async def test_two_calls_with_one_id_are_two_calls(desk: Made, way: Any) -> None:
    twins = [call("refund", "same", order="A", amount=12), call("refund", "same", order="B", amount=99)]
    model = PlayedModel(turns=[twins, "done"])
    run, asked = await to_the_end(desk(way(model, [agents.refund])), {"A": approve, "B": approve})
    assert (run.state, sorted(asked)) == (RunState.COMPLETED, ["A", "B"])
    assert sorted((each["order"], each["amount"]) for each in recorded()) == [("A", 12), ("B", 99)]
    assert sorted(model.told()) == ["paid 12.0 for A", "paid 99.0 for B"]


@pytest.mark.parametrize("way", WAYS)
async def test_a_refusal_reaches_the_one_that_was_refused(desk: Made, way: Any) -> None:
    twins = [call("refund", "same", order="A", amount=12), call("refund", "same", order="B", amount=99)]
    at = desk(way(PlayedModel(turns=[twins, "done"]), [agents.refund]))
    run, _ = await to_the_end(at, {"A": reject, "B": approve})
    assert (run.state, [each["order"] for each in recorded()]) == (RunState.COMPLETED, ["B"])


@pytest.mark.parametrize("way", WAYS)
async def test_twins_that_are_equal_in_everything_need_two_answers(desk: Made, way: Any) -> None:
    twins = [call("refund", "same", order="A", amount=12)] * 2
    run, asked = await to_the_end(desk(way(PlayedModel(turns=[twins, "done"]), [agents.refund])), {"A": approve})
    assert (run.state, asked, len(recorded())) == (RunState.COMPLETED, ["A", "A"], 2)
    assert len({each["key"] for each in recorded()}) == 2
