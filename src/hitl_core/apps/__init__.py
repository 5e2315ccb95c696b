"""What runs under oversight: an app in its framework's own idiom, or an AgentSpec that any backend can build."""

from __future__ import annotations

from .conversation import Line, Message, as_one_text, conversation_of, messages_in, text_of
from .source import AppSource
from .spec import AgentSpec, ModelSpec, room_faults

__all__ = [
    "AgentSpec",
    "AppSource",
    "Line",
    "Message",
    "ModelSpec",
    "as_one_text",
    "conversation_of",
    "messages_in",
    "room_faults",
    "text_of",
]
