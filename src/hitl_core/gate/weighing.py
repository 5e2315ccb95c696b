"""The policy as one turn of a run meets it, and what its rules count: what has begun, and what is let through."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Final

from ..commands import Counted, Effect, Look, Note, WriteNote
from ..errors import EffectRefused, HistoryMoved
from ..protocol import Action, AuditEvent, Json, Proceed, Ruling, Run
from .forms import DEFAULT_FORM, Form
from .standing import about, unmet
from .surroundings import Case, Surroundings

_TRIES: Final = 10
"""How often an action is decided on anew because others have begun meanwhile."""


class Weighing:
    """Asks the policy about the actions of one turn."""

    def __init__(self, around: Surroundings, run: Run) -> None:
        self._around = around
        self._run = run
        self._forms: dict[str, Form] = {}
        self._let_through: dict[str, tuple[Counted, ...]] = {}
        self._looking = asyncio.Lock()
        """Held while the past is looked at and while a call begins: whoever looks finds each call of this turn either
        among those let through or in the store."""

    async def rule(self, action: Action, call: str, form: Form) -> Ruling:
        """What the policy says now. What it lets through counts from here on for the other calls of this turn."""
        self._forms[call] = form
        self.holds_back(call)
        async with self._looking:
            weighed = await self._around.weigh(self.case(action, call), others=self._others)
            if weighed.counted and not weighed.ruling.denied:
                self._let_through[call] = weighed.counted
            return weighed.ruling

    def unlooked(self, action: Action, call: str, form: Form) -> Ruling:
        """The same for what asks in any case, without a look at the past."""
        self._forms[call] = form
        return self._around.unlooked(self.case(action, call))

    def holds_back(self, call: str) -> None:
        """The call does not begin after all, or begins now: the store counts it from then on."""
        self._let_through.pop(call, None)

    async def begin(
        self,
        allowed: Proceed,
        start: Callable[[tuple[Counted, ...]], Awaitable[Effect]],
        *,
        granted: Callable[[Ruling], bool],
    ) -> Effect:
        """Start an action with what it counts for. If more has begun meanwhile, the policy is asked again.

        `granted` says whether a standing grant takes the place of what a ruling asks for. Raises EffectRefused if the
        policy asks for more then, or HistoryMoved if that does not come to an end.
        """
        case = self.case(allowed.action, allowed.call)
        if not self._around.counts(case):
            self.holds_back(allowed.call)
            return await start(())
        async with self._looking:
            self.holds_back(allowed.call)
            return await self._begin(case, start, granted)

    async def _begin(
        self,
        case: Case,
        start: Callable[[tuple[Counted, ...]], Awaitable[Effect]],
        granted: Callable[[Ruling], bool],
    ) -> Effect:
        for _ in range(_TRIES):
            with suppress(HistoryMoved):
                return await start(await self._counted(case, granted))
        raise HistoryMoved(f"the call {case.call!r} was decided on {_TRIES} times, and each time more had begun")

    async def _counted(self, case: Case, granted: Callable[[Ruling], bool]) -> tuple[Counted, ...]:
        """What an action counts for that is about to begin, if the policy allows it with all that has begun by now.

        Raises EffectRefused.
        """
        weighed = await self._around.weigh(case)
        known = await self._around.store.fetch(Look(self._run.id, case.call))
        decided = known.settled if known.effect is None else about(known.effect, known.settled)
        missing = weighed.ruling.why if weighed.ruling.denied else unmet(weighed.ruling, decided)
        if missing and decided is None and not weighed.ruling.denied and granted(weighed.ruling):
            missing = ""
        missing = missing or ("" if weighed.known else "what happened before cannot be read")
        if missing:
            await self._refuse(case, weighed.ruling, missing)
        return weighed.counted

    async def _refuse(self, case: Case, ruling: Ruling, missing: str) -> None:
        body: dict[str, Json] = {"call": case.call, "tool": case.action.tool, "rule": ruling.rule, "why": missing}
        note = Note(AuditEvent.ACTION_REFUSED, self._run.id, "policy", body)
        await self._around.store.apply(WriteNote(note, self._around.now()))
        raise EffectRefused(
            f"the call {case.call!r} did not run: meanwhile {ruling.rule!r} asks for more ({missing}); resume the run, "
            "and it is decided on anew"
        )

    def _others(self) -> Iterator[Counted]:
        return chain.from_iterable(self._let_through.values())

    def case(self, action: Action, call: str) -> Case:
        """An action of this turn as it is decided on."""
        form = self._forms.get(call, DEFAULT_FORM)
        return Case(action, self._run, call, form.confidence, form.facts)
