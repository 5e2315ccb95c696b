"""What is told of a line of the trail: ids, states and names. Never what was given, what came out, or a reason."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from sse_starlette import ServerSentEvent

from ...commands import Followed, StopScope
from ...protocol import AuditEntry, Json
from ..auth import Right, Visitor

_TOLD: Final = (
    *("call", "tool", "level", "rule", "version", "decision", "vote", "state", "round", "code", "machine"),
    *("scope", "target", "act", "attempt", "mode", "tries", "until", "due", "outcome", "batch", "backend", "app"),
)
"""What of a line's body is told. A field that is not named here stays in the trail: it may be somebody's words."""

_LONGEST: Final = 200
_ALWAYS: Final = frozenset({Right.AUDIT})
_RIGHTS: Final = {
    "request": frozenset({Right.REQUESTS}),
    "draft": frozenset({Right.REQUESTS}),
    "action": frozenset({Right.REQUESTS, Right.RUNS}),
    "run": frozenset({Right.RUNS}),
    "effect": frozenset({Right.RUNS}),
    "guidance": frozenset({Right.RUNS}),
    "output": frozenset({Right.RUNS}),
    "stop": frozenset({Right.REQUESTS, Right.RUNS, Right.OPERATE}),
    "grant": frozenset({Right.OPERATE}),
    "policy": frozenset({Right.POLICY}),
}
"""One of which somebody needs to be told of a family of events. What is in none of them is for who reads the trail."""

_OF_REQUESTS: Final = ("request", "draft", "action")
_EVERYBODYS: Final = ("policy",)
_WIDE: Final = (StopScope.TOOL, StopScope.AGENT, StopScope.ALL)
"""Stops that reach into every tenant."""


@dataclass(frozen=True, slots=True)
class Happened:
    """One event. `tenant` is whose it is; None where that is not known, and then only who sees all tenants is told.

    `everybodys`: it reaches all tenants. `sent` is what goes out to programs, made once for all who listen.
    """

    seq: int
    event: str
    run: str | None
    request: str | None
    tenant: str | None
    everybodys: bool
    sent: bytes

    @property
    def family(self) -> str:
        return self.event.partition(".")[0]

    @property
    def is_of_a_request(self) -> bool:
        """Whether it tells of one request, which not everybody sees who sees requests."""
        return self.family in _OF_REQUESTS

    def is_for(self, visitor: Visitor) -> bool:
        """Whether somebody may be told, as far as their tenant and their rights say (theirs.py has the rest)."""
        needed = _RIGHTS.get(self.family, _ALWAYS)
        theirs = self.everybodys or visitor.sees(self.tenant)
        return theirs and not visitor.rights.isdisjoint(needed | _ALWAYS)


def happened(followed: Followed, *, tenant_of_target: str | None = None) -> Happened:
    """What is told of a line. `tenant_of_target`: that of the run which a stop is about, if it is about one."""
    entry, said = followed.entry, body_of(followed.entry)
    family = entry.event.partition(".")[0]
    request = entry.subject if family in _OF_REQUESTS and entry.subject != followed.run_id else _name(said, "request")
    scope = said.get("scope") if family == "stop" else None
    tenant = followed.tenant or tenant_of_target
    if scope == StopScope.TENANT:
        tenant = _name(said, "target")
    told: dict[str, Json] = {"seq": entry.seq, "at": entry.at.isoformat(), "event": entry.event}
    told |= {"run": followed.run_id, "request": request, "tenant": tenant}
    told |= {"by": entry.actor} if "authenticated_by" in said else {}
    told |= {key: said[key] for key in _TOLD if _is_short(said.get(key))}
    return Happened(
        seq=entry.seq,
        event=entry.event,
        run=followed.run_id,
        request=request,
        tenant=tenant,
        everybodys=family in _EVERYBODYS or scope in _WIDE,
        sent=_sent(entry, told),
    )


def _sent(entry: AuditEntry, told: dict[str, Json]) -> bytes:
    data = json.dumps({key: value for key, value in told.items() if value is not None}, separators=(",", ":"))
    return ServerSentEvent(data, event=entry.event, id=str(entry.seq), sep="\n").encode()


def stopped_run(entry: AuditEntry) -> str | None:
    """The run that a stop is about, whose tenant its line does not say."""
    said = body_of(entry) if entry.event.startswith("stop.") else {}
    return _name(said, "target") if said.get("scope") == StopScope.RUN else None


def body_of(entry: AuditEntry) -> dict[str, Json]:
    """What a line says besides; nothing, if it was made to say what is no JSON object."""
    try:
        found = json.loads(entry.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _name(said: dict[str, Json], key: str) -> str | None:
    found = said.get(key)
    return found if isinstance(found, str) else None


def _is_short(value: Json) -> bool:
    if isinstance(value, str):
        return len(value) <= _LONGEST
    return isinstance(value, bool | int | float)
