"""Stores filled with open pauses, made in the quickest honest way: through the store's own commands."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hitl_core.commands import Claimed, OpenRun, PauseRun
from hitl_core.protocol import Action, Because, Kind, Level, PauseRequest, Reply, Run, RunState, new_id
from hitl_core.stores.sqlite import SqliteStore

BODY_BYTES = 1200
"""Bytes of JSON that one stored request has."""
AT_ONCE = 500


def run_record(now: datetime) -> Run:
    """A run that has just begun."""
    run_id = new_id(now)
    return Run(
        id=run_id,
        state=RunState.RUNNING,
        backend="plain",
        app="bench:app",
        thread=run_id,
        created_at=now,
        updated_at=now,
    )


def request_record(run_id: str, now: datetime) -> PauseRequest:
    """An approval whose stored JSON has BODY_BYTES bytes."""
    made = _request(run_id, now, "")
    return _request(run_id, now, "x" * (BODY_BYTES - len(made.to_json())))


def _request(run_id: str, now: datetime, memo: str) -> PauseRequest:
    action = Action(tool="issue_refund", arguments={"order": "A-1042", "amount": 120.5, "memo": memo})
    return PauseRequest(
        id=new_id(now),
        run_id=run_id,
        call="issue_refund#1",
        kind=Kind.APPROVAL,
        level=Level.CONFIRM,
        title="Issue refund",
        action=action,
        digest=action.digest,
        allowed=(Reply.APPROVE, Reply.EDIT, Reply.REJECT, Reply.ANSWER, Reply.CANCEL),
        because=Because(rule="refunds", version="2026-11-01", why="Refunds are confirmed by a person."),
        created_at=now,
        deadline=now + timedelta(days=30),
    )


async def fill(store: SqliteStore, pauses: int) -> list[PauseRequest]:
    """Open `pauses` runs, each paused at one approval; returns the requests."""
    made: list[PauseRequest] = []
    for begin in range(0, pauses, AT_ONCE):
        made += await asyncio.gather(*(_pause(store) for _ in range(min(AT_ONCE, pauses - begin))))
    return made


async def _pause(store: SqliteStore) -> PauseRequest:
    now = datetime.now(UTC)
    claimed: Claimed = await store.apply(OpenRun(run_record(now), "bench", 60.0, now))
    request = request_record(claimed.run.id, now)
    await store.apply(PauseRun(claimed.lease, {"version": 1}, (request,), now))
    return request


async def filled(folder: Path, pauses: int) -> tuple[SqliteStore, list[PauseRequest]]:
    """A store in a file of its own with that many open pauses."""
    store = await SqliteStore.open(f"sqlite:///pauses-{pauses}.db", folder=folder)
    return store, await fill(store, pauses)
