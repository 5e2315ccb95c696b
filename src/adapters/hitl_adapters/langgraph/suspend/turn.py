"""The turn that drives a graph now, for the gated calls inside it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from langgraph.errors import GraphBubbleUp
from langgraph.types import interrupt

from hitl_core.contracts import Turn
from hitl_core.errors import HitlError, NoRun, ResultNotKept, Stopped
from hitl_core.gate import Gate
from hitl_core.protocol import EffectMode, Proceed, Substitute, Verdict, Wait

from ..errors import in_words, is_invalid_resume
from ..mapping import envelope
from ..mapping.calls import Proposal


class Halt(GraphBubbleUp):
    """Ends the turn at once, for the error that is its cause. LangGraph lets it pass where it would make an error of a
    tool, ours too, into a message for the model."""


@dataclass(slots=True)
class Current:
    """The turn that drives the graph now: its gated calls, and how often each name was called in each attempt."""

    turn: Turn
    attempts: dict[int, tuple[object, Counter[str]]] = field(default_factory=dict)
    at_work: set[asyncio.Task[Any]] = field(default_factory=set)

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

    @contextmanager
    def working(self) -> Iterator[None]:
        """Mark the running task as one that carries out a gated call."""
        task = asyncio.current_task()
        assert task is not None
        self.at_work.add(task)
        try:
            yield
        finally:
            self.at_work.discard(task)

    async def quiet(self) -> None:
        """Return when no gated call is at work: a ToolNode whose one call pauses leaves its others behind."""
        while self.at_work:
            await asyncio.wait(self.at_work)

    def abandon(self) -> None:
        """Cancel the calls that are still at work; what they did is in doubt."""
        for task in self.at_work:
            task.cancel()


_current: ContextVar[Current | None] = ContextVar("hitl_langgraph_turn", default=None)


@contextmanager
def driving(turn: Turn) -> Iterator[Current]:
    """Make `turn` the one that gated calls of the graph belong to."""
    now = Current(turn)
    token = _current.set(now)
    try:
        yield now
    finally:
        _current.reset(token)


def current(what: str) -> Current:
    """The turn that drives this graph. Raises NoRun if the graph was invoked without us: nobody could approve."""
    found = _current.get()
    if found is None:
        raise NoRun(f"{what} is gated and its graph was invoked directly; start it with hitl.start(…) or `hitl run`")
    return found


def running() -> Current | None:
    """The turn that drives this graph, if one does: a model may be called without us, a gated tool may not."""
    return _current.get()


async def admitted(now: Current, proposal: Proposal) -> Verdict:
    """What shall become of a call, once somebody has decided; a transactional one is carried out with that.

    In a graph that runs in a thread it is waited for by `gate.blocking`, in that thread's context: `interrupt()` finds
    the graph there too. Raises Halt for errors of the gate.
    """
    with halting(now, proposal):
        verdict = await _settled(now, proposal)
        neutral = now.gate.catalogue.tool(proposal.action.tool)
        if isinstance(verdict, Proceed) and neutral is not None and neutral.traits.mode is EffectMode.TRANSACTIONAL:
            done = await now.gate.carry_out_in_store(verdict, neutral.run_in)
            return Substitute(done, recorded=True, note=verdict.note)
        return verdict


async def _settled(now: Current, proposal: Proposal) -> Verdict:
    """The gate's verdict; while nobody has decided, the graph is interrupted here."""
    while isinstance(verdict := await _propose(now, proposal), Wait):
        suspend(now, proposal)
    return verdict


def suspend(now: Current, proposal: Proposal) -> None:
    """Interrupt the graph at this call. It is never told anything: the graph goes on, and the call asks again."""
    interrupt(envelope(proposal.call, run=now.turn.run.id))


@contextmanager
def halting(now: Current, proposal: Proposal) -> Iterator[None]:
    """Errors of the gate end the turn, whatever the graph makes of errors; under a stop the call only suspends, so
    that the steps beside it come to their end. Raises Halt."""
    try:
        yield
    except Stopped:
        while True:
            suspend(now, proposal)
    except ResultNotKept:  # the tool ran: that is for its caller to be told, and nobody's fault here
        raise
    except HitlError as exc:
        raise Halt(str(exc)) from exc


class InvalidAnswer(GraphBubbleUp):
    """A tool of ours asked somebody and its own schema refused the answer; nothing is saved and it waits still."""


@contextmanager
def keeping_invalid() -> Iterator[None]:
    """Let an answer that the tool's own question refused suspend the tool, instead of failing it."""
    try:
        yield
    except Exception as exc:
        if is_invalid_resume(exc):
            raise InvalidAnswer(in_words(exc)) from exc
        raise


async def _propose(now: Current, proposal: Proposal) -> Verdict:
    return await now.gate.propose(proposal.action, call=proposal.call, form=proposal.form)
