"""/policy: the rules in force and what is to be said about them; explain an action; try a changed text. All of it only
reads."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import UploadFile

from ....errors import Fault, HitlError
from ....policy import Change, Fate, Policy, check_text, parse_duration
from ....protocol import Json, Ruling
from ....quorum import in_turn
from ...auth import PolicyVisitor, Visitor
from ...auth.tenants import require_home
from ...site import CurrentSite, Site
from ..environment import render
from ..forms import FormInvalid, faults_of, status_of, stripped, typed_in
from ..routes import PageRoute
from .rules import default_of, rules_of

policy = APIRouter(include_in_schema=False, route_class=PageRoute)


SENT: Final = "the changed policy"
LARGEST: Final = 1_000_000
"""Bytes of a text that is tried."""


@policy.get("/policy", name="policy")
async def shown(request: Request, visitor: PolicyVisitor, site: CurrentSite) -> Response:
    """The rules in force, in their order."""
    return await _page(request, visitor, site, {})


async def _page(request: Request, visitor: Visitor, site: Site, fields: dict[str, str], **more: Any) -> Response:
    context: dict[str, Any] = {"faults": (), "status": 200, "asked": "", "explained": None, "tried": None, **more}
    found = await site.hitl.policy()
    return render(
        request,
        "policy.html",
        visitor,
        here="policy",
        policy=found,
        rules=rules_of(found),
        default=default_of(found),
        checked=None if found.text is None else check_text(found.text, name="policy"),
        fields={name: fields.get(name, "") for name in ("tool", "arguments", "facts", "text", "since")},
        level_of=level_of,
        change_in_words=change_in_words,
        stages=stages,
        fates=Fate,
        **context,
    )


@policy.post("/policy/explain")
async def explain(request: Request, visitor: PolicyVisitor, site: CurrentSite) -> Response:
    """Which rule decides about an action, why, and what would alter it."""
    fields = stripped(await typed_in(request))
    try:
        asked = {"tool": fields.get("tool", ""), **_object(fields, "facts"), "arguments": _object(fields, "arguments")}
        if visitor.tenant is not None:
            asked["tenant"] = visitor.tenant
        explained = await site.hitl.explain(asked)
    except (HitlError, FormInvalid) as exc:
        again = {"asked": "explain", "faults": faults_of(exc), "status": status_of(exc)}
        return await _page(request, visitor, site, fields, **again)
    return await _page(request, visitor, site, fields, asked="explain", explained=explained)


@policy.post("/policy/backtest")
async def backtest(request: Request, visitor: PolicyVisitor, site: CurrentSite) -> Response:
    """What would have come of what is recorded, under a text that was pasted or sent. Nothing is written."""
    fields = stripped(await typed_in(request))
    try:
        require_home(site, visitor, "a backtest")
        fields["text"] = await _sent(request) or fields.get("text", "")
        changed = Policy.from_toml(fields["text"], name=SENT)
        tried = await site.hitl.backtest(changed, since=_since(fields.get("since", ""), site.clock.now()))
    except (HitlError, FormInvalid) as exc:
        again = {"asked": "backtest", "faults": faults_of(exc), "status": status_of(exc)}
        return await _page(request, visitor, site, fields, **again)
    return await _page(request, visitor, site, fields, asked="backtest", tried=tried)


def _since(text: str, now: datetime) -> datetime | None:
    """The moment that a duration such as `30d` reaches back to; None for none. Raises FormInvalid."""
    try:
        return now - parse_duration(text) if text else None
    except ValueError as exc:
        raise FormInvalid(Fault("since", str(exc))) from exc


async def _sent(request: Request) -> str:
    """The text of the file that was chosen; "" if there was none. Raises FormInvalid."""
    file = (await request.form()).get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        return ""
    try:
        data = await file.read(LARGEST + 1)
    finally:
        await file.close()
    if len(data) > LARGEST:
        raise FormInvalid(Fault("file", f"is larger than {LARGEST:,} bytes, which no policy is"))
    try:
        return data.decode()
    except UnicodeDecodeError as exc:
        raise FormInvalid(Fault("file", f"is no text: {exc}")) from exc


def _object(fields: dict[str, str], name: str) -> dict[str, Json]:
    try:
        found = json.loads(fields.get(name) or "{}")
    except ValueError as exc:
        raise FormInvalid(Fault(name, f"is no JSON: {exc}")) from exc
    if not isinstance(found, dict):
        raise FormInvalid(Fault(name, "has to be a JSON object, as {…}"))
    return found


def level_of(ruling: Ruling) -> str:
    """The level of a ruling, or `deny`."""
    return "deny" if ruling.denied else ruling.level.value


def stages(ruling: Ruling) -> str:
    """Whom a ruling asks, in words."""
    return in_turn(ruling.approvers.in_order)


def change_in_words(change: Change) -> str:
    """What would have to be another value, and what would come of it."""
    now = json.dumps(change.value, ensure_ascii=False) if change.there else "not there"
    to = json.dumps(change.to, ensure_ascii=False) if change.stays else "taken away"
    return f"{change.what}: {now} → {to}"
