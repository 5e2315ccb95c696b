"""A run's input as a task, and what came of it as JSON."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from autogen_agentchat.messages import BaseChatMessage, StructuredMessage, TextMessage
from pydantic import BaseModel

from hitl_core.apps import conversation_of
from hitl_core.protocol import Json
from hitl_core.tools import as_json


def as_task(value: Json) -> list[BaseChatMessage]:
    """Any JSON input as the messages that start a team or an agent."""
    if said := conversation_of(value):
        return [TextMessage(content=text, source=_source(role)) for role, text in said]
    if isinstance(value, dict) and isinstance(value.get("task"), str) and len(value) == 1:
        return [TextMessage(content=str(value["task"]), source="user")]
    return [TextMessage(content=value if isinstance(value, str) else _sentence(value), source="user")]


def _source(role: str) -> str:
    """A name that model clients take: letters, digits, `_` and `-`."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", role)[:64]


def _sentence(value: Json) -> str:
    if not isinstance(value, dict):
        return str(value)
    return ", ".join(f"{name}: {each}" for name, each in value.items())


def output_of(messages: Sequence[Any], stop_reason: str | None = None) -> Json:
    """The last thing that was said, and, for a team, why it stopped."""
    chat = [message for message in messages if isinstance(message, BaseChatMessage)]
    output: dict[str, Json] = {"answer": text_of(chat[-1]) if chat else ""}
    if chat and isinstance(chat[-1], StructuredMessage):
        output["content"] = _structure(chat[-1])
    return output if stop_reason is None else {**output, "stop_reason": stop_reason}


def _structure(message: StructuredMessage[Any]) -> Json:
    content = message.content
    return as_json(content.model_dump(mode="json") if isinstance(content, BaseModel) else content)


def text_of(message: BaseChatMessage) -> str:
    """The words of a message."""
    return message.to_text()
