"""Standing grants as one turn of a run meets them: which one lets an action run that a rule would ask about.

A grant takes the place of one person's approval and of nothing more. What it reaches for is checked here, where the
policy and the tool are known, and again in the transaction that begins the action, which counts the use.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass

from ..commands import Effect, ListGrants, Settled
from ..errors import GrantRefused
from ..policy import amount_of, reasons_against
from ..protocol import Grant, Level, Proceed, Ruling, Run
from ..quorum import is_of, needs_several
from .forms import is_reversible
from .standing import unmet
from .surroundings import Case, Surroundings

log = logging.getLogger("hitl_core")


@dataclass(frozen=True, slots=True)
class Covered:
    """The grant that lets an action run, if there is one; else the nearest one, in words, for who is asked."""

    grant: Grant | None = None
    nearly: str = ""

    def told(self, ruling: Ruling) -> Ruling:
        """The ruling of a question that no grant spares people: it says which one nearly did, and why not."""
        return ruling.model_copy(update={"why": f"{ruling.why} {self.nearly}"}) if self.nearly else ruling


class Granting:
    """The grants of one turn. What is let through under one counts here until it has begun."""

    def __init__(self, around: Surroundings, run: Run) -> None:
        self._around = around
        self._run = run
        self._let_through: dict[str, tuple[Grant, Case]] = {}
        self.lost: GrantRefused | None = None
        """That a call of this turn was let through under a grant which others had used up or taken back meanwhile."""
        self._looking = asyncio.Lock()

    async def cover(self, case: Case, ruling: Ruling) -> Covered:
        """Look for a grant that reaches for this action. If grants cannot be read, there is none, and people are asked.

        The oldest one that reaches is taken.
        """
        async with self._looking:
            return await self._cover(case, ruling)

    async def counted(self, call: str, beginning: Awaitable[Effect]) -> Effect:
        """Wait for an action to begin. One under a grant counts here until the store counts it, and never in both."""
        if call not in self._let_through:
            return await beginning
        async with self._looking:
            try:
                begun = await beginning
            except GrantRefused as exc:
                self.lost = exc
                raise
            self.holds_back(call)
            return begun

    async def _cover(self, case: Case, ruling: Ruling) -> Covered:
        self._let_through.pop(case.call, None)
        try:
            query = ListGrants(case.action.tool, self._run.tenant, self._run.id, case.call)
            grants = await self._around.store.fetch(query)
            found = [(grant, self._against(grant, case, ruling)) for grant in map(self._with_others, grants)]
        except Exception as exc:  # whatever it is, people are asked
            log.warning("run %s: standing grants cannot be read, so nothing runs under one: %s", self._run.id, exc)
            return Covered()
        for grant, against in reversed(found):
            if not against:
                self._let_through[case.call] = (grant, case)
                return Covered(grant)
        return Covered(nearly=_nearest(found))

    async def unmet(self, ruling: Ruling, decided: Settled | None, case: Case) -> str:
        """As `standing.unmet`; where nobody was asked, a grant is enough."""
        missing = unmet(ruling, decided)
        if not missing or decided is not None:
            return missing
        return "" if (await self.cover(case, ruling)).grant is not None else missing

    def holds_back(self, call: str) -> None:
        """The call does not begin under a grant after all."""
        self._let_through.pop(call, None)

    def under(self, allowed: Proceed) -> str | None:
        """The id of the grant that an action is about to begin under; None if a person or a rule lets it."""
        grant, case = self._let_through.get(allowed.call, (None, None))
        if grant is None or case is None or allowed.request_id is not None:
            return None
        return grant.id if case.action.digest == allowed.action.digest else None

    def still(self, allowed: Proceed, ruling: Ruling) -> bool:
        """Whether the grant that an action is about to begin under takes the place of what this ruling asks for."""
        if self.under(allowed) is None:
            return False
        grant, case = self._let_through[allowed.call]
        return not list(_beyond_grants(grant, ruling, case, self._reversible(case)))

    def _against(self, grant: Grant, case: Case, ruling: Ruling) -> list[str]:
        run, now = self._run, self._around.now()
        found = reasons_against(grant, case.action, run=run.id, tenant=run.tenant, now=now)
        return [*_beyond_grants(grant, ruling, case, self._reversible(case)), *found]

    def _reversible(self, case: Case) -> bool:
        return is_reversible(self._around.catalogue.traits(case.action.tool), case.action)

    def _with_others(self, grant: Grant) -> Grant:
        """The grant with what is let through under it in this turn and has not begun."""
        others = [case.action for other, case in self._let_through.values() if other.id == grant.id]
        spent = sum(float(amount_of(grant.allows, action)) for action in others)
        return grant.model_copy(update={"used": grant.used + len(others), "spent": grant.spent + spent})


def _beyond_grants(grant: Grant, ruling: Ruling, case: Case, reversible: bool) -> Iterator[str]:
    """What no grant, or not one by this person, can take the place of."""
    if not reversible:
        yield "the action is not known to be reversible"
    if ruling.level is not Level.CONFIRM:
        yield f"nothing at level {ruling.level} runs under a grant"
    if ruling.veto_seconds is not None:
        yield "a veto window is not passed over"
    if ruling.doubtful:
        yield "a rule could not be checked"
    if needs_several(ruling.approvers):
        yield "several people decide this"
    if not is_of(grant.by, ruling.approvers.in_order[0]):
        yield f"{grant.by.id} may not decide this"
    if grant.by.id == case.run.started_by and not ruling.approvers.allow_self:
        yield f"{grant.by.id} started this run"
    if grant.by.id in case.action.origin.agents:
        yield f"{grant.by.id} is the agent that asks"


def _nearest(found: list[tuple[Grant, list[str]]]) -> str:
    """The grant that lacks least, the newest of several, and what it lacks."""
    if not found:
        return ""
    grant, against = min(found, key=lambda each: len(each[1]))
    return f"The grant {grant.id} by {grant.by.id} nearly covers it, but: {'; '.join(against)}."
