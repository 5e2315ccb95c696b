"""Processes that work on one store at the same time. Functions here run in a process of their own."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from hitl_core.commands import (
    BeginEffect,
    ClaimRuns,
    Counted,
    FinishRun,
    GetRequest,
    OpenRun,
    ReadHistory,
    RecordResponse,
)
from hitl_core.errors import AlreadyDecided, HistoryMoved
from hitl_core.policy import Question, Tally
from hitl_core.protocol import Action, EffectMode, Run, RunState, new_id, sha256
from hitl_core.stores.sqlite import SqliteStore
from hitl_core.testing.clock import START

CONTEXT = multiprocessing.get_context("spawn")

SPARE = 50
"""Answers that may be missing in the diary of those who are killed: one of each."""

Place = Path | tuple[str, Path]
"""Where a store is: a file of SQLite, or the URL of a server and the folder of the store's key."""


def opened(place: Place) -> Any:
    """The store there."""
    if isinstance(place, Path):
        return SqliteStore.open_blocking(place)
    from hitl_core.stores.postgres import PostgresStore

    url, folder = place
    return PostgresStore.open_blocking(url, folder=folder)


@contextmanager
def crowd(work: Callable[..., None], arguments: list[tuple[Any, ...]], *, ends: int = 0) -> Iterator[list[BaseProcess]]:
    """One process for each set of arguments, started together; each is to end with the exit code `ends`."""
    processes: list[BaseProcess] = [CONTEXT.Process(target=work, args=each) for each in arguments]
    for process in processes:
        process.start()
    try:
        yield processes
        for process in processes:
            process.join()
            assert process.exitcode == ends, f"{process.name} ended with {process.exitcode}"
    finally:
        for process in processes:
            process.kill()
            process.join()
            process.close()


def answer_all(place: Place, requests: list[str], who: str, start: Any, won: Any) -> None:
    """Answer every request, and say which of the answers counted."""
    store = opened(place)
    mine = []
    start.wait()
    for name in requests:
        request = store.fetch_blocking(GetRequest(name)).request
        try:
            store.apply_blocking(RecordResponse(request.approve(by=who), START))
        except AlreadyDecided:
            continue
        mine.append(name)
    store.close_blocking()
    won.put(mine)


def claim_all(place: Place, who: str, start: Any, taken: Any) -> None:
    """Claim run after run until there is none left, and say which."""
    store = opened(place)
    mine = []
    start.wait()
    while claimed := store.apply_blocking(ClaimRuns(who, 3600, START, limit=2)):
        mine += [each.run.id for each in claimed]
    store.close_blocking()
    taken.put(mine)


def answer_until_killed(place: Place, requests: list[str], who: str, diary: Path) -> None:
    """Answer request after request; each acknowledged answer is in the diary before the next one begins. At the end,
    wait to be killed.
    """
    store = opened(place)
    with diary.open("a", buffering=1) as file:
        for name in requests:
            request = store.fetch_blocking(GetRequest(name)).request
            try:
                recorded = store.apply_blocking(RecordResponse(request.reject(f"by {who}", by=who), START))
            except AlreadyDecided:
                continue
            if not recorded.replayed:
                file.write(name + "\n")
    threading.Event().wait()


def killed_in_the_middle(processes: list[BaseProcess], diary: Path, answers: int, of: int) -> None:
    """Kill those who answer when so many more answers of so many are in the diary, or nearly all of them: those who
    were killed before may have given some that are not.
    """
    enough = min(len(diary.read_text().splitlines()) + answers, of - SPARE)
    while len(diary.read_text().splitlines()) < enough:
        assert all(process.is_alive() for process in processes)
    for process in processes:
        process.kill()


def finish_run(place: Place, run_id: str, ready: Any, go: Any) -> None:
    """Claim a run and finish it when told: one commit from another process."""
    store = opened(place)
    ready.set()
    go.wait()
    (claimed,) = store.apply_blocking(ClaimRuns("other process", 30, START, run_id=run_id))
    store.apply_blocking(FinishRun(claimed.lease, RunState.COMPLETED, START))
    store.close_blocking()


def raced(work: Callable[..., None], arguments: list[tuple[Any, ...]]) -> list[str]:
    """What the processes report together, after they have all started at once."""
    start, said = CONTEXT.Barrier(len(arguments)), CONTEXT.SimpleQueue()
    with crowd(work, [(*each, start, said) for each in arguments]):
        reports: list[str] = []
        for _ in arguments:
            reports += said.get()
    said.close()
    return reports


SPENT = Question(sha256(b"payments"), sha256(b"ann"))
LIMIT = 40
"""Payments that `pay_all` has leave to make, all processes together."""


def pay_all(place: Place, who: str, start: Any, paid: Any) -> None:
    """Pay for as long as the limit allows: look at the past, then begin if nobody was in between. Say which began."""
    store = opened(place)
    mine: list[str] = []
    run = Run(**RUN, id=new_id(START), created_at=START, updated_at=START)
    lease = store.apply_blocking(OpenRun(run, who, 3600, START)).lease
    start.wait()
    while (known := store.fetch_blocking(ReadHistory((SPENT,), "", "", START))[0]).count < LIMIT:
        counted = (Counted(Tally(SPENT, Decimal("0.25")), known),)
        call = f"pay#{len(mine)}"
        try:
            store.apply_blocking(BeginEffect(lease, call, PAY, EffectMode.LEDGER, START, counted=counted))
        except HistoryMoved:
            continue
        mine.append(f"{who}-{call}")
    store.close_blocking()
    paid.put(mine)


PAY = Action(tool="pay", arguments={"amount": 0.25})
RUN: dict[str, Any] = {"state": RunState.RUNNING, "backend": "plain", "app": "desk:app", "thread": "t"}
