"""All that the store knows of one run, brought together for its account."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from ..audit import ELSEWHERE, RunRecord
from ..commands import (
    Effect,
    GetRun,
    ListComments,
    ListEffects,
    ListGrants,
    ListGuidance,
    ListOverrides,
    ListRequests,
    ListVersions,
    ReadAudit,
    Settled,
)
from ..contracts import Store, every
from ..lifecycle import RequestState
from ..protocol import AuditEntry, DraftVersion, Grant
from .undoing import undos


async def record_of(store: Store, run_id: str) -> RunRecord:
    """One run with everything that was asked, said and done in it, and what others did that may be about it.

    Raises RunNotFound.
    """
    all_asked = ListRequests(tuple(RequestState), run_id=run_id, notices=True)
    asked, effects = [each async for each in every(store, all_asked)], await store.fetch(ListEffects(run_id))
    return RunRecord(
        run=await store.fetch(GetRun(run_id)),
        asked=tuple(asked),
        effects=effects,
        guidance=await store.fetch(ListGuidance(run_id)),
        versions=await _versions(store, asked),
        comments=tuple([said for each in asked for said in await store.fetch(ListComments(each.request.id))]),
        overrides=await store.fetch(ListOverrides(run_id)),
        undos=await undos(store, run_id),
        grants=await _grants(store, effects),
        entries=tuple([each async for each in entries(store, run_id=run_id)]),
        elsewhere=tuple([each async for each in entries(store, events=ELSEWHERE)]),
    )


def entries(store: Store, *, run_id: str | None = None, events: tuple[str, ...] = ()) -> AsyncIterator[AuditEntry]:
    """The audit trail, or what is in it about one run, or of some events; never held as a whole."""
    return every(store, ReadAudit(run_id=run_id, events=events))


async def _versions(store: Store, asked: Iterable[Settled]) -> tuple[DraftVersion, ...]:
    """The versions of the drafts that were shared in a run, each once."""
    shared = dict.fromkeys(each.request.draft for each in asked if each.request.draft is not None)
    return tuple([version for draft in shared for version in await store.fetch(ListVersions(draft))])


async def _grants(store: Store, effects: Iterable[Effect]) -> tuple[Grant, ...]:
    used = dict.fromkeys(each.grant_id for each in effects if each.grant_id is not None)
    return tuple([grant for id in used for grant in await store.fetch(ListGrants(id=id))])
