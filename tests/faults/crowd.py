"""What processes do that work on one store at the same moment. Each takes only JSON, and says what came of each try."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import perf_counter
from typing import Any

from hitl_core.commands import (
    BeginEffect,
    CancelRun,
    ClaimRuns,
    EndEffect,
    FinishRun,
    FireTimers,
    GetRequest,
    ListRequests,
    OpenRun,
    PauseRun,
    RecordResponse,
)
from hitl_core.errors import HitlError, ResponseRefused
from hitl_core.protocol import EffectMode, Executed, PauseRequest, RunState
from hitl_core.testing.clock import START
from tests.core.stores.world import REFUND, World
from tests.faults.diary import ACKNOWLEDGED, LEDGER, Diary
from tests.faults.meeting import Party
from tests.faults.places import Place

JITTER = 0.0005
"""Seconds within which those who meet begin: about what a transaction takes."""


@contextmanager
def _met(place: list[str], meeting: str) -> Iterator[tuple[Any, Party]]:
    store = Place.of(place).store_blocking()
    try:
        with Party(meeting) as meet:
            yield store, meet
    finally:
        store.close_blocking()


def _answered(store: Any, place: list[str], request: PauseRequest, who: str, said: str, key: str | None) -> str:
    """What the client is told: won, same, or the error by name."""
    made = request.approve(by=who) if said == "approve" else request.reject("no", by=who)
    response = made.model_copy(update={"idempotency_key": key, "decided_at": START})
    try:
        recorded = store.apply_blocking(RecordResponse(response, START))
    except ResponseRefused as exc:
        return f"{type(exc).__name__}: {exc}"
    got = "same" if recorded.replayed else "won"
    Diary(Place.of(place).folder / ACKNOWLEDGED).write(request=request.id, by=who, decision=said, got=got)
    return got


def answer_each(
    place: list[str],
    meeting: str,
    requests: list[str],
    who: str,
    said: str = "approve",
    key: str | None = None,
) -> list[str]:
    """Answer one request after the other, each in the same moment as all others here. `key`: of every answer."""
    with _met(place, meeting) as (store, meet):
        told = []
        for name in requests:
            request = store.fetch_blocking(GetRequest(name)).request
            meet(jitter=JITTER)
            told.append(_answered(store, place, request, who, said, key and f"{key} {name}"))
        return told


def fire_each(place: list[str], meeting: str, dues: int) -> list[list[str]]:
    """Fire the deadlines, which are a minute apart, each in the moment in which its request is answered."""
    with _met(place, meeting) as (store, meet):
        fired = []
        for number in range(1, dues + 1):
            meet(jitter=JITTER)
            found = store.apply_blocking(FireTimers(START + timedelta(minutes=number)))
            fired.append([settled.request.id for settled in found])
        return fired


def cancel_each(place: list[str], meeting: str, runs: list[str]) -> list[str]:
    """Cancel one run after the other, each in the moment in which its request is answered."""
    with _met(place, meeting) as (store, meet):
        told = []
        for name in runs:
            meet(jitter=JITTER)
            told.append(store.apply_blocking(CancelRun(name, "boss", "wrong customer", START)).state.value)
        return told


def claim_each(place: list[str], meeting: str, runs: list[str], who: str) -> list[int]:
    """Claim one run after the other, each in the same moment as all others here; the fence, or 0 if it was not free."""
    with _met(place, meeting) as (store, meet):
        fences = []
        for name in runs:
            meet(jitter=JITTER)
            claimed = store.apply_blocking(ClaimRuns(who, 3600, START, run_id=name))
            fences.append(claimed[0].lease.fence if claimed else 0)
        return fences


def write_a_lot(place: list[str], meeting: str, who: str, cycles: int) -> list[float]:
    """Whole runs, one after the other, as fast as it goes; how long each of the commands took."""
    ledger, took = Diary(Place.of(place).folder / LEDGER), list[float]()
    with _met(place, meeting) as (store, meet):

        def timed(command: Any) -> Any:
            began = perf_counter()
            result = store.apply_blocking(command)
            took.append(perf_counter() - began)
            return result

        meet()
        for number in range(cycles):
            _one_run(World(store), timed, ledger, f"{who}-{number}")
    return took


def _one_run(world: World, timed: Any, ledger: Diary, thread: str) -> None:
    lease = timed(OpenRun(world.run(thread=thread), thread, 3600, START)).lease
    request = world.request(world.run(id=lease.run_id))
    timed(PauseRun(lease, {"step": 1}, (request,), START))
    timed(RecordResponse(request.approve(by="ann"), START))
    (claimed,) = timed(ClaimRuns(thread, 3600, START, run_id=lease.run_id))
    timed(BeginEffect(claimed.lease, request.call, REFUND, EffectMode.LEDGER, START, request.id))
    ledger.write(tool="refund", key=f"{lease.run_id}:{request.call}", **REFUND.arguments)
    timed(EndEffect(claimed.lease, request.call, Executed(result="paid"), START))
    timed(FinishRun(claimed.lease, RunState.COMPLETED, START, consumed=(request.call,)))


def respond_to(place: list[str], request: str, who: str) -> str:
    """Answer, alone."""
    store = Place.of(place).store_blocking()
    try:
        found = store.fetch_blocking(GetRequest(request)).request
        return _answered(store, place, found, who, "approve", None)
    except HitlError as exc:
        return f"{type(exc).__name__}: {exc}"
    finally:
        store.close_blocking()


def sweep(place: list[str], meeting: str, moments: list[int]) -> dict[str, Any]:
    """Fire what is due at each of these seconds after the start until nothing is left; how many came back, by state,
    the most that came back at once, and how long the last of it took."""
    with _met(place, meeting) as (store, meet):
        fired, most, began = Counter[str](), 0, 0.0
        for seconds in moments:
            meet()
            began = perf_counter()
            while found := store.apply_blocking(FireTimers(START + timedelta(seconds=seconds))):
                fired.update(settled.state.value for settled in found)
                most = max(most, len(found))
        return {"fired": dict(fired), "most": most, "took": perf_counter() - began}


def look_at_inbox(place: list[str], meeting: str, moments: list[int]) -> dict[str, Any]:
    """Read the first page of the inbox until it is empty; how often, and how long the longest look took."""
    with _met(place, meeting) as (store, meet):
        took = [0.0]
        for _ in moments:
            meet()
        while _timed(took, lambda: store.fetch_blocking(ListRequests()).items):
            pass
        return {"looks": len(took), "longest": max(took)}


def _timed(took: list[float], look: Callable[[], Any]) -> Any:
    began = perf_counter()
    found = look()
    took.append(perf_counter() - began)
    return found
