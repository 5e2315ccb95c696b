"""Stores filled with open pauses, made in the quickest honest way: through the store's own commands."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol, TypeVar

from hitl_core.commands import Claimed, Command, OpenRun, PauseRun, Query
from hitl_core.contracts import Store
from hitl_core.protocol import Action, Because, Kind, Level, PauseRequest, Reply, Run, RunState, new_id
from hitl_core.stores.sqlite import SqliteStore

BODY_BYTES = 1200
"""Bytes of JSON that one stored request has."""
AT_ONCE = 500
WORDS = random.Random(7)
"""No easier to compress than what people write."""
MEMO = " ".join("".join(WORDS.choices("etaoinshrdlu", k=5)) for _ in range(BODY_BYTES // 6))


R = TypeVar("R")


class Blocking(Protocol):
    """A store in the calling thread; both are."""

    def apply_blocking(self, command: Command[R]) -> R: ...

    def fetch_blocking(self, query: Query[R]) -> R: ...


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


def request_record(run_id: str, now: datetime, *, waits: timedelta = timedelta(days=30)) -> PauseRequest:
    """An approval whose stored JSON has BODY_BYTES bytes, with a deadline."""
    made = _request(run_id, now, "", now + waits)
    return _request(run_id, now, MEMO[: BODY_BYTES - len(made.to_json())], now + waits)


def _request(run_id: str, now: datetime, memo: str, deadline: datetime) -> PauseRequest:
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
        deadline=deadline,
    )


async def fill(store: Store, pauses: int) -> list[PauseRequest]:
    """Open `pauses` runs, each paused at one approval; returns the requests."""
    made: list[PauseRequest] = []
    for begin in range(0, pauses, AT_ONCE):
        made += await asyncio.gather(*(_pause(store) for _ in range(min(AT_ONCE, pauses - begin))))
    return made


async def _pause(store: Store) -> PauseRequest:
    now = datetime.now(UTC)
    claimed: Claimed = await store.apply(OpenRun(run_record(now), "bench", 60.0, now))
    request = request_record(claimed.run.id, now)
    await store.apply(PauseRun(claimed.lease, {"version": 1}, (request,), now))
    return request


async def filled(folder: Path, pauses: int) -> tuple[SqliteStore, list[PauseRequest]]:
    """A store in a file of its own with that many open pauses."""
    store = await SqliteStore.open(f"sqlite:///pauses-{pauses}.db", folder=folder)
    return store, await fill(store, pauses)
