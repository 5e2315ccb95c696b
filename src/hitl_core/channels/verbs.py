"""The verbs of decisions, the same in every channel: what somebody can do, and what they have done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..protocol import Reply

DO: Final[Mapping[Reply, str]] = {
    Reply.APPROVE: "approve",
    Reply.EDIT: "edit",
    Reply.REJECT: "reject",
    Reply.ANSWER: "answer",
    Reply.REPORT: "report",
    Reply.CHOOSE: "choose",
    Reply.ACCEPT: "accept",
    Reply.REVISE: "send back",
    Reply.ASK: "ask the agent",
    Reply.DELEGATE: "give on",
    Reply.TAKE_OVER: "speak",
    Reply.HAND_BACK: "hand back",
    Reply.CANCEL: "end the run",
}
"""As it stands on a button or beside a key."""

DONE: Final[Mapping[Reply, str]] = {
    Reply.APPROVE: "approved",
    Reply.EDIT: "approved with changes",
    Reply.REJECT: "rejected",
    Reply.ANSWER: "answered",
    Reply.REPORT: "reported",
    Reply.CHOOSE: "chose",
    Reply.ACCEPT: "accepted",
    Reply.REVISE: "sent back",
    Reply.ASK: "asked the agent",
    Reply.DELEGATE: "gave on",
    Reply.TAKE_OVER: "spoke in the agent's place",
    Reply.HAND_BACK: "handed back",
    Reply.CANCEL: "cancelled the run",
}
"""As it stands after somebody's name."""
