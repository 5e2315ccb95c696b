"""What agents wanted to do: the audit trail says when and what came of it, the rows beside it say what it was."""

from __future__ import annotations

import json
from typing import Any, Final

from ....commands import ListProposed, Page
from ....errors import ProtocolUnknown, RowCorrupt
from ....lifecycle import ActionState
from ....policy import Came, Proposed
from ....protocol import Action, AuditEvent, Kind, Level, PauseRequest, instant, micros
from ..commands import effects
from ..tables import EffectRow, View, key_of, request_by_key, requests, text
from .load import last_before

_LINES: Final = """SELECT a.seq, a.at, a.event, a.subject, a.body,
    r.key, r.id, p.tenant, p.backend, r.started_by, r.more
    FROM hitl_audit a JOIN hitl_runs r ON r.key = a.run JOIN hitl_apps p ON p.key = r.app
    WHERE a.seq > ? AND a.at >= ? AND a.event IN ('request.opened', 'effect.started', 'action.refused')
    AND (CAST(? AS TEXT) IS NULL OR p.tenant = ?) ORDER BY a.seq LIMIT ?"""


def list_proposed(view: View, query: ListProposed) -> Page[Proposed]:
    since = 0 if query.since is None else micros(query.since)
    after = key_of(query.cursor) if query.cursor else _before(view, since)
    rows = view.execute(_LINES, (after, since, query.tenant, query.tenant, query.limit)).fetchall()
    found = [entry for row in rows if (entry := _readable(view, row)) is not None]
    return Page(tuple(found), str(rows[-1][0]) if len(rows) == query.limit and rows else None)


def _before(view: View, since: int) -> int:
    (end,) = view.one("SELECT COALESCE(MAX(seq), 0) FROM hitl_audit") or (0,)
    return last_before(view, since, low=0, high=end)


def _readable(view: View, row: tuple[Any, ...]) -> Proposed | None:
    try:
        return _entry(view, row)
    except RowCorrupt as exc:
        view.skip("action of run", text(row[6]), exc)
    except ProtocolUnknown as exc:
        view.pass_over("action of run", text(row[6]), exc)
    return None


def _entry(view: View, row: tuple[Any, ...]) -> Proposed | None:
    seq, at, event, subject, body, run, name, tenant, backend, started_by, more = row
    told = json.loads(body)
    common = {
        "at": instant(at),
        "run": text(name),
        "call": str(told.get("call")),
        "tenant": tenant,
        "backend": backend,
        "started_by": started_by,
    }
    erased = more is not None and "erased" in json.loads(more)
    if event == AuditEvent.REQUEST_OPENED:
        return _asked(view, seq, run, text(subject), common, erased=erased)
    effect = effects.find(view, run, common["call"])
    if effect is None:
        raise RowCorrupt(f"the action at call {common['call']} is missing from the store; restore a backup")
    if event == AuditEvent.EFFECT_STARTED:
        return _began(view, run, told, effect, common, erased=erased)
    return _refused(view, run, told, effect, common, erased=erased)


def _asked(view: View, seq: int, run: int, request_id: str, common: dict[str, Any], *, erased: bool) -> Proposed | None:
    found = requests.by_id(view, request_id)
    if found is None:
        raise RowCorrupt(f"the request {request_id} is missing from the store; restore a backup")
    request = request_by_key(view, found.key).request
    if request.in_doubt or _known_before(view, seq, run, request):
        return None
    return Proposed(
        **{**common, "at": request.created_at},
        came=Came.ANNOUNCED if request.veto else Came.ASKED,
        level=request.level,
        rule=request.because.rule,
        version=request.because.version,
        request=request.id,
        question=request.kind is not Kind.APPROVAL,
        **_what(request.action, erased=erased),
    )


_BEGUN_BEFORE: Final = """SELECT 1 FROM hitl_audit WHERE run = ? AND seq < ? AND event = 'effect.started'
    AND json_extract(body, '$.call') = ? LIMIT 1"""


def _known_before(view: View, seq: int, run: int, request: PauseRequest) -> bool:
    """Whether this action was proposed at this place before: it is asked about once more."""
    if view.one(_BEGUN_BEFORE, run, seq, request.call) is not None:
        return True
    return request.round > 0 and _was_asked(view, run, request.call, request.digest, before=request.round)


def _was_asked(view: View, run: int, call: str, digest: str, *, before: int = 2**62) -> bool:
    sql = "SELECT 1 FROM hitl_requests WHERE run = ? AND call = ? AND round < ? AND waits = 1 AND shown = ? LIMIT 1"
    return view.one(sql, run, call, before, requests.packed_digest(digest)) is not None


def _began(
    view: View, run: int, told: dict[str, Any], effect: EffectRow, common: dict[str, Any], *, erased: bool
) -> Proposed:
    came, level = Came.BEGAN, None
    if told.get("attempt") == 1 and told.get("request") is None:
        notice = view.one("SELECT 1 FROM hitl_requests WHERE run = ? AND call = ? AND waits = 0", run, common["call"])
        came, level = (Came.LET_THROUGH, Level.AUTONOMOUS) if notice is None else (Came.NOTIFIED, Level.NOTIFY)
        came, level = (Came.GRANTED, Level.CONFIRM) if told.get("grant") else (came, level)
    return Proposed(**common, came=came, level=level, **_what(effect.action_record(), erased=erased))


def _refused(
    view: View, run: int, told: dict[str, Any], effect: EffectRow, common: dict[str, Any], *, erased: bool
) -> Proposed | None:
    """What the policy refused at once; not what it let people decide first, nor what is no action at all."""
    digest = str(told.get("digest"))
    policy = "rule" in told and effect.state == ActionState.REFUSED
    if not policy or _was_asked(view, run, common["call"], digest):
        return None
    what = _what(effect.action_record(), erased=erased)
    return Proposed(**common, came=Came.REFUSED, rule=str(told["rule"]), version=str(told.get("version")), **what)


def _what(action: Action, *, erased: bool) -> dict[str, Any]:
    return {"tool": action.tool, "action": None if erased else action}
