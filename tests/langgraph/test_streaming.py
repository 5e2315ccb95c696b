"""Live events of a run: text and tool calls as they come, steps, what the app itself says, pauses and ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.config import get_stream_writer
from pydantic import SecretStr

from hitl_adapters.langgraph import OversightMiddleware
from hitl_core.protocol import LiveEvent, LiveKind
from hitl_core.testing.scripted_model import Call, Script, ScriptedModel, Step

from . import graphs
from .desk import Desk, approve
from .test_gated_tools import in_threads

SCRIPT = Script.of(
    Step(say="I shall pay it back.", call=(Call(name="refund", arguments={"order": "A", "amount": 12}),)),
    Step(say="Done, it is paid back."),
)


@tool
async def refund(order: str, amount: float) -> str:
    """Pay back."""
    get_stream_writer()({"progress": "half"})
    return f"paid {amount}"


def kinds(events: list[LiveEvent]) -> list[LiveKind]:
    return list(dict.fromkeys(event.kind for event in events))


async def test_an_agent_is_watched_through_a_pause(desk: Callable[..., Desk]) -> None:
    with ScriptedModel(SCRIPT) as model:

        def build(saver: Any) -> Any:
            given: dict[str, Any] = {"model": "m", "base_url": model.base_url, "api_key": SecretStr("test")}
            chat = ChatOpenAI(**given)
            return create_agent(chat, [refund], middleware=[OversightMiddleware()], checkpointer=saver)

        at = desk(build)
        async with at.open() as hitl:
            before = [event async for event in hitl.stream({"messages": [["user", "go"]]})]
        run_id = before[0].run_id
        assert kinds(before)[0] is LiveKind.STARTED
        assert kinds(before)[-1] is LiveKind.PAUSED
        assert {LiveKind.TEXT, LiveKind.TOOL_CALL, LiveKind.STEP} <= set(kinds(before))
        assert "".join(e.text for e in before if e.kind is LiveKind.TEXT) == "I shall pay it back."
        assert len([e for e in before if e.kind is LiveKind.TEXT]) > 1
        (said,) = {e.id for e in before if e.kind is LiveKind.TEXT}
        (call,) = [e for e in before if e.kind is LiveKind.TOOL_CALL]
        assert call.data == {"tool": "refund", "arguments": {"order": "A", "amount": 12}, "message": said}

        async with at.open() as hitl:
            run = await hitl.run(run_id)
            await hitl.respond(approve(run.pending[0]))
            after = [event async for event in hitl.stream_resume(run_id)]
        assert kinds(after)[-1] is LiveKind.COMPLETED
        assert [e.data for e in after if e.kind is LiveKind.CUSTOM] == [{"progress": "half"}]
        assert [(e.id, e.text) for e in after if e.kind is LiveKind.TOOL_RESULT] == [(call.id, "paid 12.0")]
        assert call.id not in {e.id for e in after if e.kind is LiveKind.TOOL_CALL}
        assert "".join(e.text for e in after if e.kind is LiveKind.TEXT) == "Done, it is paid back."


async def test_a_watched_graph_ends_like_any_other(desk: Callable[..., Desk]) -> None:
    at = desk(graphs.functional, options={"codecs": {"desk": "boolean"}})
    async with at.open() as hitl:
        events = [event async for event in hitl.stream({"order": "A"})]
        run = await hitl.run(events[0].run_id)
        await hitl.respond(approve(run.pending[0]))
        events = [event async for event in hitl.stream_resume(run.id)]
        run = await hitl.run(run.id)
    assert (kinds(events)[-1], run.output) == (LiveKind.COMPLETED, "paid")


async def test_a_graph_in_a_thread_says_at_least_when_it_starts_pauses_and_ends(
    desk: Callable[..., Desk], tmp_path: Path
) -> None:
    at = desk(graphs.in_a_node, saver=in_threads)
    async with at.open() as hitl:
        events = [event async for event in hitl.stream({"order": "A"})]
        assert (kinds(events)[0], kinds(events)[-1]) == (LiveKind.STARTED, LiveKind.PAUSED)
        run = await hitl.run(events[0].run_id)
        await hitl.respond(approve(run.pending[0]))
        events = [event async for event in hitl.stream_resume(run.id)]
    assert (kinds(events)[0], kinds(events)[-1]) == (LiveKind.STARTED, LiveKind.COMPLETED)
