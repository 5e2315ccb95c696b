"""The turn that drives a crew now: what it knows, what waits in it, and the exception that ends it softly."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Coroutine, Iterable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

from crewai.hooks.dispatch import HookAborted

from hitl_core.contracts import Turn
from hitl_core.errors import NoRun, Stopped
from hitl_core.gate import Gate
from hitl_core.protocol import (
    Action,
    Json,
    LiveEvent,
    LiveKind,
    PauseRequest,
    call_event,
    canonical,
    result_event,
    said_id,
    sha256,
    text_event,
)

from ..errors import PAUSED
from .places import Scope, scope, short
from .talk import Talk

T = TypeVar("T")


class Suspended(HookAborted):
    """Ends the turn inside CrewAI: it is the only kind that is not retried, swallowed or lost (and never hangs)."""

    def __init__(self) -> None:
        super().__init__(reason=PAUSED, source="hitl")


@dataclass(eq=False)
class Current:
    """One turn of one run. Used from all of CrewAI's threads."""

    turn: Turn
    journal: dict[str, Json]
    waited: frozenset[str] = frozenset()
    safe: frozenset[str] = frozenset()
    waiting: list[str] = field(default_factory=list)
    used: list[str] = field(default_factory=list)
    reached: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)
    lifted: dict[str, PauseRequest] = field(default_factory=dict)
    talk: Talk = field(default_factory=Talk)
    native: Any = None
    failure: BaseException | None = None
    over: bool = False
    futures: list[Future[Any]] = field(default_factory=list)
    _order: dict[str, int] = field(default_factory=dict)
    _counts: Counter[str] = field(default_factory=Counter)
    _reserved: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    _suspended: set[str] = field(default_factory=set)
    _shown: dict[str, Json] = field(default_factory=dict)
    _lost: set[str] = field(default_factory=set)
    _attempts: dict[tuple[str, int], int] = field(default_factory=dict)
    _flows: dict[int, tuple[Any, Scope]] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def gate(self) -> Gate:
        return self.turn.gate

    def blocking(self, step: Coroutine[Any, Any, T]) -> T:
        """Wait for a step of the gate, from one of CrewAI's threads."""
        return self.gate.blocking(step)

    # ── places ───────────────────────────────────────────────────────────────────────────────────────────────

    def place(self, name: str, content: Json = None) -> str:
        """The place of the next `name` with this content in the scope we are in."""
        return self._nth(scope().path, name, content)

    def reserve(self, call_id: str, name: str, content: Json) -> str:
        """Give a tool call that a model asked for its place, in the order of asking; threads come for it later."""
        path = scope().path
        place = self._nth(path, name, content)
        with self._lock:
            self._order.setdefault(place, len(self._order))
            self._reserved.setdefault((path, call_id), []).append(place)
        return place

    def reserved(self, call_id: str | None, name: str, content: Json) -> str:
        """The place that was reserved for this call of a model, or the next one."""
        with self._lock:
            places = self._reserved.get((scope().path, call_id or ""), [])
            prefix = f"{scope().path}/{name}:{_digest(content)}#"
            place = next((each for each in places if each.startswith(prefix)), None)
            if place is not None:
                places.remove(place)
        return place or self.place(name, content)

    def method(self, flow: Any, name: str) -> Scope:
        """The scope of the next execution of a flow's method: inside what started the flow, whatever triggered it."""
        with self._lock:
            _, outer = self._flows.setdefault(id(flow), (flow, scope()))
        base = self._nth(outer.path, f"{type(flow).__name__}.{name}", None)
        return Scope(base=base, agents=outer.agents, method=base)

    def attempt(self, agent: int, number: int) -> None:
        """An agent begins a task, for the nth time if it failed before: then what it did already is answered again."""
        path = scope().path
        with self._lock:
            if number > self._attempts.setdefault((path, agent), number):
                self._attempts[path, agent] = number
                for key in [key for key in self._counts if _lies_in(key, path)]:
                    del self._counts[key]
                for owner in [owner for owner in self._reserved if _lies_in(owner[0], path)]:
                    del self._reserved[owner]

    def _nth(self, path: str, name: str, content: Json) -> str:
        key = f"{path}/{name}:{_digest(content)}" if content is not None else f"{path}/{name}"
        with self._lock:
            self._counts[key] += 1
            return f"{key}#{self._counts[key]}"

    # ── the journal ──────────────────────────────────────────────────────────────────────────────────────────

    def remember(self, key: str, value: Json) -> Json:
        """Remember a result; what is known already comes back."""
        recorded = self.blocking(self.gate.remember(key, value))
        self.journal[key] = recorded
        return recorded

    def once(self, key: str, value: Json) -> Json:
        """As `remember`, without a word to the store about what is known."""
        known = self.journal.get(key)
        return self.remember(key, value) if known is None else known

    def heed(self, action: Action) -> None:
        """Before a decision is handed to CrewAI: no stop may be in force. Raises Suspended."""
        if self.blocking(self.gate.stop_for(action)) is not None:
            self.stop("a stop is in force")
            raise Suspended

    # ── stopping ─────────────────────────────────────────────────────────────────────────────────────────────

    def reach(self, place: str) -> None:
        with self._lock:
            self.reached.add(place)

    def skip(self, path: str) -> None:
        """All of a step is answered from the record, or passed over: what waited in it was decided and used."""
        with self._lock:
            self.skipped.add(path)

    def lose(self, path: str) -> None:
        """A branch has lost its race: nobody is asked for it, now or when the flow runs again."""
        with self._lock:
            self._lost.add(path)
            self._suspended = {each for each in self._suspended if not _lies_in(each, path)}
            self.waiting = [place for place in self.waiting if not place.startswith(_places_in(path))]
        self.remember(f"lost:{path}", True)

    def has_lost(self, path: str) -> bool:
        """Whether this branch lost its race in an earlier turn."""
        if f"lost:{path}" in self.journal:
            self._lost.add(path)
        return path in self._lost

    def missing(self, calls: Iterable[str]) -> list[str]:
        """Those of the places that this turn did not come to."""
        steps = (*self.skipped, *self._lost, *map(short, self.gate.held))
        passed = tuple(place for path in steps for place in _places_in(path))
        return [call for call in calls if call not in self.reached and not call.startswith(passed)]

    def wait_at(self, place: str, path: str = "") -> None:
        """Somebody has to decide here: the task that this lies in stops at its next model call."""
        here = path or scope().path
        with self._lock:
            if self.is_lost(here):
                return
            self._suspended.add(here)
            if place not in self.waiting:
                self.waiting.append(place)

    def requests(self) -> tuple[PauseRequest, ...]:
        """What people are asked, in the order in which the models called; threads propose in any order."""
        asked = (*(self.lifted[place] for place in self.waiting if place in self.lifted), *self.gate.waiting)
        return tuple(sorted(asked, key=lambda request: self._order.get(request.call, len(self._order))))

    def use(self, place: str) -> None:
        with self._lock:
            self.used.append(place)

    def halt(self, error: BaseException) -> None:
        """Nothing more starts in this turn; the first error is the one that is told."""
        with self._lock:
            if self.failure is None:
                self.failure = error

    def asks_again(self, place: str) -> bool:
        """Whether the answer at this place is to be dropped: the run failed after it, and is asked anew."""
        return self.turn.ask_again and place in self.waited

    def stop(self, reason: str) -> None:
        """A stop is in force: what is under way comes to its end, and nothing new starts."""
        self.halt(self.gate.stopped or Stopped(reason))

    def waits_inside(self) -> bool:
        """Whether something in the scope we are in waits, or was kept from going on."""
        return self._waits_in(scope().path)

    def check(self, path: str = "") -> None:
        """Go on only if nothing waits in the scope we are in (or `path`), or inside it. Raises Suspended."""
        here = path or scope().path
        if self.over or self.failure is not None:
            with self._lock:
                self._suspended.add(here)  # whoever swallows this exception has not come to its end
        if self.is_lost(here) or self._waits_in(here):
            raise Suspended

    def is_lost(self, path: str) -> bool:
        """Whether this lies in a branch that has lost its race; its thread, if it has one, may still be at work."""
        return any(_lies_in(path, each) for each in self._lost)

    def _waits_in(self, path: str) -> bool:
        with self._lock:
            return any(_lies_in(each, path) for each in self._suspended)

    def settle(self) -> None:
        """Wait for the tasks that a crew started beside the one that ended it: they come to their own pause or end."""
        while pending := [future for future in self.futures if not future.done()]:
            wait(pending)

    # ── who watches ──────────────────────────────────────────────────────────────────────────────────────────

    def emit(self, event: LiveEvent) -> None:
        if self.turn.watched:
            self.gate.blocking(_emitted(self.turn, event))

    def enters(self, step: str) -> None:
        """Tell who watches of a step."""
        where = scope().path
        self.emit(LiveEvent(run_id=self.turn.run.id, kind=LiveKind.STEP, node=where, text=step[:200]))

    def shows(self, state: dict[str, Json]) -> None:
        """Tell who watches the state of a flow, where it has changed."""
        if state != self._shown:
            self._shown = state
            self.emit(LiveEvent(run_id=self.turn.run.id, kind=LiveKind.STATE, data=state))

    def says(self, answer: str, text: str) -> None:
        """Tell who watches the next words of the answer that the journal has under this key."""
        if text:
            self.emit(text_event(self.turn.run.id, self._name(answer), text, node=scope().path))

    def called(self, place: str, tool: str, arguments: Json) -> None:
        """Tell who watches of a call, by its place: not every model gives it an id."""
        answer, run = self.talk.answer_of(place), self.turn.run.id
        message = self._name(answer) if answer else ""
        self.emit(call_event(run, self._name(place), tool, arguments, message=message, node=scope().path))

    def came(self, place: str, result: str) -> None:
        """Tell who watches what came of a call."""
        self.emit(result_event(self.turn.run.id, self._name(place), result, node=scope().path))

    def _name(self, place: str) -> str:
        return said_id(self.turn.run.id, place)


async def _emitted(turn: Turn, event: LiveEvent) -> None:
    turn.emit(event)


def _digest(content: Json) -> str:
    return sha256(canonical(content))[7:19]


def _places_in(step: str) -> tuple[str, str]:
    """How the places begin of what waits in a step of the app, and of the question about the step itself."""
    return f"{step}/", doubt_about(step, "")


def doubt_about(step: str, attempt: int | str) -> str:
    """The place of the question about an execution of a step that was cut off."""
    return f"doubt:{step}:{attempt}"


def _lies_in(path: str, outer: str) -> bool:
    return path == outer or path.startswith(f"{outer}/")


_current: ContextVar[Current | None] = ContextVar("hitl_crewai_turn", default=None)


@contextmanager
def driving(now: Current) -> Iterator[None]:
    """Make this turn the one that hooks in this context, and in CrewAI's threads that come from it, belong to."""
    token = _current.set(now)
    _under_way.append(now)
    try:
        yield
    finally:
        _under_way.remove(now)
        _current.reset(token)


_under_way: list[Current] = []


def under_way() -> tuple[Current, ...]:
    """The turns that crews of this process are driven by now, in whatever context."""
    return tuple(_under_way)


def current() -> Current | None:
    """The turn that we are in, or None: then CrewAI runs without us."""
    return _current.get()


def the_run(what: str) -> Current:
    """The turn that we are in. Raises NoRun outside one."""
    found = _current.get()
    if found is None:
        raise NoRun(f"{what} is gated and was called outside a run; start it with hitl.start(…) or `hitl run`")
    return found
