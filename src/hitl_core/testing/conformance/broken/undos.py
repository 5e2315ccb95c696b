"""Stores that take nothing back, the wrong thing or twice: undos, and results that were replaced."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, cast

from ....capabilities import Capability
from ....commands import (
    BeginEffect,
    EndEffect,
    GetRun,
    ListEffects,
    ListUndone,
    OpenRun,
    Override,
    OverrideOutput,
    PerformEffect,
)
from ....contracts import Store
from ....errors import EffectRefused
from ....protocol import UNDO, EffectMode, Executed
from .breaking import breaks
from .stores import BrokenStore


@breaks("P64")
class LosesTheReceipt(BrokenStore):
    """Hands an undo something else than what the tool has returned."""

    async def fetch(self, query: Any) -> Any:
        found = await self._inner.fetch(query)
        return tuple(replace(each, result="?") for each in found) if isinstance(query, ListEffects) else found


@breaks("P64")
class RunsAnUndoAgain(BrokenStore):
    """Takes every undo for one that can be repeated: after a crash nobody is asked."""

    async def apply(self, command: Any) -> Any:
        if isinstance(command, BeginEffect) and command.call.startswith(UNDO):
            command = replace(command, mode=EffectMode.IDEMPOTENT)
        return await self._inner.apply(command)


@breaks("P64")
class UndoesWhoeverComes(BrokenStore):
    """Does not see that another undo has begun the same, and lets it begin again."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self._again: dict[str, Any] = {}

    async def fetch(self, query: Any) -> Any:
        return {} if isinstance(query, ListUndone) else await self._inner.fetch(query)

    async def apply(self, command: Any) -> Any:
        if isinstance(command, EndEffect) and command.call in self._again:
            return self._again.pop(command.call)
        try:
            return await self._inner.apply(command)
        except EffectRefused:
            if not isinstance(command, BeginEffect) or not command.call.startswith(UNDO):
                raise
            (effect,) = await self._begun_elsewhere(command)
            self._again[command.call] = effect
            return effect

    async def _begun_elsewhere(self, command: BeginEffect) -> list[Any]:
        run = await self._inner.fetch(GetRun(command.lease.run_id))
        effects = await self._inner.fetch(ListEffects(run.undoes or ""))
        return [
            replace(each, call=command.call, action=command.action, fence=command.lease.fence)
            for each in effects
            if UNDO + each.call == command.call
        ]


@breaks("P64")
class RecordsAnUndoAndDoesNothing(BrokenStore):
    """Records the undo of a transactional tool, and leaves what the tool has written."""

    async def apply(self, command: Any) -> Any:
        if isinstance(command, PerformEffect) and command.begin.call.startswith(UNDO):
            command = replace(command, effect=lambda transaction: "done")
        return await self._inner.apply(command)


@breaks("P64")
class UndoesTheOldestFirst(BrokenStore):
    """Takes back what was done in the order in which it was done."""

    async def apply(self, command: Any) -> Any:
        if isinstance(command, OpenRun) and command.run.undoes is not None:
            given = cast("dict[str, Any]", command.run.input)
            turned = {**given, "calls": given["calls"][::-1]}
            command = replace(command, run=command.run.model_copy(update={"input": turned}))
        return await self._inner.apply(command)


@breaks("P64")
class KeepsTheTextOfAResult(BrokenStore):
    """Keeps what a model reads of a result, and not the result: an undo is given that."""

    async def apply(self, command: Any) -> Any:
        if isinstance(command, EndEffect) and isinstance(command.outcome, Executed):
            command = replace(command, outcome=Executed(json.dumps(command.outcome.result)))
        return await self._inner.apply(command)


@breaks("P67")
class OverridesInNameOnly(BrokenStore):
    """Says that the result of a call is replaced, and leaves it as it is."""

    async def apply(self, command: Any) -> Any:
        if isinstance(command, OverrideOutput) and command.call is not None:
            return Override(command.call, None, command.value, command.by, command.reason, command.now)
        return await self._inner.apply(command)


# A framework that is replayed reads the new result in any case; one with a history of its own has read the old one.
@breaks("P67", Capability.NEUTRAL_SPEC, Capability.STEER, Capability.UNDO_BY_FORK)
class OverridesOnTheQuiet(BrokenStore):
    """Replaces the result of a call, and does not tell the model, which has seen the old one."""

    async def apply(self, command: Any) -> Any:
        if isinstance(command, OverrideOutput):
            command = replace(command, guidance=None)
        return await self._inner.apply(command)
