"""A conversation as a run's input: `{"messages": [{"role", "content"}, …]}`, the newest last. Pure.

A framework that keeps its threads is given the new message only; all others are given all of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from ..protocol import Json

_ROLES: Final = {"human": "user", "ai": "assistant", **{each: each for each in ("user", "assistant", "system", "tool")}}
"""Who speaks, by the `type` of LangChain's messages. Some frameworks have the class of a message there instead."""


class Message(NamedTuple):
    """A message as it was given: `role` "" is nobody's, `id` "" is for one that has none."""

    role: str
    content: Json
    id: str = ""


class Line(NamedTuple):
    """Who says what."""

    role: str
    text: str


def messages_in(input: Json) -> tuple[Message, ...]:
    """The messages of an input, in whichever form they come; none for an input without."""
    messages = input.get("messages") if isinstance(input, dict) else None
    return tuple(map(_message, messages)) if isinstance(messages, list) else ()


def conversation_of(input: Json) -> tuple[Line, ...]:
    """What is said in the messages of an input; none for an input without. Calls of tools and their results are left
    out: what came of them stands in what was said afterwards."""
    lines = (Line(each.role, text_of(each.content)) for each in messages_in(input))
    return tuple(line for line in lines if line.text and line.role != "tool")


def as_one_text(lines: Iterable[Line]) -> str:
    """A conversation for an agent that is given one text: what is to be answered, then what was said before."""
    *before, last = lines
    if not before:
        return last.text
    told = (f"{who}: {text}" for who, text in before)
    return "\n".join((last.text, "", "What was said before, oldest first:", *told))


def text_of(content: Json, *, between: str = "") -> str:
    """The words of a message: a text, or the texts among its parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return between.join(str(part["text"]) for part in parts if isinstance(part, dict) and "text" in part)


def _message(given: Json) -> Message:
    match given:
        case str():
            return Message("user", given)
        case [str(role), content]:
            return Message(_ROLES.get(role, role), content)
        case dict():
            id = given.get("id")
            return Message(_role(given), given.get("content"), id if isinstance(id, str) else "")
        case _:
            return Message("", None)


def _role(message: dict[str, Json]) -> str:
    """Whoever is not named is the user, if something is said."""
    named = str(message.get("role") or message.get("source") or "")
    by_type = _ROLES.get(str(message.get("type")), "user" if "content" in message else "")
    return _ROLES.get(named, named) or by_type
