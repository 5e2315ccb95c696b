"""What the agent does in a behaviour, in neutral words: no framework, no model, only turns of calls.

Scene.of(pay("A-1", 40.5))                    # one turn with one call, then the agent says "done"
Scene.of((pay("A-1", 1), pay("A-2", 2)))      # one turn, two calls at once
Scene.of(delegate(), helper=(pay("A-1"),))    # a sub-agent that pays
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

from ...protocol import Arguments, ClientTool, Json

ORDER: Final = "A-1042"
AMOUNT: Final = 40.5
OPTIONS: Final = ("red", "green")
HELPER: Final = "helper"
AGENT: Final = "clerk"
DONE: Final = "done"
UNDO_WINDOW: Final = timedelta(hours=1)
"""How long after it a note can be taken back."""

LOCATE: Final = ClientTool(
    name="locate",
    description="Ask the page where something is.",
    parameters={
        "type": "object",
        "properties": {"what": {"type": "string"}},
        "required": ["what"],
        "additionalProperties": False,
    },
)


@dataclass(frozen=True, slots=True)
class Call:
    """One call that the agent makes, and what it `says` in the same message."""

    tool: str
    arguments: Arguments = field(default_factory=dict)
    says: str = ""


Turn = Call | tuple[Call, ...]
"""One call, or the calls that the agent makes at once."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What the agent does, turn by turn; afterwards it says "done".

    helper: the turns of a sub-agent, which the agent calls as a tool. native: instead of all this, an unchanged app
    of the framework that pauses by itself: "approval" or "question". human: whom the agent can hand the conversation
    to. same_ids: the model gives the calls of every turn the same ids, as some local models do. lacks, redefines:
    tools that a changed app does not have any more, or has with another meaning. runs: how many runs of its thread the
    agent has an end for, where it hears in a run what it did in the one before.
    """

    turns: tuple[tuple[Call, ...], ...] = ()
    helper: tuple[tuple[Call, ...], ...] = ()
    native: str = ""
    human: str = ""
    same_ids: bool = False
    lacks: tuple[str, ...] = ()
    redefines: tuple[str, ...] = ()
    runs: int = 1

    @property
    def speaks(self) -> bool:
        """Whether the agent says anything with its calls."""
        return any(call.says for turn in (*self.turns, *self.helper) for call in turn)

    @property
    def client(self) -> tuple[ClientTool, ...]:
        """The client tools that its runs are started with: those that the agent calls."""
        called = {call.tool for turn in self.turns for call in turn}
        return (LOCATE,) if LOCATE.name in called else ()

    @classmethod
    def of(cls, *turns: Turn, helper: tuple[Turn, ...] = (), human: str = "", same_ids: bool = False) -> Scene:
        return cls(_turns(turns), _turns(helper), human=human, same_ids=same_ids)

    def of_runs(self, count: int) -> Scene:
        """The same agent in as many runs of one thread."""
        return replace(self, runs=count)

    def lacking(self, tool: str) -> Scene:
        """The same agent in an app that has no such tool any more."""
        return replace(self, lacks=(*self.lacks, tool))

    def redefining(self, tool: str) -> Scene:
        """The same agent in an app whose tool of that name says that it does something else."""
        return replace(self, redefines=(*self.redefines, tool))


def native(pause: str) -> Scene:
    """An unchanged app that pauses in its framework's own way; its input is `{"task": TEXT}`.

    "approval": it asks whether to pay order A-1042, and pays if and only if the answer is yes.
    "question": it asks for a text, and the agent hears it.
    """
    return Scene(native=pause)


def pay(order: str = ORDER, amount: Any = AMOUNT) -> Call:
    """Irreversible; the amount must be a number above 0."""
    return Call("pay", {"order": order, "amount": amount})


def note(text: str = "noted") -> Call:
    """Can be taken back."""
    return Call("note", {"text": text})


def ship(order: str = ORDER) -> Call:
    """Safe to repeat with the same key."""
    return Call("ship", {"order": order})


def book(order: str = ORDER) -> Call:
    """Commits in the store's own transaction."""
    return Call("book", {"order": order})


def reserve(order: str = ORDER) -> Call:
    """Returns an object, which its undo is given."""
    return Call("reserve", {"order": order})


def weigh(order: str = ORDER) -> Call:
    """Can be taken back; its result may be any JSON."""
    return Call("weigh", {"order": order})


def fail(order: str = ORDER) -> Call:
    """Has its effect, then raises."""
    return Call("fail", {"order": order})


def ask(question: str = "Why is it due?") -> Call:
    """A question to people."""
    return Call("ask", {"question": question})


def pick(question: str = "Which one?") -> Call:
    """A choice between `OPTIONS`."""
    return Call("pick", {"question": question})


def show(content: str = "Dear A.") -> Call:
    """A draft for review."""
    return Call("show", {"content": content})


def locate(what: Any = "the shop") -> Call:
    """A client tool: whoever has started the run carries it out."""
    return Call(LOCATE.name, {"what": what})


def delegate(task: str = "pay it") -> Call:
    """The agent calls its sub-agent."""
    return Call(HELPER, {"task": task})


def hand_over(to: str) -> Call:
    """The agent hands the conversation to a person, with the tool name that frameworks use for it."""
    return Call(f"transfer_to_{to}")


def saying(words: str, call: Call) -> Call:
    """The call with the agent's words beside it."""
    return replace(call, says=words)


def words_of(turn: tuple[Call, ...]) -> str:
    """What the agent says in the message that makes these calls."""
    return " ".join(call.says for call in turn if call.says)


def messages_of(input: Json) -> list[str]:
    """The texts of the conversation that a run was given, oldest first; none if its input is not one."""
    found = input.get("messages") if isinstance(input, dict) else None
    return [str(each["content"]) for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _turns(turns: tuple[Turn, ...]) -> tuple[tuple[Call, ...], ...]:
    return tuple((turn,) if isinstance(turn, Call) else turn for turn in turns)
