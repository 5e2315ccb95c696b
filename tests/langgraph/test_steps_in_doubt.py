"""Which steps are in doubt after kill -9: those that may have had effects, each told from its siblings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from hitl_adapters.langgraph import OversightMiddleware
from hitl_core.commands import Look
from hitl_core.protocol import PauseRequest, RunState
from hitl_core.testing.clock import ManualClock
from hitl_core.testing.crashing import die
from tests.forking import KILLED, child, dies_at
from tests.tried_again import finds_away, worked

from . import agents, graphs
from .desk import GO, Desk, approve
from .played import PlayedModel, call

pytestmark = pytest.mark.processes


async def found_doubts(at: Desk) -> list[PauseRequest]:
    async with at.open() as hitl:
        (known,) = (await hitl.runs()).items
        return [each for each in (await hitl.resume(known.id)).pending if each.in_doubt]


@pytest.mark.parametrize("big", [False, True])
def test_each_step_shows_where_it_stood_and_what_it_was_given(tmp_path: Path, warm: None, big: bool) -> None:
    at = Desk(graphs.fan_out, tmp_path)
    orders = ["A" * 40_000, "B"] if big else ["A", "B"]

    async def dies() -> None:
        dies_at(AsyncSqliteSaver, "aput_writes", "before", 2)  # the first is that of the routing step
        await at.start({"orders": orders})

    async def asks() -> None:
        doubts = await found_doubts(at)
        assert [each.context.details["path"] for each in doubts] == ["__pregel_push/0", "__pregel_push/1"]
        given: list[Any] = [each.context.details["input"] for each in doubts]
        assert given[1] == {"order": "B"}
        assert "cannot be shown" in given[0] if big else given[0] == {"order": "A"}

    assert [child(dies), child(asks)] == [KILLED, 0]


def test_they_are_still_asked_about_if_who_took_the_run_over_could_not_ask(tmp_path: Path, warm: None) -> None:
    """Fails if a turn that ends before it has asked takes with it that there was a crash (turn.py)."""
    clock = ManualClock()
    at = Desk(graphs.fan_out, tmp_path, clock=clock)

    async def dies() -> None:
        dies_at(AsyncSqliteSaver, "aput_writes", "before", 2)
        await at.start({"orders": ["A", "B"]})

    async def asks() -> None:
        clock.advance(60)
        async with at.open() as hitl:
            (known,) = (await hitl.runs()).items
        assert (await worked(at, known, away=Look)).state is RunState.READY
        async with at.open() as hitl:
            finds_away(hitl, Look)
            assert (await hitl.resume(known.id)).state is RunState.FAILED
        assert [each.action.tool for each in await found_doubts(at)] == ["step one", "step one"]

    assert [child(dies), child(asks)] == [KILLED, 0]


class Around(AgentMiddleware[Any, Any, Any]):
    """Something of the app's own around each model call."""

    async def awrap_model_call(self, request: Any, handler: Callable[[Any], Any]) -> Any:
        return await handler(request)


def agent(*middleware: Any) -> Callable[[Any], Any]:
    def build(saver: Any) -> Any:
        model = PlayedModel(turns=[[call("refund", order="A", amount=12)], "done"])
        return create_agent(model, [agents.refund], middleware=[*middleware, OversightMiddleware()], checkpointer=saver)

    return build


@pytest.mark.parametrize("nth", [1, 2])
def test_the_model_of_an_agent_may_be_called_again(tmp_path: Path, warm: None, nth: int) -> None:
    assert _killed_in_the_model(Desk(agent(), tmp_path), nth) == []


def test_not_if_the_app_does_something_around_it(tmp_path: Path, warm: None) -> None:
    assert _killed_in_the_model(Desk(agent(Around()), tmp_path), 1) == ["step model"]


def _killed_in_the_model(at: Desk, nth: int) -> list[str]:
    names = at.folder / "names"

    async def dies() -> None:
        dies_at(PlayedModel, "_agenerate", "before", nth)
        run = await at.start(GO)
        await at.answer(run, approve)

    async def asks() -> None:
        names.write_text("\n".join(each.action.tool for each in await found_doubts(at)))

    assert [child(dies), child(asks)] == [KILLED, 0]
    return names.read_text().splitlines()


def test_behind_the_gate_no_step_is_in_doubt_that_did_not_begin(tmp_path: Path, warm: None) -> None:
    """Killed between the model's answer and the first question."""
    at = Desk(agent(), tmp_path)

    async def dies() -> None:
        from hitl_core.gate import Gate

        async def dying(*args: Any, **how: Any) -> Any:
            die()

        setattr(Gate, "propose", dying)  # noqa: B010
        await at.start(GO)

    async def goes_on() -> None:
        async with at.open() as hitl:
            (known,) = (await hitl.runs()).items
            run = await hitl.resume(known.id)
            assert [(each.in_doubt, each.action.tool) for each in run.pending] == [(False, "refund")]
            await hitl.respond(approve(run.pending[0]))
            assert (await hitl.resume(known.id)).state is RunState.COMPLETED

    assert [child(dies), child(goes_on)] == [KILLED, 0]
    assert at.effects == ["refund"]


def test_a_node_that_was_on_its_way_to_a_graph_is_in_doubt(tmp_path: Path, warm: None) -> None:
    """Its own code may have had effects before; a node that is a graph has none of its own."""
    at = Desk(graphs.in_a_graph_called_by_a_node, tmp_path)

    async def dies() -> None:
        inner, seen = AsyncSqliteSaver.aput, 0

        async def dying(self: Any, config: Any, *rest: Any) -> Any:
            nonlocal seen
            result = await inner(self, config, *rest)
            seen += bool(config["configurable"].get("checkpoint_ns"))
            if seen:
                die()
            return result

        setattr(AsyncSqliteSaver, "aput", dying)  # noqa: B010
        await at.start({"order": "A"})

    async def asks() -> None:
        assert [each.action.tool for each in await found_doubts(at)] == ["step calls_a_graph"]

    assert [child(dies), child(asks)] == [KILLED, 0]
    assert at.effects == ["called"]


async def test_who_asks_is_shown_by_name(tmp_path: Path) -> None:
    model = PlayedModel(turns=[[call("refund", order="A", amount=12)], "done"])
    run = await Desk(agents.agent(model, [agents.refund]), tmp_path).start(GO)
    assert run.pending[0].action.origin.path == ("desk", "tools")
