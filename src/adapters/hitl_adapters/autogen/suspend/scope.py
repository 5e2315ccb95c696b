"""Where we are in a run: its turn, the agents from the root down to the one that acts, and places by counting."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

from autogen_core import CancellationToken, FunctionCall

from hitl_core.contracts import Turn
from hitl_core.errors import HitlError
from hitl_core.gate import Gate
from hitl_core.protocol import (
    LiveEvent,
    LiveKind,
    PauseRequest,
    call_event,
    result_event,
    said_id,
    sha256,
    text_event,
)

from .batch import Batch
from .memory import Memory
from .talk import Talk

_LONGEST_PLACE: Final = 300


class Suspended(BaseException):
    """This turn waits for people, or cannot go on. Not an Exception: AutoGen turns those into answers or errors of the
    whole team, and a team that has had an error cannot be saved (research/autogen.md §1.3)."""


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass(slots=True)
class Current:
    """What one stretch of a run knows."""

    turn: Turn
    memory: Memory
    talk: Talk = field(init=False)
    token: CancellationToken = field(default_factory=CancellationToken)
    lifted: dict[str, PauseRequest] = field(default_factory=dict)
    waits: dict[str, None] = field(default_factory=dict)
    """The places that wait for people, in order."""
    used: list[str] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    """Where the newest call of each id was told to be, for agents that call in an order of their own."""
    reached: set[str] = field(default_factory=set)
    asked_again: set[str] = field(default_factory=set)
    floor: dict[str, str] = field(default_factory=dict)
    """Who handed the conversation to a person that has the floor, by the person's place."""
    error: Exception | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    failure: HitlError | None = None
    over: bool = False
    at_work: set[asyncio.Task[object]] = field(default_factory=set)
    idle: asyncio.Event = field(default_factory=_set)
    """Set while no gated call is at work."""

    def __post_init__(self) -> None:
        self.talk = Talk(self.memory)

    @property
    def gate(self) -> Gate:
        return self.turn.gate

    def waiting(self, place: str) -> Suspended:
        """What to raise at a place that waits for people."""
        self.waits[place] = None
        return Suspended(f"{place} waits for people")

    def halt(self, error: HitlError) -> None:
        """End this stretch for an error of ours, whatever the framework would make of it."""
        self.failure = self.failure or error
        self.ended.set()

    async def written(self) -> None:
        """Wait until all that is known is kept, before anything that could have an effect."""
        try:
            await self.memory.written()
        except HitlError as exc:  # a team would make it an error of its own
            self.halt(exc)
            raise

    def emit(self, event: LiveEvent) -> None:
        """Tell who watches."""
        if self.turn.watched:
            self.turn.emit(event)

    @contextmanager
    def working(self) -> Iterator[None]:
        """While the running task carries out a gated call."""
        task = asyncio.current_task()
        assert task is not None
        self.at_work.add(task)
        self.idle.clear()
        try:
            yield
        finally:
            self.at_work.discard(task)
            if not self.at_work:
                self.idle.set()


@dataclass(slots=True)
class Scope:
    """One turn of an agent or a team, or a call inside it. `counts` numbers what happens in it, in its own order."""

    now: Current
    place: str = ""
    path: tuple[str, ...] = ()
    called: bool = False
    """Inside a tool call: errors are the caller's to see, as the framework has it."""
    inside: str = ""
    """The call that the agents here were made for; "" for those that go on from turn to turn."""
    counts: Counter[str] = field(default_factory=Counter)
    batch: Batch | None = None
    stuck: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when everything in the batch that could be done is done and something waits."""

    @property
    def depth(self) -> int:
        return len(self.path)

    def next(self, name: str) -> str:
        """The place of what `name` does now. It stays the same until `passed`."""
        return _short(f"{self.place}>{name}.{self.counts[name]}" if self.place else f"{name}.{self.counts[name]}")

    def passed(self, name: str) -> None:
        self.counts[name] += 1

    def step(self, name: str) -> str:
        """The place of the next one, counted at once."""
        place = self.next(name)
        self.passed(name)
        return place

    def turn_of(self, name: str) -> Scope:
        """The scope of the turn that `name` has now."""
        return Scope(self.now, self.next(name), (*self.path, name), self.called, self.inside)

    def call(self, place: str, *, anew: bool = False) -> Scope:
        """The scope of whatever a tool call starts; `anew` if the agent in it knows nothing of earlier calls."""
        return Scope(self.now, place, self.path, called=True, inside=place if anew else self.inside)

    # ── who watches ──────────────────────────────────────────────────────────────────────────────────────────

    def enters(self) -> None:
        """Tell of a step: whose turn it is."""
        self.now.emit(LiveEvent(run_id=self.now.turn.run.id, kind=LiveKind.STEP, node=self._node))

    def says(self, answer: str, text: str) -> None:
        """Tell the next words of the answer at a place."""
        self.now.emit(text_event(self.now.turn.run.id, self._name(answer), text, node=self._node))

    def calls(self, answer: str, calls: Sequence[FunctionCall]) -> None:
        """Tell the calls in the answer at a place; each by its own, which no other call of the run has."""
        for number, call in enumerate(calls):
            self.tells_call(f"{answer}.{number}", call.name, call.arguments, answer=answer)

    def tells_call(self, place: str, tool: str, arguments: Any, *, answer: str = "") -> None:
        message, run = self._name(answer) if answer else "", self.now.turn.run.id
        self.now.emit(call_event(run, self._name(place), tool, arguments, message=message, node=self._node))

    def came(self, place: str, result: str) -> None:
        """Tell what came of the call at a place."""
        self.now.emit(result_event(self.now.turn.run.id, self._name(place), result, node=self._node))

    def _name(self, place: str) -> str:
        return said_id(self.now.turn.run.id, place)

    @property
    def _node(self) -> str:
        return "/".join(self.path)

    @property
    def conversation(self) -> str:
        """What tells the conversation of the agent here from all others."""
        return _short("/".join((self.inside, *self.path)))


_scope: ContextVar[Scope | None] = ContextVar("hitl_autogen_scope", default=None)


def current_scope() -> Scope | None:
    """Where the running task is, or None outside a run."""
    return _scope.get()


@contextmanager
def entered(scope: Scope) -> Iterator[Scope]:
    """Make `scope` the current one for the body and for every task that it starts."""
    token = _scope.set(scope)
    try:
        yield scope
    finally:
        _scope.reset(token)


def enter(scope: Scope) -> None:
    """Make `scope` the current one for good; for a context of its own."""
    _scope.set(scope)


def _short(place: str) -> str:
    return place if len(place) <= _LONGEST_PLACE else f"{sha256(place.encode())}:{place[-80:]}"
