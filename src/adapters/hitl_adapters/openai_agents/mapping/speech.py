"""What people and agents say: a run's input, its output, a conversation to read, and live events. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, cast

from agents import StreamEvent, TResponseInputItem
from pydantic import BaseModel

from hitl_core.protocol import Json, LiveEvent, LiveKind
from hitl_core.tools import as_json

_SHOWN: Final = 20
_LENGTH: Final = 2000


def input_of(value: Json) -> str | list[TResponseInputItem]:
    """A run's input as the SDK takes it: items of a conversation, or the user's message."""
    if isinstance(value, dict) and isinstance(value.get("messages"), list):
        return [_message(each) for each in cast("list[Any]", value["messages"])]
    if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        return cast("list[TResponseInputItem]", value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {each}" for name, each in value.items())
    return value if isinstance(value, str) else str(value)


def _message(value: Any) -> TResponseInputItem:
    if isinstance(value, list) and len(value) == 2:
        return cast("TResponseInputItem", {"role": value[0], "content": value[1]})
    return cast("TResponseInputItem", value)


def answer_of(output: Any) -> Json:
    """The final output as JSON: a text is the `answer`, structured output is itself."""
    if isinstance(output, str):
        return {"answer": output}
    try:
        return as_json(output.model_dump(mode="json") if isinstance(output, BaseModel) else output)
    except (TypeError, ValueError):
        return {"answer": str(output)}


def conversation(items: Sequence[Any]) -> list[Json]:
    """The last of a conversation, for a person to read: who said what, and which tools were called."""
    lines = [line for item in items if (line := _line(item))]
    return cast("list[Json]", lines[-_SHOWN:])


def _line(item: Any) -> dict[str, Json] | None:
    raw = item if isinstance(item, dict) else item.model_dump(exclude_none=True)
    if raw.get("type") == "function_call":
        return {"role": "tool", "text": f"{raw.get('name')}({raw.get('arguments', '')})"[:_LENGTH]}
    if raw.get("type") == "function_call_output":
        return {"role": "tool", "text": _text(raw.get("output"))[:_LENGTH]}
    if raw.get("role") in ("user", "assistant"):
        return {"role": str(raw["role"]), "text": _text(raw.get("content"))[:_LENGTH]}
    return None


def words_in(output: Sequence[Any]) -> str:
    """What a model says in an answer, apart from its calls and from what it thinks."""
    messages = (each.get("content") for each in output if each.get("type") == "message")
    return "\n\n".join(filter(None, map(_text, messages)))


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts: Iterable[Any] = content if isinstance(content, list) else []
    return " ".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))


def events_of(run: str, event: StreamEvent) -> Iterator[LiveEvent]:
    """What a part of the SDK's stream means for those who watch."""
    if event.type == "raw_response_event":
        delta = getattr(event.data, "delta", None)
        if event.data.type == "response.output_text.delta" and isinstance(delta, str):
            name = str(getattr(event.data, "item_id", ""))
            yield LiveEvent(run_id=run, kind=LiveKind.TEXT, id=name, text=delta)
    elif event.type == "agent_updated_stream_event":
        yield LiveEvent(run_id=run, kind=LiveKind.STEP, node=event.new_agent.name)
    elif event.type == "run_item_stream_event":
        yield from _item_events(run, event.name, event.item)


def _item_events(run: str, name: str, item: Any) -> Iterator[LiveEvent]:
    node = str(getattr(getattr(item, "agent", None), "name", ""))
    raw = item.raw_item if isinstance(item.raw_item, dict) else item.raw_item.model_dump(mode="json", exclude_none=True)
    if name == "tool_called":
        data = {key: raw.get(key) for key in ("call_id", "name", "arguments") if raw.get(key) is not None}
        yield LiveEvent(run_id=run, kind=LiveKind.TOOL_CALL, node=node, data=cast("Json", data))
    elif name == "tool_output":
        data = {"call_id": raw.get("call_id")}
        text = item.output if isinstance(item.output, str) else str(item.output)
        yield LiveEvent(run_id=run, kind=LiveKind.TOOL_RESULT, node=node, text=text[:65_536], data=cast("Json", data))


def record_of(item: TResponseInputItem) -> Json:
    """What is of an item in its conversation, whichever way the SDK's state writes it down."""
    raw = cast("dict[str, Any]", item)
    kind = str(raw.get("role") or raw.get("type", ""))
    return [kind, str(raw.get("call_id", "")), str(raw.get("arguments", "")), _text(raw.get("content"))]


def guidance_item(text: str) -> TResponseInputItem:
    """A person's guidance as an item of a conversation."""
    return {"role": "user", "content": text}
