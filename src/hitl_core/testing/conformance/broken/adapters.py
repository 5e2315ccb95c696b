"""Adapters that do not do their part."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from ....capabilities import Capabilities, Capability
from ....contracts import Adapter, Broke, Completed, Ending, Finding, Paused, Turn, tool_faults_of
from ....errors import AppChanged, CapabilityNotSupported, Fault
from ....protocol import Because, ClientTool, Json, LiveEvent, Run
from ..world import Parts
from .breaking import breaks


class BrokenAdapter:
    """An adapter around a sound one."""

    parts: ClassVar[Parts]

    def __init__(self, inner: Adapter) -> None:
        self._inner = inner

    @classmethod
    def made_of(cls) -> Parts:
        return Parts(adapter=cls)

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def capabilities(self) -> Capabilities:
        return self._inner.capabilities

    def tool_faults(self, tools: tuple[ClientTool, ...]) -> list[Fault]:
        return tool_faults_of(self._inner, tools)

    async def attach(self) -> tuple[Finding, ...]:
        return await self._inner.attach()

    async def advance(self, turn: Turn) -> Ending:
        return await self._inner.advance(turn)

    async def cancel(self, run: Run, checkpoint: Json) -> None:
        await self._inner.cancel(run, checkpoint)

    async def rewind(self, run: Run, checkpoint: Json) -> Json:
        return await self._inner.rewind(run, checkpoint)

    async def close(self) -> None:
        await self._inner.close()


@breaks("P30", Capability.PARALLEL_PAUSES)
class ShowsOneAtATime(BrokenAdapter):
    """Shows the first of several requests, and the next one when that is answered."""

    async def advance(self, turn: Turn) -> Ending:
        ending = await self._inner.advance(turn)
        if isinstance(ending, Paused):
            for call in list(turn.gate.questions.waiting)[1:]:
                del turn.gate.questions.waiting[call]
            return replace(ending, requests=ending.requests[:1])
        return ending


@breaks("P41")
class GivesUpWhatWasInterrupted(BrokenAdapter):
    """Gives a run up whose worker has died."""

    async def advance(self, turn: Turn) -> Ending:
        if turn.claimed.interrupted:
            return Broke("its worker has died", checkpoint=turn.checkpoint)
        return await self._inner.advance(turn)


@breaks("P44")
class DoesNotSeeThatTheAppChanged(BrokenAdapter):
    """Ends in good order where the paused place is gone."""

    async def advance(self, turn: Turn) -> Ending:
        try:
            return await self._inner.advance(turn)
        except AppChanged:
            return Completed(None)


@breaks("P66", Capability.UNDO_BY_FORK)
class RewindsNothing(BrokenAdapter):
    """Says that it went back, and stays where it is."""

    async def rewind(self, run: Run, checkpoint: Json) -> Json:
        return checkpoint


@breaks("P72", Capability.STREAM_EVENTS)
class TellsNobodyWhatHappens(BrokenAdapter):
    """Works in silence, whoever watches."""

    async def advance(self, turn: Turn) -> Ending:
        return await self._inner.advance(replace(turn, emit=lambda event: None))


@breaks("P75", Capability.KEEP_THREADS)
class ForgetsItsThreads(BrokenAdapter):
    """Begins each run of a thread as if nothing had been said in it."""

    async def advance(self, turn: Turn) -> Ending:
        given = turn.run.input
        if isinstance(given, dict) and isinstance(said := given.get("messages"), list):
            given = {**given, "messages": said[-1:]}
        run = turn.run.model_copy(update={"thread": turn.run.id, "input": given})
        return await self._inner.advance(replace(turn, claimed=replace(turn.claimed, run=run)))


@breaks("P76", Capability.STREAM_EVENTS, Capability.SHOW_WORDS)
class NamesEverythingAnew(BrokenAdapter):
    """Tells what it says, calls and gets back under other ids in each turn."""

    async def advance(self, turn: Turn) -> Ending:
        def told(event: LiveEvent) -> None:
            turn.emit(event.model_copy(update={"id": f"{event.id}@{turn.claimed.lease.fence}"}))

        return await self._inner.advance(replace(turn, emit=told))


@breaks("P81")
class ForgetsTheRule(BrokenAdapter):
    """Does not say which rule made it ask."""

    async def advance(self, turn: Turn) -> Ending:
        ending = await self._inner.advance(turn)
        for call, request in list(turn.gate.questions.waiting.items()):
            because = Because(rule="some rule", version="?", why="somebody wants to know")
            turn.gate.questions.waiting[call] = request.model_copy(update={"because": because})
        return ending


@breaks("P90", lacks=(Capability.NEUTRAL_SPEC,))
class PretendsThatItCan(BrokenAdapter):
    """Does nothing, quietly, where it cannot do what is asked for."""

    async def attach(self) -> tuple[Finding, ...]:
        try:
            return await self._inner.attach()
        except CapabilityNotSupported:
            return ()

    async def advance(self, turn: Turn) -> Ending:
        try:
            return await self._inner.advance(turn)
        except CapabilityNotSupported:
            return Completed(None)


@breaks("P91")
class LeavesACapabilityOut(BrokenAdapter):
    """Says nothing about one capability."""

    @property
    def capabilities(self) -> Capabilities:
        return {name: support for name, support in self._inner.capabilities.items() if name is not Capability.DRAIN}
