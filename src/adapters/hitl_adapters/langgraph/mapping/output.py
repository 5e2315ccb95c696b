"""What comes out of a graph: its values as JSON for the run."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from hitl_core.protocol import Json
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
