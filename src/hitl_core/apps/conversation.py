"""A conversation as a run's input: `{"messages": [{"role", "content"}, …]}`, the newest last. Pure.

A framework that keeps its threads is given the new message only; all others are given all of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..protocol import Json


class Line(NamedTuple):
    """Who says what."""

    role: str
    text: str


def conversation_of(input: Json) -> tuple[Line, ...]:
    """What is said in the messages of an input; none for an input without. Calls of tools and their results are left
    out: what came of them stands in what was said afterwards."""
    messages = input.get("messages") if isinstance(input, dict) else None
    lines = (_line(each) for each in messages) if isinstance(messages, list) else ()
    return tuple(line for line in lines if line.text and line.role != "tool")


def as_one_text(lines: Iterable[Line]) -> str:
    """A conversation for an agent that is given one text: what is to be answered, then what was said before."""
    *before, last = lines
    if not before:
        return last.text
    told = (f"{who}: {text}" for who, text in before)
    return "\n".join((last.text, "", "What was said before, oldest first:", *told))


def _line(message: Json) -> Line:
    match message:
        case {"content": content, **rest}:
            return Line(str(rest.get("role") or rest.get("source") or "user"), text_of(content))
        case [str(role), content]:
            return Line(role, text_of(content))
        case str():
            return Line("user", message)
        case _:
            return Line("user", "")


def text_of(content: Json) -> str:
    """The words of a message: a text, or the texts among its parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(str(part["text"]) for part in parts if isinstance(part, dict) and "text" in part)
