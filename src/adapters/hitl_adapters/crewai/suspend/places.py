"""Where in a run something happens: the task or flow method, inside which tool call, by which agents.

A place is the path of its scope, the tool, the arguments' digest and how many such calls came before; so it is the
same whenever the crew runs again, in whatever order its threads get there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Final

from hitl_core.protocol import sha256

_LONGEST: Final = 240


@dataclass(frozen=True, slots=True)
class Scope:
    """`base`: the flow method or tool call that all lies in. `step`: the task. `agents`: who handed down to whom.
    `method`: the flow method around it, if any."""

    base: str = "run"
    step: str = ""
    agents: tuple[str, ...] = ()
    method: str = ""

    @property
    def path(self) -> str:
        return f"{self.base}/{self.step}" if self.step else self.base

    def at(self, step: str) -> Scope:
        """The same scope at another task."""
        return replace(self, step=step)

    def inside(self, place: str, agent: str | None) -> Scope:
        """The scope of what a tool call does."""
        agents = (*self.agents, agent) if agent else self.agents
        return Scope(base=short(place), agents=agents, method=self.method)


def short(place: str) -> str:
    """A place that others can be nested in, however deep."""
    return place if len(place) <= _LONGEST else f"…{sha256(place.encode())[7:39]}"


_scope: ContextVar[Scope] = ContextVar("hitl_crewai_scope", default=Scope())  # noqa: B039 (frozen)


def scope() -> Scope:
    """Where we are. CrewAI's own threads inherit it."""
    return _scope.get()


def conversation(agent: str | None) -> str:
    """What tells the conversation that an agent has where we are from all others."""
    return f"{scope().path}|{agent or ''}"


def enter(found: Scope) -> None:
    """Go on in another scope, for the rest of this context: CrewAI announces a task, and never its end."""
    _scope.set(found)


@contextmanager
def within(found: Scope) -> Iterator[None]:
    """Do something in another scope, and come back."""
    token = _scope.set(found)
    try:
        yield
    finally:
        _scope.reset(token)
