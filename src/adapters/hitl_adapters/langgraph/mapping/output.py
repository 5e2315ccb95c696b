"""What comes out of a graph: its values as JSON for the run, and its stream as live events for those who watch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage

from hitl_core.protocol import Json, LiveEvent, LiveKind
from hitl_core.tools import as_json


def output_of(value: Any) -> Json:
    """The graph's final value as JSON. A message list becomes `answer`, the last text that the agent wrote."""
    if not isinstance(value, dict):
        return plain(value)
    kept = {str(name): plain(each) for name, each in value.items() if name not in ("__interrupt__", "messages")}
    messages = value.get("messages")
    if isinstance(messages, list):
        kept["answer"] = last_text(messages)
    return kept


def last_text(messages: list[Any]) -> str:
    """The last text that the agent wrote, or ""."""
    said = (message.text for message in reversed(messages) if isinstance(message, AIMessage) and message.text)
    return str(next(said, ""))


def plain(value: Any) -> Json:
    """Any value as JSON; what has no JSON form becomes its text."""
    if isinstance(value, BaseMessage):
        return {"role": value.type, "content": str(value.text)}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    try:
        return as_json(value)
    except (TypeError, ValueError):
        return str(value)


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
