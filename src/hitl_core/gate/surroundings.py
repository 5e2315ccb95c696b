"""What is the same for every gate of a runtime: store, policy, clock, catalogue, and who is told."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from ..commands import Counted, Note, ReadHistory, WriteNote
from ..contracts import UNTOLD_AFTER, Clock, Store
from ..people import Authority, Directory
from ..policy import Facts, Past, Policy, Question, Tally
from ..protocol import Action, Json, PauseRequest, Ruling, Run
from ..tools import Catalogue

log = logging.getLogger("hitl_core")


_ANYBODY: Final = Authority()

REJECTED_IN_A_ROW: Final = 3


def _nobody(request: PauseRequest) -> None:
    """No channel is configured: the inbox has everything."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """A ruling, and what it knew of the past: nothing for policies that do not look there.

    `known` is False if it would have looked, and the past could not be read.
    """

    ruling: Ruling
    counted: tuple[Counted, ...] = ()
    known: bool = True


@dataclass(frozen=True, slots=True)
class Case:
    """One action to be decided on: where it stands, and what is known about it."""

    action: Action
    run: Run
    call: str
    confidence: float | None = None
    context: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The parts that a runtime is made of. `policy` is asked anew for each decision, so that it can be reloaded.

    `tells_everything`: agents hear of approvals and of answers in a tool's place, too, not only of edits and refusals.
    `rejected_in_a_row`: after so many rejections of one tool with the same arguments in a run nobody is asked about it
    again; 0 is never. `asked_a_minute`: how often an agent may ask people within a minute; 0 is as it likes. Without a
    `directory`, people are who they say they are. `changes` is what became of the policy's file and is not yet in the
    trail. `recalls`: somebody looks whether people were told of what is asked (contracts.Recalls).
    """

    store: Store
    policy: Callable[[], Policy]
    clock: Clock
    catalogue: Catalogue
    environment: str = "default"
    tells_everything: bool = False
    rejected_in_a_row: int = REJECTED_IN_A_ROW
    asked_a_minute: int = 0
    announce: Callable[[PauseRequest], None] = _nobody
    recalls: bool = False
    directory: Directory | None = None
    authority: Authority = _ANYBODY
    changes: deque[Note] = field(default_factory=deque)
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def now(self) -> datetime:
        return self.clock.now()

    def untold(self) -> datetime | None:
        """When it is looked whether people were told of what is asked now; None if nobody looks."""
        return self.now() + UNTOLD_AFTER if self.recalls else None

    async def weigh(self, case: Case, *, others: Callable[[], Iterable[Counted]] = tuple) -> Weighed:
        """What the policy in force says about an action, with what the catalogue knows of its tool.

        The past is read if a rule about this action asks for it; if it cannot be read, that rule cannot be checked and
        asks. `others` are actions that are let through and have not begun: they count as if they had.
        """
        policy, facts = await self.in_force(), self._facts(case)
        tallies = policy.asks(case.action, facts=facts)
        if not tallies:
            return Weighed(policy.decide(case.action, facts=facts))
        known = await self._known(tallies, case)
        history = with_others(known, others())
        ruling = policy.decide(case.action, facts=replace(facts, history=history))
        counted = tuple(Counted(each, known[each.question]) for each in tallies if each.question in known)
        return Weighed(ruling, counted, known=bool(known))

    async def in_force(self) -> Policy:
        """The policy as it is now; that it has changed is in the trail before anything is decided by it.

        Raises StoreError if that cannot be written; whoever asks next tries again.
        """
        policy = self.policy()
        if self.changes:
            async with self._writing:  # a note that is being written holds up all decisions, not only this one
                await self._write_changes()
        return policy

    async def _write_changes(self) -> None:
        while self.changes:
            note = self.changes[0]
            await self.store.apply(WriteNote(note, self.now()))
            with suppress(ValueError):  # of very many, the oldest are forgotten meanwhile
                self.changes.remove(note)

    def unlooked(self, case: Case) -> Ruling:
        """The same without a look at the past, for what asks in any case."""
        return self.policy().decide(case.action, facts=self._facts(case))

    def counts(self, case: Case) -> bool:
        """Whether a rule about this action looks at the past."""
        return bool(self.policy().asks(case.action, facts=self._facts(case)))

    async def _known(self, tallies: tuple[Tally, ...], case: Case) -> dict[Question, Past]:
        questions = tuple(dict.fromkeys(each.question for each in tallies))
        try:
            found = await self.store.fetch(ReadHistory(questions, case.run.id, case.call, self.now()))
        except Exception as exc:  # whatever it is, the rule asks
            log.warning("run %s: what happened before cannot be read, so its rules ask: %s", case.run.id, exc)
            return {}
        return dict(zip(questions, found, strict=True))

    def _facts(self, case: Case) -> Facts:
        traits = self.catalogue.traits(case.action.tool)
        return Facts(
            now=self.now(),
            backend=case.run.backend,
            environment=self.environment,
            agent=case.action.origin.agent,
            tags=frozenset(traits.tags),
            reversible=traits.reversible,
            risk=traits.risk,
            started_by=case.run.started_by,
            run=case.run.id,
            tenant=case.run.tenant,
            confidence=case.confidence,
            context=case.context,
        )


def with_others(known: Mapping[Question, Past], others: Iterable[Counted]) -> dict[Question, Past]:
    """The past with actions that have not begun yet."""
    found = dict(known)
    for each in others:
        question = each.tally.question
        if question in found:
            found[question] = found[question].with_one_of(each.tally.amount)
    return found
