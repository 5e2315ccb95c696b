"""LangGraph's stream as live events for those who watch a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

from langchain_core.messages import AIMessageChunk, BaseMessage

from hitl_core.protocol import Json, LiveEvent, LiveKind

from .output import plain

MODES: Final = ("values", "updates", "messages", "custom")
"""What is asked of LangGraph when somebody watches."""


def live_events(run: str, namespace: tuple[str, ...], mode: str, part: Any) -> Iterator[LiveEvent]:
    """What a part of LangGraph's stream means for those who watch."""
    node = "/".join(name.partition(":")[0] for name in namespace)
    if mode == "messages":
        yield from _message_events(run, node, part[0], part[1])
    elif mode == "custom":
        yield LiveEvent(run_id=run, kind=LiveKind.CUSTOM, node=node, data=plain(part))
    elif mode == "updates":
        for name in part:
            if name != "__interrupt__":
                yield LiveEvent(run_id=run, kind=LiveKind.STEP, node="/".join(filter(None, (node, name))))


def _message_events(run: str, node: str, message: BaseMessage, metadata: dict[str, Any]) -> Iterator[LiveEvent]:
    where = node or str(metadata.get("langgraph_node", ""))
    if isinstance(message, AIMessageChunk):
        yield from _model_events(run, where, message)
    elif message.type == "tool":
        data = {"tool_call_id": getattr(message, "tool_call_id", None)}
        yield LiveEvent(
            run_id=run, kind=LiveKind.TOOL_RESULT, node=where, text=str(message.text), data=cast("Json", data)
        )


def _model_events(run: str, node: str, chunk: AIMessageChunk) -> Iterator[LiveEvent]:
    """Deltas of one message; all carry the message's id."""
    name = chunk.id or ""
    if chunk.text:
        yield LiveEvent(run_id=run, kind=LiveKind.TEXT, node=node, id=name, text=chunk.text)
    for call in chunk.tool_call_chunks:
        data = {key: call.get(key) for key in ("name", "args", "id", "index")}
        yield LiveEvent(run_id=run, kind=LiveKind.TOOL_CALL, node=node, id=name, data=cast("Json", data))
