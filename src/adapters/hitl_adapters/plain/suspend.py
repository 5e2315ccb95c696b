"""How a plain function stops and starts: a pause is an exception, and a resume is the function run again."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, Self, cast

from hitl_core.errors import AppChanged, NoRun, Stopped
from hitl_core.gate import Gate, joined
from hitl_core.protocol import Action, Json, LiveEvent, LiveKind, call_event, result_event, said_id, text_event
from hitl_core.tools import Catalogue

VERSION: Final = 1


class Suspended(BaseException):
    """The run waits for people. Not an Exception, so that the app's own handlers let it pass."""


PASS: Final = (Suspended, Stopped)
"""What ends a turn from inside a guarded function: its call has no outcome then, and begins again."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The checkpoint: the places that wait. All else is known by the journal and the store."""

    calls: tuple[str, ...] = ()

    @classmethod
    def read(cls, checkpoint: Json) -> Self:
        """Empty before the first pause. Raises AppChanged for a checkpoint of another release."""
        if checkpoint is None:
            return cls()
        found = cast("dict[str, Any]", checkpoint if isinstance(checkpoint, dict) else {})
        if found.get("version") != VERSION:
            raise AppChanged(f"the checkpoint has version {found.get('version')!r}; this release reads {VERSION}")
        return cls(tuple(found["calls"]))

    def to_json(self) -> Json:
        return {"version": VERSION, "calls": list(self.calls)}


Said = tuple[tuple[str, ...], str]
"""The agents that make a call, and what they say with it."""


class Current:
    """What one turn of a plain function knows: its gate, its journal, and how often each name was called."""

    def __init__(
        self, gate: Gate, journal: dict[str, Json], catalogue: Catalogue, emit: Callable[[LiveEvent], None]
    ) -> None:
        self.gate = gate
        self.journal = journal
        self.catalogue = catalogue
        self.notes: list[str] = []
        self.used: list[str] = []
        self.waiting = False
        self._emit = emit
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self._counts: Counter[str] = Counter()
        self._reached: list[str] = []
        self._said: dict[str, Said] = {}
        self._spoken: Counter[str] = Counter()
        self._working = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def place(self, name: str) -> str:
        """The name of the next call of `name`: its place in the run, the same whenever the function runs again."""
        self._counts[name] += 1
        place = f"{name}#{self._counts[name]}"
        self._reached.append(place)
        return place

    def kept(self) -> Kept:
        """The checkpoint of this turn: the places that wait."""
        return Kept(tuple(request.call for request in self.gate.waiting) or tuple(self._reached[-1:]))

    def unmet(self, kept: Kept) -> tuple[str, ...]:
        """The places that the checkpoint waits at and that this turn did not reach."""
        return tuple(call for call in kept.calls if call not in self._reached)

    def lost(self, kept: Kept) -> bool:
        """Whether this turn reached none of the places that the checkpoint waits at."""
        return bool(kept.calls) and self.unmet(kept) == kept.calls

    def says(self, place: str, agents: tuple[str, ...], words: str) -> None:
        """Keep what is said with the call at a place, and by which agents."""
        self._said[place] = agents, words

    def said_since(self, earlier: str, place: str, agents: tuple[str, ...]) -> str | None:
        """What these agents have said since an earlier place, up to this one; None if that is not theirs."""
        places = [each for each, (speaking, _) in self._said.items() if speaking == agents]
        if earlier not in places:
            return None
        between = places[places.index(earlier) + 1 : places.index(place) + 1]
        return joined(self._said[each][1] for each in between)

    @contextmanager
    def working(self) -> Iterator[None]:
        """While a guarded function runs."""
        self._working += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._working -= 1
            if not self._working:
                self._idle.set()

    async def idle(self) -> None:
        """Return when no guarded function runs any more: what is under way in other tasks is to have its outcome."""
        await self._idle.wait()

    def suspend(self) -> Suspended:
        self.waiting = True
        return Suspended()

    def tell(self, note: str, call: str) -> None:
        """Keep what the agent has to be told about a call."""
        if note:
            self.notes.append(note)
            self.emit(note, {"changed": call})

    def emit(self, text: str, data: Json = None) -> None:
        """Tell who watches something of the app's own."""
        self._told(LiveEvent(run_id=self.gate.run.id, kind=LiveKind.CUSTOM, text=text, data=data))

    def spoken(self, text: str, agents: tuple[str, ...]) -> None:
        """Tell who watches what these agents say next: a message of its own, the same whenever the app runs again."""
        who = "/".join(agents)
        self._spoken[who] += 1
        id = said_id(self.gate.run.id, f"say#{self._spoken[who]}", who)
        self._told(text_event(self.gate.run.id, id, text, node=who))

    def called(self, place: str, action: Action) -> None:
        """Tell who watches of a call."""
        node = "/".join(action.origin.path)
        self._told(call_event(self.gate.run.id, self._name(place), action.tool, action.arguments, node=node))

    def came(self, place: str, result: Json, agents: tuple[str, ...]) -> None:
        """Tell who watches what came of a call."""
        self._told(result_event(self.gate.run.id, self._name(place), result, node="/".join(agents)))

    def _told(self, event: LiveEvent) -> None:
        """Also from the thread that a sync app runs in."""
        if threading.get_ident() == self._thread:
            self._emit(event)
        else:
            self._loop.call_soon_threadsafe(self._emit, event)

    def _name(self, place: str) -> str:
        return said_id(self.gate.run.id, place)


_current: ContextVar[Current | None] = ContextVar("hitl_plain_turn", default=None)


@contextmanager
def driving(now: Current) -> Iterator[None]:
    """Make `now` the turn that guarded functions of the app belong to."""
    token = _current.set(now)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> Current:
    """The turn of the run that calls us. Raises NoRun outside one: nobody could have approved anything."""
    now = _current.get()
    if now is None:
        raise NoRun("this function is guarded and was called outside a run; start it with hitl.start(…) or `hitl run`")
    return now
