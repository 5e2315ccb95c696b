"""What people did to a run without having been asked: stops and their end, cancellations, what was refused to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ...commands import Stop, StopScope
from ...protocol import AuditEntry, AuditEvent, Json
from .chapters import Chapter, body_of, chapter, in_json, known, texts, when
from .record import RunRecord

ELSEWHERE: Final = (
    AuditEvent.STOP_SET,
    AuditEvent.STOP_LIFTED,
    AuditEvent.ACT_REFUSED,
    AuditEvent.BATCH_REFUSED,
    AuditEvent.GRANT_REVOKED,
)
"""Lines that are no run's own, and may be about it."""

_TITLES: Final = {
    AuditEvent.STOP_SET: "A stop",
    AuditEvent.STOP_LIFTED: "A stop was lifted",
    AuditEvent.ACT_REFUSED: "Refused: somebody may not do this",
    AuditEvent.BATCH_REFUSED: "Refused: an answer to many at once",
    AuditEvent.GRANT_REVOKED: "A grant was taken back",
    AuditEvent.GUIDANCE_REFUSED: "Refused: something to be said to the agent",
    AuditEvent.RUN_CANCELLED: "The run was cancelled",
    AuditEvent.RUN_HELD_BACK: "It was held back, as its agent asked too much",
    AuditEvent.RUN_RETRIED: "It was tried again after a failure",
    AuditEvent.RUN_COMPACTED: "Its checkpoint, journal and results were deleted because of its age",
    AuditEvent.RUN_ERASED: "Names, texts and payloads were erased",
}
_REWOUND: Final = "It was taken back to its last pause, which asks again"
_FROZEN: Final = {
    AuditEvent.STOP_SET: "One request was frozen by hand",
    AuditEvent.STOP_LIFTED: "One request was thawed by hand",
}


def interventions(record: RunRecord) -> tuple[Chapter, ...]:
    """What is in the trail about it, in its order."""
    known_lines = {each.seq: each for each in (*record.entries, *_about(record))}
    return tuple(_chapters(record, [known_lines[seq] for seq in sorted(known_lines)]))


def _chapters(record: RunRecord, lines: list[AuditEntry]) -> Iterator[Chapter]:
    own = {each.request.id for each in record.asked}
    for entry in lines:
        said = body_of(entry)
        if "reopened" in said:
            yield _told(_REWOUND, entry, {**said, "reason": said["reopened"]})
        elif entry.event in _TITLES:
            by_hand = entry.subject in own and entry.event in _FROZEN
            yield _told(_FROZEN[AuditEvent(entry.event)] if by_hand else _TITLES[AuditEvent(entry.event)], entry, said)


def _told(title: str, entry: AuditEntry, said: dict[str, Json]) -> Chapter:
    authenticated = said.get("authenticated_by")
    how = f", {known(authenticated)}" if isinstance(authenticated, str) else ""
    facts = {
        "By": f"{entry.actor or 'nobody named'}{how}",
        "At": when(entry.at),
        "About": entry.subject,
        "What": str(said.get("act", "")),
        "Reason given": str(said.get("reason") or said.get("why") or ""),
        "Because": "; ".join(texts(said.get("faults"))),
        "Requests that it froze": _number(said.get("frozen")),
        "Requests that are open again": _number(said.get("thawed")),
        "Requests that it superseded": ", ".join(texts(said.get("superseded"))),
    }
    return chapter(title, facts)


def _number(value: Json) -> str:
    return in_json(value) if isinstance(value, int) else ""


# ── which lines of others are about it ───────────────────────────────────────────────────────────────────────


def _about(record: RunRecord) -> Iterator[AuditEntry]:
    run, requests = record.run.id, {each.request.id for each in record.asked}
    used = {each.id for each in record.grants}
    yield from _stops(record)
    for entry in record.elsewhere:
        match entry.event:
            case AuditEvent.ACT_REFUSED if entry.subject in {run, f"{StopScope.RUN}:{run}", *requests}:
                yield entry
            case AuditEvent.BATCH_REFUSED if requests & set(texts(body_of(entry).get("requests"))):
                yield entry
            case AuditEvent.GRANT_REVOKED if entry.subject in used:
                yield entry
            case _:
                pass


def _stops(record: RunRecord) -> Iterator[AuditEntry]:
    """The stops that were in force at some time between the run's first and its last line, and cover it or a call of
    it; and the lines that lifted them."""
    begun: dict[tuple[str, str], list[AuditEntry]] = {}
    for entry in record.elsewhere:
        stop = _stop(entry)
        if stop is None:
            continue
        if entry.event == AuditEvent.STOP_LIFTED:
            yield from _reached(record, begun.pop((stop.scope, stop.target), []), entry)
        elif _covers(record, stop):
            begun.setdefault((stop.scope, stop.target), []).append(entry)
    for still in begun.values():
        yield from _reached(record, still, None)


_ENDS: Final = (AuditEvent.RUN_COMPLETED, AuditEvent.RUN_CANCELLED)


def _reached(record: RunRecord, begun: list[AuditEntry], lifted: AuditEntry | None) -> Iterator[AuditEntry]:
    """Those of a stop's lines that reached the run, by their places in the trail: a clock may have been set."""
    first = min((each.seq for each in record.entries), default=0)
    last = max((each.seq for each in record.entries if each.event in _ENDS), default=None)
    over = last if record.run.state.over else None
    found = [each for each in begun if over is None or each.seq < over]
    if found and (lifted is None or lifted.seq > first):
        yield from (*found, *(() if lifted is None else (lifted,)))


def _stop(entry: AuditEntry) -> Stop | None:
    """The stop that a line is about; None for other lines, and for one that names no scope there is."""
    said = body_of(entry)
    if entry.event not in (AuditEvent.STOP_SET, AuditEvent.STOP_LIFTED) or said.get("scope") not in list(StopScope):
        return None
    target, reason = str(said.get("target", "")), str(said.get("reason", ""))
    return Stop(StopScope(str(said["scope"])), target, reason, entry.actor, entry.at)


def _covers(record: RunRecord, stop: Stop) -> bool:
    """Whether it covers the run, a call that is on record, or a tool that its own lines name; or the run says so."""
    run = record.run
    actions = [each.request.action for each in record.asked] + [each.action for each in record.effects]
    calls = [(each.tool, each.origin.agents) for each in actions]
    calls += [(str(body_of(each).get("tool")), ()) for each in record.entries]
    by_call = any(stop.covers(run=run.id, tenant=run.tenant, tool=tool, agents=agents) for tool, agents in calls)
    return by_call or stop.covers(run=run.id, tenant=run.tenant) or str(stop.holds_back("")) in run.error
