"""What people and agents say: a run's input, its output, a conversation to read, and live events. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, cast

from agents import StreamEvent, TResponseInputItem
from agents.models.fake_id import FAKE_RESPONSES_ID
from pydantic import BaseModel

from hitl_core.apps import text_of
from hitl_core.protocol import Json, LiveEvent, LiveKind
from hitl_core.tools import as_json

_SHOWN: Final = 20
_LENGTH: Final = 2000


def input_of(value: Json) -> str | list[TResponseInputItem]:
    """A run's input as the SDK takes it: items of a conversation, or the user's message."""
    if isinstance(value, dict) and isinstance(value.get("messages"), list):
        return [item for each in cast("list[Any]", value["messages"]) if (item := _message(each)) is not None]
    if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        return cast("list[TResponseInputItem]", value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {each}" for name, each in value.items())
    return value if isinstance(value, str) else str(value)


def _message(value: Any) -> TResponseInputItem | None:
    """A message as an item. Messages of a page have more in them than the SDK takes; calls and results are left out."""
    if isinstance(value, list) and len(value) == 2:
        value = {"role": value[0], "content": value[1]}
    if _is_of_a_tool(value):
        return None
    if not isinstance(value, dict) or "type" in value or not _is_text(value.get("content")):
        return cast("TResponseInputItem", value)
    text, role = text_of(value["content"]), value.get("role", "user")
    return cast("TResponseInputItem", _spoken(text) if role == "assistant" else {"role": role, "content": text})


def _spoken(text: str) -> dict[str, Json]:
    """What the agent has said, as a model's answer: a shorter form does not come back from a state that was kept."""
    part: Json = {"type": "output_text", "text": text, "annotations": []}
    return {
        "id": FAKE_RESPONSES_ID,
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }


def _is_of_a_tool(value: Any) -> bool:
    return isinstance(value, dict) and "type" not in value and (value.get("role") == "tool" or not value.get("content"))


def _is_text(content: Any) -> bool:
    if not isinstance(content, list):
        return isinstance(content, str)
    return bool(content) and all(isinstance(each, dict) and each.get("type") == "text" for each in content)


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


def step_of(run: str, event: StreamEvent) -> LiveEvent | None:
    """The step that a part of the SDK's stream says, if it says one."""
    if event.type != "agent_updated_stream_event":
        return None
    return LiveEvent(run_id=run, kind=LiveKind.STEP, node=event.new_agent.name)


def delta_of(event: Any) -> str:
    """The words in a part of a model's stream."""
    delta = getattr(event, "delta", None)
    return delta if event.type == "response.output_text.delta" and isinstance(delta, str) else ""


def calls_in(output: Sequence[Any]) -> Iterator[tuple[str, str, Any]]:
    """The calls in an answer as the journal has it: id, tool and arguments of each."""
    for item in output:
        call_id = item.get("call_id")
        if isinstance(call_id, str):
            given: Any = next((item[key] for key in ("arguments", "action", "operation", "input") if key in item), {})
            yield call_id, str(item.get("name") or item.get("type", "")), given


def results_in(items: Sequence[Any]) -> Iterator[tuple[str, str]]:
    """What came of calls in a conversation: the id of each, and its result as the model reads it."""
    for item in items:
        if isinstance(item, dict) and str(item.get("type", "")).endswith("_output") and item.get("call_id"):
            output = item.get("output")
            yield str(item["call_id"]), output if isinstance(output, str) else _text(output) or json.dumps(output)


def record_of(item: TResponseInputItem) -> Json:
    """What is of an item in its conversation, whichever way the SDK's state writes it down."""
    raw = cast("dict[str, Any]", item)
    kind = str(raw.get("role") or raw.get("type", ""))
    return [kind, str(raw.get("call_id", "")), str(raw.get("arguments", "")), _text(raw.get("content"))]


def guidance_item(text: str) -> TResponseInputItem:
    """A person's guidance as an item of a conversation."""
    return {"role": "user", "content": text}
