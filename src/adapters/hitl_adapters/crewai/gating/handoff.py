"""Handing the conversation to a person: they have the floor for as many turns as they take, and give it back."""

from __future__ import annotations

from hitl_core.gate import Form
from hitl_core.protocol import Action, HandBack, Json, Kind, Origin, TakeOver

from ..suspend import scope, the_run
from .lifting import decided_at


def hand_over(tool: str, to: str, message: str) -> str:
    """What the person said in all their turns. Each is a request with a place of its own. Raises Suspended."""
    now = the_run(tool)
    agents = scope().agents
    origin = Origin(agent=agents[-1] if agents else None, path=agents)
    said: list[Json] = []
    while True:
        action = Action(tool=tool, arguments={"message": message, "said": list(said)}, origin=origin)
        form = Form(kind=Kind.HANDOFF, title=message or f"{to}, the conversation is yours")
        settled = decided_at(now, action, now.place("turn"), form)
        match settled.response.decision if settled.response is not None else None:
            case TakeOver(text=text):
                said.append(text)
            case HandBack(text=text):
                return "\n".join(f"{to}: {each}" for each in (*said, text) if each) or f"{to} gave it back."
            case _:
                return f"{to} did not take the conversation ({settled.state}). Go on without them."
