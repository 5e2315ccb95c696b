"""What the store knows of one run, with a page of its trail: as much as is shown, however long the run has become."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ....commands import (
    Effect,
    FollowAudit,
    GetRequest,
    ListComments,
    ListEffects,
    ListGuidance,
    ListOverrides,
    ListRuns,
    ListStops,
    Override,
    Settled,
    Stop,
)
from ....contracts import Store
from ....errors import RequestNotFound
from ....protocol import AuditEntry, AuditEvent, Guidance, Run

LINES: Final = 60
"""Lines of the trail on a page."""
UNDOS: Final = 20


@dataclass(frozen=True, slots=True)
class History:
    """One run. `lines` are a page of its trail; `more` is where the next one begins, None on the last page."""

    run: Run
    lines: tuple[AuditEntry, ...] = ()
    more: int | None = None
    asked: dict[str, Settled] = field(default_factory=dict)
    effects: tuple[Effect, ...] = ()
    guidance: tuple[Guidance, ...] = ()
    overrides: tuple[Override, ...] = ()
    undos: tuple[Run, ...] = ()
    stops: tuple[Stop, ...] = ()
    said: dict[tuple[str, datetime], str] = field(default_factory=dict)
    """Comments, by their request and their time."""

    def effect(self, call: str) -> Effect | None:
        return next((each for each in self.effects if each.call == call), None)


async def history_of(store: Store, run: Run, *, after: int = 0) -> History:
    """The history of a run from a line on."""
    page = await store.fetch(FollowAudit(after=after, limit=LINES, run_id=run.id))
    lines = tuple(each.entry for each in page.items)
    return History(
        run=run,
        lines=lines,
        more=None if page.cursor is None else int(page.cursor),
        asked=await _asked(store, lines),
        effects=await store.fetch(ListEffects(run.id)),
        guidance=await store.fetch(ListGuidance(run.id)),
        overrides=await store.fetch(ListOverrides(run.id)),
        undos=(await store.fetch(ListRuns(undoes=run.id, limit=UNDOS))).items,
        stops=await store.fetch(ListStops(run.id, run.tenant)),
        said=await _said(store, lines),
    )


async def _said(store: Store, lines: Iterable[AuditEntry]) -> dict[tuple[str, datetime], str]:
    """The comments that these lines are about."""
    about = dict.fromkeys(each.subject for each in lines if each.event == AuditEvent.REQUEST_COMMENTED)
    return {(id, each.made_at): each.text for id in about for each in await store.fetch(ListComments(id))}


async def _asked(store: Store, lines: Iterable[AuditEntry]) -> dict[str, Settled]:
    """The requests that these lines are about."""
    found = {}
    for id in dict.fromkeys(each.subject for each in lines if each.event.startswith(_OF_REQUESTS)):
        try:
            found[id] = await store.fetch(GetRequest(id))
        except RequestNotFound:  # it was taken out of the store; the trail still has its line
            continue
    return found


_OF_REQUESTS: Final = ("request.", "draft.", "action.noticed", "action.reported")
