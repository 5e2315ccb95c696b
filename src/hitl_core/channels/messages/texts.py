"""What a message says in plain text. Facts come from code; what the agent says of itself stays in the inbox."""

from __future__ import annotations

from typing import Final

from ...protocol import Kind, PauseRequest
from ..plain_text import visible
from .message import Item, Message

_LONGEST: Final = 300
"""Characters of one line: the inbox shows the rest."""


def subject_of(message: Message) -> str:
    """One line that says what it is about."""
    if len(message.items) == 1:
        return title_of(message.items[0].request)
    return f"{len(message.items)} requests wait for you"


def body_of(message: Message) -> str:
    """The requests in order, each with its link."""
    return "\n\n".join("\n".join(lines_of(item)) for item in message.items)


def title_of(request: PauseRequest) -> str:
    sign = "For your information" if request.kind is Kind.NOTICE else "Waits for you"
    return f"{sign}: {short(request.title)}"


def lines_of(item: Item) -> list[str]:
    """What will happen, why it was asked, until when, and where to answer."""
    request, shown = item.request, item.request.preview
    facts = [("", shown.effect), ("Target: ", shown.target), ("Affects: ", shown.affects), ("Leaves: ", shown.leaves)]
    facts += [("Cost: ", shown.cost), ("Asked because: ", request.because.why)]
    lines = [title_of(request), *(f"{name}{short(text)}" for name, text in facts if text)]
    lines += [f"Warning: {short(warning)}" for warning in shown.warnings]
    if shown.reversible is False:
        lines.append("It cannot be taken back.")
    if request.deadline is not None:
        lines.append(
            f"Until {request.deadline:%Y-%m-%d %H:%M} UTC; after that: {request.on_timeout.replace('_', ' ')}."
        )
    if item.more:
        lines.append(f"{item.more} more of this agent wait in the inbox.")
    return [*lines, item.link]


def short(text: str) -> str:
    """Text from anywhere on one line, what cannot be seen written out."""
    shown = visible(text)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]} …"
