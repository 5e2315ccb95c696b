"""The adapter: a generator yields the calls it wants, and gets back what came of them.

It suspends by ending, and resumes by running the generator again: calls that are done are answered from the store.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, Final, cast

from hitl_core.apps import AppSource
from hitl_core.capabilities import NATIVE, Capabilities, Capability, absent, emulated
from hitl_core.contracts import Completed, Ending, Finding, Paused, Turn
from hitl_core.errors import AppChanged, AppRefused, CapabilityNotSupported, HitlError
from hitl_core.gate import Form, tried
from hitl_core.protocol import (
    Action,
    Arguments,
    EffectMode,
    Executed,
    Failed,
    Json,
    Kind,
    Origin,
    Proceed,
    Refuse,
    Run,
    Substitute,
    Wait,
)
from hitl_core.tools import Catalogue, Tool, as_json

NAME: Final = "generator"

CAPABILITIES: Final[Capabilities] = {
    Capability.GATE_TOOLS: NATIVE,
    Capability.LIFT_NATIVE_PAUSES: absent("a generator has no way of its own to ask a person"),
    Capability.EDIT_ARGUMENTS: NATIVE,
    Capability.RESPOND_IN_PLACE: NATIVE,
    Capability.ASK_QUESTIONS: NATIVE,
    Capability.OFFER_CHOICES: NATIVE,
    Capability.CLIENT_TOOLS: absent("a generator makes its own calls; nobody can give it a tool"),
    Capability.REVIEW_OUTPUT: NATIVE,
    Capability.HANDOFF_TO_HUMAN: absent("a generator has no conversation to hand over"),
    Capability.PARALLEL_PAUSES: NATIVE,
    Capability.NESTED_PAUSES: emulated("each call says which agent it is from"),
    Capability.SURVIVE_RESTART: emulated("the generator runs again from its start; what is done comes from the store"),
    Capability.DETECT_IN_DOUBT: NATIVE,
    Capability.STREAM_EVENTS: absent("a generator has nothing to tell between two calls"),
    Capability.SHOW_WORDS: absent("a generator says nothing with what it yields"),
    Capability.STEER: absent("a generator makes its model calls itself, where nobody can tell it anything"),
    Capability.DRAIN: emulated("a stop ends the generator where it yields next"),
    Capability.UNDO_BY_FORK: absent("a generator cannot be wound back"),
    Capability.KEEP_THREADS: emulated("a generator is given the whole conversation, as `messages` in its input"),
    Capability.NEUTRAL_SPEC: absent("a generator has no agent loop"),
}


@dataclass(frozen=True, slots=True)
class Do:
    """A call of a tool. `agents` from the root down to the one that makes it."""

    tool: Tool
    arguments: Arguments
    agents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Once:
    """Something that needs no approval and is to be done once: a model call, a look-up. Its result is JSON."""

    function: Callable[[], Json]


Playing = Generator[Any, Any, Json]
"""An app under way. It yields a Do, a Once, or a list of Dos and of sub-agents' generators, to be done at once."""

App = Callable[[Json], Playing]

WAITS: Final = object()
"""Stands for a result that is not there yet: somebody is being asked."""


@dataclass(frozen=True, slots=True)
class GeneratorOptions:
    """There are none."""


@dataclass
class Play:
    """One turn: where it has been, what waits, and whose answers it has used."""

    turn: Turn
    journal: dict[str, Json]
    reached: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    used: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def place(self, name: str) -> str:
        """The place of the next call of that name: the same whenever the generator runs again."""
        self.counts[name] += 1
        self.reached.append(f"{name}#{self.counts[name]}")
        return self.reached[-1]


class GeneratorAdapter:
    """Drives one generator function."""

    name = NAME
    capabilities: Capabilities = CAPABILITIES
    Options = GeneratorOptions

    def __init__(self, app: AppSource, *, options: GeneratorOptions = GeneratorOptions(), catalogue: Catalogue) -> None:
        self._source, self._catalogue = app, catalogue
        self._app: App | None = None

    async def attach(self) -> tuple[Finding, ...]:
        if self._source.spec() is not None:
            raise _cannot(Capability.NEUTRAL_SPEC)
        app = self._source.load()
        if not callable(app):
            raise AppRefused(f"{self._source.reference!r} is not a generator function")
        self._app = cast("App", app)
        for each in getattr(app, "tools", ()):
            self._catalogue.learn(each)
        return ()

    async def advance(self, turn: Turn) -> Ending:
        await self.attach()
        assert self._app is not None
        waited = _waited(turn)
        play = Play(turn, await turn.gate.journal())
        output = await self._drive(play, self._app(turn.run.input))
        _same_app(play, waited, all_of_them=output is not WAITS)
        if output is WAITS:
            return Paused({"version": 1, "calls": list(play.waiting)}, consumed=tuple(play.used))
        return Completed(as_json(output), tuple(play.used))

    async def cancel(self, run: Run, checkpoint: Json) -> None:
        """Nothing to forget: between two turns there is no generator."""

    async def rewind(self, run: Run, checkpoint: Json) -> Json:
        raise _cannot(Capability.UNDO_BY_FORK)

    async def close(self) -> None:
        """Nothing to let go of."""

    # ── what the generator wants ─────────────────────────────────────────────────────────────────────────────

    async def _drive(self, play: Play, generator: Playing, where: str = "") -> Any:
        """What the generator returns, or WAITS."""
        given = None
        while given is not WAITS:
            try:
                wanted = generator.send(given)
            except StopIteration as end:
                return end.value
            if await play.turn.gate.heed_stops():
                return WAITS  # and the run is stopped, whatever this turn ends with
            given = await self._done(play, wanted, where)
        return WAITS

    async def _done(self, play: Play, wanted: Any, where: str) -> Any:
        match wanted:
            case Once(function=function):
                place = play.place(f"{where}once")
                return play.journal[place] if place in play.journal else await _once(play, place, function)
            case Do():
                return await self._call(play, wanted, play.place(where + wanted.tool.name))
            case list():
                results = await asyncio.gather(*[self._beside(play, each, where) for each in wanted])
                return WAITS if WAITS in results else results
            case _:
                raise TypeError(f"a generator yields a Do, a Once or a list of those, not {wanted!r}")

    def _beside(self, play: Play, wanted: Any, where: str) -> Any:
        """One of several things at once. Its place is taken now, so that it does not depend on who is quicker."""
        if isinstance(wanted, Generator):
            return self._drive(play, wanted, f"{play.place(where + 'agent')}/")
        return self._call(play, wanted, play.place(where + wanted.tool.name))

    async def _call(self, play: Play, do: Do, place: str) -> Any:
        """Ask the gate, and do what it says; WAITS if people are being asked."""
        self._catalogue.learn(do.tool)
        agent = do.agents[-1] if do.agents else None
        origin = Origin(agent=agent, path=do.agents)
        action = Action(tool=do.tool.name, arguments=do.arguments, definition=do.tool.definition, origin=origin)
        verdict = await play.turn.gate.propose(action, call=place, form=_form(do))
        match verdict:
            case Wait():
                play.waiting.append(place)
                return WAITS
            case Refuse(text=text):
                play.used.append(place)
                return text
            case Substitute(result=result, note=note):
                play.used.append(place)
                return _noted(note, result)
            case Proceed(note=note):
                if do.tool.kind is not Kind.APPROVAL:  # a question that nobody answered in time
                    return "Nobody answered."
                return _noted(note, await _carry_out(play, do.tool, verdict))


async def _once(play: Play, place: str, function: Callable[[], Json]) -> Json:
    return await play.turn.gate.remember(place, function())


async def _carry_out(play: Play, tool: Tool, allowed: Proceed) -> Json:
    """Begin, run, report: `carry_out` does the first and the last. A tool that raises has an outcome, too."""
    gate = play.turn.gate
    if tool.traits.mode is EffectMode.TRANSACTIONAL:
        return await gate.carry_out_in_store(allowed, tool.run_in)
    async with gate.carry_out(allowed) as effect:
        try:
            result = await tool.run(effect.arguments)
        except HitlError:
            raise
        except Exception as exc:
            effect.outcome = Failed(f"{type(exc).__name__}: {exc}")
            return tried(effect.outcome.error)
        effect.outcome = Executed(result)
    return result


def _form(do: Do) -> Form:
    """How the request looks: typed arguments for a call; the agent's words as the title of a question."""
    if do.tool.kind is Kind.APPROVAL:
        return Form(arguments_schema=do.tool.schema)
    return Form(kind=do.tool.kind, title=str(do.arguments.get("question", "")), options=do.tool.options)


def _noted(note: str, result: Json) -> Json:
    """What the app hears: what people changed, then the result."""
    text = result if isinstance(result, str) else json.dumps(result)
    return f"{note}\n{text}" if note else result


# ── an app that changed under an open pause ──────────────────────────────────────────────────────────────────


def _waited(turn: Turn) -> list[str]:
    """The places at which the run waited. Raises AppChanged for a checkpoint of another release."""
    checkpoint = turn.checkpoint
    if checkpoint is None:
        return []
    if not isinstance(checkpoint, dict) or checkpoint.get("version") != 1:
        raise AppChanged(f"the checkpoint {checkpoint!r} is not of this release, which reads version 1")
    return [str(place) for place in cast("list[Json]", checkpoint["calls"])]


def _same_app(play: Play, waited: list[str], *, all_of_them: bool) -> None:
    """Raises AppChanged if the generator did not come to where it had paused."""
    missed = [place for place in waited if place not in play.reached]
    if missed and (all_of_them or missed == waited):
        raise AppChanged(f"the generator did not come to {', '.join(missed)}, where it had paused")


def _cannot(capability: Capability) -> CapabilityNotSupported:
    return CapabilityNotSupported(NAME, capability, CAPABILITIES[capability].because)
