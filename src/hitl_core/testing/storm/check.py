"""The proof after a storm: ledger, trail, store and history, held together. Pure.

faults(evidence)        # [] or a sentence for everything that must not be
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from ...commands import Effect, Settled
from ...lifecycle import ActionState, RequestState
from ...protocol import AuditEntry, AuditEvent, Run, RunState
from ..kills.approved import body_of, unapproved
from .history import words_of
from .scenes import FREE, REPEATABLE

_OVER: Final = (RunState.COMPLETED, RunState.CANCELLED)
_UNDER_WAY: Final = (ActionState.EXECUTING, ActionState.IN_DOUBT)
_ENDS: Final = (AuditEvent.RUN_COMPLETED, AuditEvent.RUN_CANCELLED)


@dataclass(frozen=True)
class Evidence:
    """All that is left. `bookings`: how many rows transactional tools have written. `findings`: what is wrong with the
    chain of the trail."""

    runs: tuple[Run, ...]
    requests: dict[str, tuple[Settled, ...]]
    effects: dict[str, tuple[Effect, ...]]
    audit: tuple[AuditEntry, ...]
    findings: tuple[str, ...]
    ledger: tuple[dict[str, Any], ...]
    bookings: int
    history: tuple[dict[str, Any], ...]

    @cached_property
    def lines(self) -> dict[str, list[AuditEntry]]:
        """The trail by what each line is about."""
        found: dict[str, list[AuditEntry]] = {}
        for entry in self.audit:
            found.setdefault(entry.subject, []).append(entry)
        return found

    def told(self, did: str) -> list[dict[str, Any]]:
        return [line for line in self.history if line["did"] == did]


def faults(evidence: Evidence) -> list[str]:
    """Everything that is wrong, a sentence each."""
    return [
        *_of_the_runs(evidence),
        *_of_the_effects(evidence),
        *_unapproved(evidence),
        *_of_the_answers(evidence),
        *_of_the_acts(evidence),
        *_under_a_stop(evidence),
        *(f"trail: {finding}" for finding in evidence.findings),
    ]


def summed(evidence: Evidence) -> dict[str, str]:
    """What happened in it, in numbers."""
    runs = Counter(run.state.value for run in evidence.runs)
    events = Counter(entry.event for entry in evidence.audit)
    taken = [body_of(entry) for entry in evidence.audit if entry.event == AuditEvent.RUN_CLAIMED]
    did = Counter(line["did"] for line in evidence.history)
    return {
        "runs": ", ".join(f"{count} {state}" for state, count in sorted(runs.items())),
        "effects": f"{len(evidence.ledger)} lines of the ledger, {evidence.bookings} bookings",
        "answers": f"{did['answered']} counted, {did['answer refused']} refused",
        "taken over": f"{sum(bool(body.get('interrupted')) for body in taken)} of {len(taken)} turns",
        "in doubt": f"{events[AuditEvent.EFFECT_IN_DOUBT]} calls, {did['ends']} processes ended to be sure",
        "deadlines": f"{events[AuditEvent.REQUEST_EXPIRED]} passed",
        "acts": f"{events[AuditEvent.STOP_SET]} stops, {events[AuditEvent.REQUEST_DELEGATED]} delegated, "
        f"{did['revoked']} revoked",
        "failed and tried again": f"{did['tries again']} times",
    }


# ── the runs ─────────────────────────────────────────────────────────────────────────────────────────────────


def _of_the_runs(evidence: Evidence) -> Iterator[str]:
    """Every run that was acknowledged is there, and every run has come to its end, once."""
    known = {run.id for run in evidence.runs}
    yield from (
        f"run {said['run']} was started and is lost" for said in evidence.told("started") if said["run"] not in known
    )
    cancelled = {said["run"] for said in evidence.told("cancels")}
    for run in evidence.runs:
        if run.state not in _OVER:
            waits = [each.title for each in run.pending]
            yield f"run {run.id} ({run.app}) is {run.state.value} in the end: {run.error or waits}"
        if run.state is RunState.CANCELLED and run.id not in cancelled:
            yield f"run {run.id} is cancelled, and nobody has"
        ends = [entry.event for entry in evidence.lines.get(run.id, ()) if entry.event in _ENDS]
        if len(ends) > 1:
            yield f"run {run.id} has ended {len(ends)} times: {', '.join(ends)}"


# ── what happened ────────────────────────────────────────────────────────────────────────────────────────────


def _of_the_effects(evidence: Evidence) -> Iterator[str]:
    """What happened is recorded as having happened, and the other way round; each once."""
    times = Counter((line["tool"], line["key"]) for line in evidence.ledger)
    for (tool, key), count in times.items():
        if count > 1 and tool not in REPEATABLE:
            yield f"the effect of {key} happened {count} times"
    happened = {key for _, key in times}
    cancelled = {run.id for run in evidence.runs if run.state is RunState.CANCELLED}
    booked = 0
    for run, effects in evidence.effects.items():
        for effect in effects:
            key = f"{run}:{effect.call}"
            doubtful = effect.state is ActionState.IN_DOUBT and run in cancelled  # nobody is asked about it any more
            if effect.state in _UNDER_WAY and not doubtful:
                yield f"{key} of a run that is over is {effect.state.value}"
            if effect.action.tool == "book":
                booked += effect.state is ActionState.EXECUTED
            elif effect.state is ActionState.EXECUTED and key not in happened:
                yield f"{key} is recorded as executed, and has not happened"
    if booked != evidence.bookings:
        yield f"{booked} bookings are recorded, and there are {evidence.bookings}"


def _unapproved(evidence: Evidence) -> Iterator[str]:
    for line in evidence.ledger:
        run = str(line["key"]).partition(":")[0]
        requests = evidence.requests.get(run, ())
        audit = [*evidence.lines.get(run, ())]
        audit += [entry for each in requests for entry in evidence.lines.get(each.request.id, ())]
        yield from unapproved(line, evidence.effects.get(run, ()), requests, audit, free=FREE)
    for run, effects in evidence.effects.items():
        ended = [entry.seq for entry in evidence.lines.get(run, ()) if entry.event in _ENDS]
        begun = [entry.seq for entry in evidence.lines.get(run, ()) if entry.event == AuditEvent.EFFECT_STARTED]
        if ended and begun and max(begun) > min(ended):
            yield f"something has begun in run {run} ({len(effects)} calls) after its end"


# ── what people were told ────────────────────────────────────────────────────────────────────────────────────


def _of_the_answers(evidence: Evidence) -> Iterator[str]:
    """Whoever was told that an answer counts finds that one in the store; a deadline passes once."""
    known = {each.request.id: each for found in evidence.requests.values() for each in found}
    for said in evidence.told("answered"):
        settled = known.get(said["request"])
        if settled is None:
            yield f"{said['by']} has answered {said['request']}, which is lost"
        elif said["decision"] != "delegate" and not _is_in(settled, said):
            stands = settled.response and (settled.response.responder.id, settled.response.decision.type)
            yield f"{said['by']} was told that {said['decision']} counts for {said['request']}; what stands is {stands}"
    for request, settled in known.items():
        found = Counter(entry.event for entry in evidence.lines.get(request, ()))
        for event in (AuditEvent.REQUEST_OPENED, AuditEvent.REQUEST_DECIDED, AuditEvent.REQUEST_EXPIRED):
            if found[event] > 1:
                yield f"{event.value} of {request} is in the trail {found[event]} times"
        if settled.state in (RequestState.OPEN, RequestState.FROZEN):
            yield f"request {request} is {settled.state.value} in the end"


def _is_in(settled: Settled, said: dict[str, Any]) -> bool:
    response = settled.response
    return response is not None and (response.responder.id, words_of(response)) == (said["by"], said["words"])


def _of_the_acts(evidence: Evidence) -> Iterator[str]:
    """What an operator was told to be done is in the trail, as often."""
    trail = Counter((entry.event, entry.subject) for entry in evidence.audit)
    for did, event in (("stopped", AuditEvent.STOP_SET), ("cancelled", AuditEvent.RUN_CANCELLED)):
        for subject, count in Counter(map(_subject, evidence.told(did))).items():
            if trail[event, subject] < count:
                yield f"{subject} was {did} {count} times, and the trail has {trail[event, subject]}"
    states = {each.request.id: each.state for found in evidence.requests.values() for each in found}
    for said in evidence.told("revoked"):
        if states.get(said["request"]) is not RequestState.REVOKED:
            yield f"{said['request']} was revoked, and is {states.get(said['request'])}"


def _subject(said: dict[str, Any]) -> str:
    return str(said["run"]) if "run" in said else ":".join(filter(None, (said["scope"], said["target"])))


def _under_a_stop(evidence: Evidence) -> Iterator[str]:
    """The trail has the order of the commits: nothing that a stop covers begins while it is in force."""
    tools = {(run, each.call): each.action.tool for run, found in evidence.effects.items() for each in found}
    in_force: set[str] = set()
    for entry in evidence.audit:
        if entry.event == AuditEvent.STOP_SET:
            in_force.add(entry.subject)
        elif entry.event == AuditEvent.STOP_LIFTED:
            in_force.discard(entry.subject)
        elif entry.event == AuditEvent.EFFECT_STARTED:
            call = body_of(entry)["call"]
            tool = tools.get((entry.subject, call), "")
            for stop in {"all", f"run:{entry.subject}", f"tool:{tool}"} & in_force:
                yield f"{call} of run {entry.subject} has begun under the stop of {stop}"
