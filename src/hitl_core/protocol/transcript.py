"""The transcript: what was said in a thread, message by message. Kept to be shown again; nothing decides by it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import StringConstraints

from .canonical import sha256
from .record import Arguments, Instant, Name, Record, Text, TopRecord

SAID_LIMIT: Final = 262_144
"""Characters of one message that are kept; the rest is cut off."""

_NAME: Final = 256
"""Characters that the id of a message may have."""


class Role(StrEnum):
    """Who says something: whoever starts the run, the app (its model, an agent), or a tool.

    `state` is no one: its text is the app's own state as JSON, as it was when a turn ended. It is in no list.
    """

    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"
    STATE = "state"


class SaidCall(Record):
    """A tool that a message of the app calls: the call's id, the tool, and its arguments."""

    id: Name
    tool: Name
    arguments: Arguments


class Said(TopRecord):
    """One message of a thread, under an id that no other message of the thread has.

    `node` is the place in the app, `calls` are what an assistant calls, `call` is what a tool's text is the result of.
    `by` is the person whose words a user's are, if that is known. `cut`: not all of the text is kept.
    """

    id: Name
    run_id: Name
    role: Role
    text: Annotated[str, StringConstraints(max_length=SAID_LIMIT)] = ""
    node: Text = ""
    calls: tuple[SaidCall, ...] = ()
    call: Name | None = None
    by: Name | None = None
    cut: bool = False
    at: Instant

    def joined(self, later: Said) -> Self:
        """The message with what was heard of it later: the longer text, all its calls once; of a state, the later.

        Nothing of what somebody else says under its id: a page may name what its user says as it likes.
        """
        if later.role is not self.role:
            return self
        if later.role is Role.STATE:
            return self.model_copy(update={"text": later.text, "at": later.at} if later.text != self.text else {})
        known = {each.id for each in self.calls}
        longer = later if len(later.text) > len(self.text) else self
        calls = (*self.calls, *(each for each in later.calls if each.id not in known))
        node = self.node or later.node
        return self.model_copy(update={"text": longer.text, "cut": longer.cut, "calls": calls, "node": node})


def said_id(*names: str) -> str:
    """An id of these names, at most as long as an id may be: of a run and a place in it, the same at each replay."""
    name = ":".join(names)
    return name if len(name) <= _NAME else sha256(name.encode())


def asked_id(run_id: str) -> str:
    """The id of what a run was started with, unless that names its own."""
    return said_id(run_id, "input")


def result_id(run_id: str, call: str) -> str:
    """The id of the message that is the result of a call."""
    return said_id(run_id, call, "result")


def state_id(run_id: str) -> str:
    """The id of what is kept of an app's own state."""
    return said_id(run_id, "state")


def output_id(run_id: str) -> str:
    """The id of what a run gave in the end, where it has said nothing else."""
    return said_id(run_id, "output")
