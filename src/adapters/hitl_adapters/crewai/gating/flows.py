"""Flows under oversight: our hold on how CrewAI runs their methods, starts their branches and lets some race.

A flow is resumed by running it again from its start. A method that ended gives its recorded output and state, so joins
and branches come out as they did. A branch that waits simply has no listeners, so all others get to their own end.
"""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from crewai.flow.runtime import Flow

from ..suspend import Current, Suspended, current, seam
from ..suspend.places import enter
from .feedback import ask, ask_for_feedback
from .methods import once


def oversee_flows() -> None:
    """Hold on to CrewAI's flows, once per process."""
    seam(Flow, "flow_definition", _definition)
    seam(Flow, "_execute_method", _execute_method)
    seam(Flow, "_execute_start_method", _start_method)
    seam(Flow, "_execute_single_listener", _listener)
    seam(Flow, "_execute_racing_listeners", _racing)
    seam(Flow, "_run_human_feedback_step", _feedback_step)
    seam(Flow, "ask", _ask)


_defining = threading.RLock()


def _definition(original: Any, kind: type[Flow[Any]]) -> Any:
    """What a class of flows consists of, looked up on first use and kept in the class: by one thread at a time.

    CrewAI goes through the class without a lock while another thread, with the other crew of a worker, keeps it there;
    the executor of every agent is such a class.
    """
    with _defining:
        return original(kind)


def _run_of(flow: Any) -> Current | None:
    """The turn that a flow of the app's belongs to. CrewAI's own machinery is made of flows too."""
    return None if type(flow).is_crewai_internal else current()


async def _execute_method(original: Any, flow: Any, name: Any, method: Any, *args: Any, **kwargs: Any) -> Any:
    now = _run_of(flow)
    return await original(
        flow, name, once(now, flow, str(name), method) if now is not None else method, *args, **kwargs
    )


async def _feedback_step(original: Any, flow: Any, name: Any, definition: Any, output: Any) -> Any:
    now = _run_of(flow)
    if now is None:
        return await original(flow, name, definition, output)
    return await ask_for_feedback(now, original, flow, name, definition, output)


def _ask(original: Any, flow: Any, message: str, timeout: float | None = None, metadata: Any = None) -> Any:
    now = _run_of(flow)
    return original(flow, message, timeout, metadata) if now is None else ask(now, flow, message, metadata)


# ── branches ─────────────────────────────────────────────────────────────────────────────────────────────────


async def _start_method(original: Any, flow: Any, name: Any) -> Any:
    try:
        return await original(flow, name)
    except Suspended:
        if _run_of(flow) is None:
            raise
        return None


async def _listener(original: Any, flow: Any, name: Any, *args: Any, **kwargs: Any) -> Any:
    racer = _racer(name)
    try:
        ended = await original(flow, name, *args, **kwargs)
    except Suspended:
        if _run_of(flow) is None or racer is not None:  # in a race it must not count as the first to end
            raise
        return None, None
    if racer is not None:
        racer.ended.add(str(name))
    return ended


def method_begins(now: Current, flow: Any, name: str) -> None:
    """From here on, places lie in this execution of the method. Raises Suspended for one that has lost its race."""
    here = now.method(flow, name)
    enter(here)
    racer = _racer(name)
    if racer is not None:
        racer.places[name] = here.base
    if now.has_lost(here.base):
        raise Suspended


# ── races ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class _Race:
    """Branches of which only the first to end counts (`or_`): where each runs, and which have ended."""

    names: frozenset[str]
    places: dict[str, str] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)


_race: ContextVar[_Race | None] = ContextVar("hitl_crewai_race", default=None)


def _racer(name: Any) -> _Race | None:
    """The race that this very task runs in; CrewAI names such a task after its method."""
    task, race = asyncio.current_task(), _race.get()
    if race is None or task is None or str(name) not in race.names:
        return None
    return race if task.get_name() == str(name) else None


async def _racing(original: Any, flow: Any, racing: Any, *args: Any, **kwargs: Any) -> Any:
    """Once one has ended, nobody is asked for the others: they are left as they are, in later turns too."""
    now = _run_of(flow)
    if now is None:
        return await original(flow, racing, *args, **kwargs)
    race = _Race(frozenset(map(str, racing)))
    token = _race.set(race)
    try:
        made = await original(flow, racing, *args, **kwargs)
    finally:
        _race.reset(token)
    for name, place in race.places.items() if race.ended else ():
        if name not in race.ended:
            now.lose(place)
    return made
