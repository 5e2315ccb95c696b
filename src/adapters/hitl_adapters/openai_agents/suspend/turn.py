"""The turn that drives the agents now, for the models and tools inside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final, cast

from hitl_core.contracts import Turn
from hitl_core.errors import AppRefused, HitlError, NoRun
from hitl_core.gate import Gate
from hitl_core.protocol import Arguments, Json, PauseRequest, Verdict, sha256

from ..errors import TOLD_APART, at_least
from ..mapping import bounded, call_ids, several_operations, words_in
from .kept import Kept
from .telling import Telling

MIXES_RUNS: Final = not at_least(TOLD_APART)
"""Whether the SDK looks for the state of an agent tool by its call id alone, in every run of the process."""

MODEL: Final = "model:"
TOOL: Final = "tool:"


class Halt(Exception):
    """Ends the SDK's loop where it is safe: before the next call of a model. Its cause is in `Current.failure`."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asked for a call: the agent, and the call of the agent tool inside which it works ("" at the root). `number`
    counts the answers of models there."""

    agent: str
    scope: str
    number: int


@dataclass(frozen=True, slots=True)
class Said:
    """One answer of an agent's model: its words, and the calls that it made with them."""

    agent: str
    words: str
    calls: tuple[str, ...]


@dataclass(slots=True)
class Current:
    """One turn: its gate, what is known of it from before, and what it came to so far."""

    turn: Turn
    kept: Kept
    journal: dict[str, Json]
    safe: frozenset[str] = frozenset()
    failure: HitlError | None = None
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    lifted: dict[str, PauseRequest] = field(default_factory=dict)
    used: list[str] = field(default_factory=list)
    answered: Counter[str] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)
    callers: dict[str, Caller] = field(default_factory=dict)
    said: dict[tuple[str, int], Said] = field(default_factory=dict)
    """The answers of models by where their agent works and their number there; of one number the latest counts."""
    patches: dict[str, Arguments] = field(default_factory=dict)
    several: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    telling: Telling = field(init=False)

    def __post_init__(self) -> None:
        self.telling = Telling(self.turn)
        self.answered.update(self.kept.answered)
        for key, line in self.journal.items():
            if MODEL in (key[: len(MODEL)], key.partition("/")[2][: len(MODEL)]):
                self.learn(cast("dict[str, Any]", line), int(key.rpartition("#")[2].partition("~")[0]))

    @property
    def gate(self) -> Gate:
        return self.turn.gate

    @property
    def waited(self) -> frozenset[str]:
        """The places at which the run waited when this turn began."""
        return frozenset(self.place(call_id) for call_id in self.kept.waits)

    def halt(self, error: HitlError) -> None:
        """Nothing more is to happen in this turn; the first reason counts."""
        self.failure = self.failure or error

    # ── places ───────────────────────────────────────────────────────────────────────────────────────────────

    def place(self, call_id: str) -> str:
        """The place of a call in the run: the model's own id of it, which `fresh` has made unique."""
        return self._prefix("") + bounded(call_id)

    def key(self, kind: str, name: str) -> str:
        """A key of the journal. Going back to an earlier pause opens a new branch with keys of its own."""
        return f"{self._prefix(kind)}{name}"

    def answer_key(self, scope: str) -> str:
        """The key of the next answer of a model. What was said before people were asked anew answers no more."""
        again = f"~{self.kept.asked}" if self.kept.asked else ""
        return self.key(MODEL, f"{scope}#{self.answered[scope]}{again}")

    def _prefix(self, kind: str) -> str:
        return f"{self.kept.branch}/{kind}" if self.kept.branch else kind

    def lineage(self, call_id: str) -> tuple[str, ...]:
        """The agents from the root down to the one that asked for a call.

        Raises AppRefused for a call that came from a model that is not under oversight.
        """
        caller = self.callers.get(call_id)
        if caller is None:
            problem = "came from a model that goes around oversight (a RunConfig with a model of its own?)"
            raise AppRefused(f"the call {call_id!r} {problem}; give that model to its agent. Nothing ran")
        above = self.lineage(caller.scope) if caller.scope else ()
        return (*above, caller.agent)

    def node(self, agent: str, scope: str) -> str:
        """Where an agent works: the agents from the root down to it."""
        return "/".join((*(self.lineage(scope) if scope in self.callers else ()), agent))

    def latest(self, scope: str) -> tuple[str, ...]:
        """The calls of the latest answer there."""
        said = self.said.get((scope, self.answered[scope] - 1))
        return () if said is None else said.calls

    def learn(self, line: dict[str, Any], number: int) -> None:
        """Who asked for the calls in an answer of a model, and with which words."""
        agent, scope, made = str(line["agent"]), str(line["scope"]), call_ids(line["output"])
        self.said[scope, number] = Said(agent, words_in(line["output"]), tuple(made))
        for call_id in made:
            self.callers[call_id] = Caller(agent, scope, number)
        self.several |= {str(item["call_id"]) for item in line["output"] if several_operations(item)}

    def fresh(self, call_id: str, number: int, scope: str) -> str:
        """An id for a new call. Some models use the same ids at every turn, and so do agents that work in parallel;
        the SDK drops or refuses what comes under a known one. Older ones mix up whole runs (research §4)."""
        if MIXES_RUNS:
            call_id = f"{call_id[:32]}_{self.turn.run.id[-8:]}"
        return call_id if call_id not in self.callers else f"{call_id[:45]}_{_tag(f'{scope}#{number}')}"


def _tag(text: str) -> str:
    return sha256(text.encode()).removeprefix("sha256:")[:12]


_current: ContextVar[Current | None] = ContextVar("hitl_openai_agents_turn", default=None)
_scope: ContextVar[str] = ContextVar("hitl_openai_agents_scope", default="")
_body: ContextVar[str] = ContextVar("hitl_openai_agents_body", default="")


@contextmanager
def driving(now: Current) -> Iterator[Current]:
    """Make `now` the turn that models and tools belong to."""
    token = _current.set(now)
    try:
        yield now
    finally:
        _current.reset(token)


@contextmanager
def within(call_id: str) -> Iterator[None]:
    """While an agent works inside the call of an agent tool."""
    token = _scope.set(call_id)
    try:
        yield
    finally:
        _scope.reset(token)


@contextmanager
def body_of(what: str) -> Iterator[None]:
    """While code of the app runs, a tool's or a guardrail's. An agent that it runs by hand is its own doing, no part of
    the turn: what that one's model says is not kept, so that no other agent gets it for an answer."""
    token = _body.set(what)
    try:
        yield
    finally:
        _body.reset(token)


def scope() -> str:
    return _scope.get()


def found() -> Current | None:
    """The turn that works here, if there is one."""
    return None if _body.get() else _current.get()


def around() -> Current | None:
    """The turn that works here, or around the code of the app that does."""
    return _current.get()


def current(what: str) -> Current:
    """The turn that works here. Where there is none, nobody could have approved anything.

    Raises NoRun outside one; AppRefused inside the body of something, and the turn around it ends as well.
    """
    now = _current.get()
    if now is None:
        raise NoRun(f"{what} is gated and its agent was run directly; start it with hitl.start(…) or `hitl run`")
    if _body.get():
        problem = f"was called by an agent that {_body.get()} runs by hand, which goes around oversight"
        error = AppRefused(f"{what} is gated and {problem}; make that agent a tool with `as_tool`. Nothing ran")
        now.halt(error)
        raise error
    return now
