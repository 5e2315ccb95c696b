"""The turn that drives a graph now, for the gated calls inside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from langgraph.errors import GraphBubbleUp
from langgraph.types import interrupt

from hitl_core.contracts import Turn
from hitl_core.errors import NoRun
from hitl_core.gate import Form, Gate
from hitl_core.protocol import Action, Verdict, Wait

from .mapping import envelope


class Halt(GraphBubbleUp):
    """Stops the graph at once: our claim ended or a stop is in force. Not an error that a tool message could hide."""


@dataclass(slots=True)
class Current:
    """The turn that drives the graph now, and how often each name was called in each attempt of a node."""

    turn: Turn
    attempts: dict[int, tuple[object, Counter[str]]] = field(default_factory=dict)

    @property
    def gate(self) -> Gate:
        return self.turn.gate

    def place(self, config: Mapping[str, Any], name: str) -> str:
        """The place of the next call of `name` in this attempt of a node: a retried node counts from one again.

        LangGraph gives every attempt a scratchpad of its own (pregel/_retry.py); it is kept so that its id stays
        taken.
        """
        attempt = config.get("__pregel_scratchpad")
        _, counts = self.attempts.setdefault(id(attempt), (attempt, Counter()))
        counts[name] += 1
        return f"{config.get('checkpoint_ns', '')}/{name}#{counts[name]}"


_current: ContextVar[Current | None] = ContextVar("hitl_langgraph_turn", default=None)


@contextmanager
def driving(turn: Turn) -> Iterator[None]:
    """Make `turn` the one that gated calls of the graph belong to."""
    token = _current.set(Current(turn))
    try:
        yield
    finally:
        _current.reset(token)


def current(what: str) -> Current:
    """The turn that drives this graph. Raises NoRun if the graph was invoked without us: nobody could approve."""
    found = _current.get()
    if found is None:
        raise NoRun(f"{what} is gated and its graph was invoked directly; start it with hitl.start(…) or `hitl run`")
    return found


@dataclass(frozen=True, slots=True)
class Proposal:
    """A call as the gate sees it."""

    action: Action
    call: str
    form: Form


async def asettle(now: Current, proposal: Proposal) -> Verdict:
    """The gate's verdict; while nobody has decided, the graph is interrupted here."""
    while isinstance(verdict := await _propose(now, proposal), Wait):
        interrupt(envelope(proposal.call, run=now.turn.run.id))
    return verdict


def settle(now: Current, proposal: Proposal) -> Verdict:
    """As `asettle`, from a worker thread."""
    while isinstance(verdict := now.gate.blocking(_propose(now, proposal)), Wait):
        interrupt(envelope(proposal.call, run=now.turn.run.id))
    return verdict


async def _propose(now: Current, proposal: Proposal) -> Verdict:
    return await now.gate.propose(proposal.action, call=proposal.call, form=proposal.form)


def lineage(namespace: str) -> tuple[str, ...]:
    """The nodes from the root graph down to the one that acts: `sub:<task>|tools:<task>` → ("sub", "tools")."""
    return tuple(part.partition(":")[0] for part in namespace.split("|") if part)
