"""The proof after each scenario: ledger, acknowledged answers, store and trail, held together when nobody writes.

assert faults(await left(place)) == []          # nothing lost, nothing twice, nothing unapproved, chain intact
assert faults(await left(place), over=True) == []    # and every run has come to its end
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from hitl_core.audit import verify
from hitl_core.commands import Effect, GetRun, ListEffects, ListRequests, ListRuns, ReadAudit, Settled
from hitl_core.lifecycle import ActionState, RequestState
from hitl_core.protocol import AuditEntry, AuditEvent, EffectMode, Kind, Run, RunState
from hitl_core.testing.kills.approved import body_of, unapproved
from tests.faults.diary import ACKNOWLEDGED, LEDGER, Diary
from tests.faults.places import Place

MANY = 10**6
WAITS = (RequestState.OPEN, RequestState.FROZEN)
ENDS = {
    RunState.COMPLETED: AuditEvent.RUN_COMPLETED,
    RunState.FAILED: AuditEvent.RUN_FAILED,
    RunState.CANCELLED: AuditEvent.RUN_CANCELLED,
}


@dataclass(frozen=True)
class Left:
    """All that is left of a scenario."""

    runs: tuple[Run, ...]
    requests: tuple[Settled, ...]
    effects: dict[str, tuple[Effect, ...]]
    audit: tuple[AuditEntry, ...]
    findings: tuple[str, ...]
    ledger: tuple[dict[str, Any], ...]
    acknowledged: tuple[dict[str, Any], ...]

    def lines(self, event: AuditEvent) -> list[AuditEntry]:
        return [entry for entry in self.audit if entry.event == event]


async def left(place: Place) -> Left:
    """Read all of it. Opened anew, as whoever comes after the crash does."""
    store = await place.store()
    try:
        runs = await _every(store, lambda cursor: ListRuns(limit=1000, cursor=cursor))
        every = tuple(RequestState)
        requests = [
            await _every(store, lambda cursor, run=run: ListRequests(every, run.id, limit=1000, cursor=cursor))
            for run in runs
        ]
        return Left(
            runs=tuple([await store.fetch(GetRun(run.id)) for run in runs]),
            requests=tuple(settled for each in requests for settled in each),
            effects={run.id: await store.fetch(ListEffects(run.id)) for run in runs},
            audit=(await store.fetch(ReadAudit(limit=MANY))).items,
            findings=tuple(map(str, (await verify(store, store.custody)).findings)),
            ledger=tuple(Diary(place.folder / LEDGER).lines),
            acknowledged=tuple(Diary(place.folder / ACKNOWLEDGED).lines),
        )
    finally:
        await store.close()


async def _every(store: Any, page: Any) -> list[Any]:
    found, cursor = [], None
    while True:
        read = await store.fetch(page(cursor))
        found += read.items
        cursor = read.cursor
        if cursor is None:
            return found


def faults(left: Left, *, free: Collection[str] = (), over: bool = False) -> list[str]:
    """What is wrong, a sentence each. `free`: tools that need no decision; `over`: nothing may be under way."""
    return [
        *_lost(left),
        *_twice(left),
        *_unapproved(left, free),
        *(f"trail: {finding}" for finding in left.findings),
        *(_under_way(left) if over else ()),
    ]


# ── nothing lost ─────────────────────────────────────────────────────────────────────────────────────────────


def _lost(left: Left) -> Iterator[str]:
    yield from _lost_answers(left)
    yield from _not_in_both(left)
    for run in left.runs:
        if run.state is RunState.PAUSED and not run.pending:
            yield f"run {run.id} is paused and waits for nobody"


def _lost_answers(left: Left) -> Iterator[str]:
    """Whoever was told that an answer counts finds that one in the store."""
    kept = {settled.request.id: settled.response for settled in left.requests}
    for said in left.acknowledged:
        response = kept.get(said["request"])
        if response is None:
            yield f"the answer of {said['by']} to {said['request']} was acknowledged and is lost"
        elif (response.responder.id, response.decision.type) != (said["by"], said["decision"]):
            yield f"{said['by']} was told to have won {said['request']}, and {response.responder.id} is in the store"


def _not_in_both(left: Left) -> Iterator[str]:
    """What the store has, the trail has, as often; and nothing else."""
    requests = [each for each in left.requests if each.request.kind is not Kind.NOTICE]
    yield from _differ(left, AuditEvent.RUN_STARTED, [run.id for run in left.runs])
    yield from _differ(left, AuditEvent.REQUEST_OPENED, [each.request.id for each in requests])
    decided = [each.request.id for each in requests if each.response is not None and not each.votes]
    yield from _differ(left, AuditEvent.REQUEST_DECIDED, decided, but=[e.request.id for e in requests if e.votes])
    expired = [each.request.id for each in requests if each.state is RequestState.EXPIRED]
    yield from _differ(left, AuditEvent.REQUEST_EXPIRED, expired, also=True)
    for state, event in ENDS.items():
        yield from _differ(left, event, [run.id for run in left.runs if run.state is state], also=True)


def _differ(
    left: Left, event: AuditEvent, stored: Iterable[str], *, but: Collection[str] = (), also: bool = False
) -> Iterator[str]:
    """`but`: of whom the trail may say anything; `also`: it may say it of others too, as of what has gone on since."""
    told = Counter(entry.subject for entry in left.lines(event) if entry.subject not in but)
    wanted = Counter(stored)
    yield from (f"the store has {name}, the trail has not: {event.value}" for name in wanted - told)
    yield from (
        f"the trail has {name} and the store has not: {event.value}" for name in ({} if also else told - wanted)
    )


# ── nothing twice ────────────────────────────────────────────────────────────────────────────────────────────


def _twice(left: Left) -> Iterator[str]:
    yield from _often("the effect of {}", Counter(line["key"] for line in left.ledger))
    for event in (AuditEvent.RUN_STARTED, AuditEvent.REQUEST_OPENED, AuditEvent.REQUEST_EXPIRED, *ENDS.values()):
        yield from _often(f"{event.value} of {{}}", Counter(entry.subject for entry in left.lines(event)))
    votes = {settled.request.id for settled in left.requests if settled.votes}
    decided = Counter(entry.subject for entry in left.lines(AuditEvent.REQUEST_DECIDED) if entry.subject not in votes)
    yield from _often("the decision of {}", decided)
    yield from _often("the beginning of {}", _begun(left))
    waiting = (each.request for each in left.requests if each.state in WAITS and each.request.kind is not Kind.NOTICE)
    yield from _often("an open request for {}", Counter(f"{each.run_id}:{each.call}" for each in waiting))


def _begun(left: Left) -> Counter[str]:
    """How often each call began, those left out that may begin again: idempotent ones, and what did not happen."""
    settled = {_call(entry) for entry in left.lines(AuditEvent.EFFECT_SETTLED)}
    lines = left.lines(AuditEvent.EFFECT_STARTED)
    again = settled | {_call(entry) for entry in lines if body_of(entry)["mode"] == EffectMode.IDEMPOTENT}
    return Counter(call for call in map(_call, lines) if call not in again)


def _call(entry: AuditEntry) -> str:
    return f"{entry.subject}:{body_of(entry)['call']}"


def _often(what: str, counted: Counter[str]) -> Iterator[str]:
    yield from (f"{what.format(name)} is there {times} times" for name, times in counted.items() if times > 1)


# ── nothing unapproved ───────────────────────────────────────────────────────────────────────────────────────


def _unapproved(left: Left, free: Collection[str]) -> Iterator[str]:
    asked: dict[str, list[Settled]] = {}
    for settled in left.requests:
        asked.setdefault(settled.request.run_id, []).append(settled)
    told = {
        AuditEvent.EFFECT_STARTED: _by_subject(left, AuditEvent.EFFECT_STARTED),
        AuditEvent.REQUEST_DECIDED: _by_subject(left, AuditEvent.REQUEST_DECIDED),
    }
    for line in left.ledger:
        run = line["key"].partition(":")[0]
        requests = asked.get(run, [])
        audit = list(told[AuditEvent.EFFECT_STARTED].get(run, []))
        for each in requests:
            audit += told[AuditEvent.REQUEST_DECIDED].get(each.request.id, [])
        yield from unapproved(line, left.effects.get(run, ()), requests, audit, free=free)


def _by_subject(left: Left, event: AuditEvent) -> dict[str, list[AuditEntry]]:
    found: dict[str, list[AuditEntry]] = {}
    for entry in left.lines(event):
        found.setdefault(entry.subject, []).append(entry)
    return found


# ── nothing left over ────────────────────────────────────────────────────────────────────────────────────────


def _under_way(left: Left) -> Iterator[str]:
    for run in left.runs:
        if not run.state.over:
            yield f"run {run.id} is {run.state.value}, and has not come to its end"
        for effect in left.effects[run.id]:
            if effect.state in (ActionState.EXECUTING, ActionState.IN_DOUBT):
                yield f"the call {effect.call} of run {run.id} is {effect.state.value}"
            happened = any(line["key"] == f"{run.id}:{effect.call}" for line in left.ledger)
            if effect.state is ActionState.EXECUTED and left.ledger and not happened:
                yield f"the call {effect.call} of run {run.id} is executed, and the ledger does not know of it"
