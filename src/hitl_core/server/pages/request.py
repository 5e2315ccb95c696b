"""The page of one request: what will happen, why it was asked, and what can be said to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from ...errors import DraftMoved, Fault, FaultyError, ResponseRefused
from ...protocol import new_id
from ...runtime import faults_in
from ..auth import RequestsVisitor, Visitor
from ..site import CurrentSite, Site
from .deciding import arguments_field, read
from .environment import render
from .fields import with_faults
from .forms import typed_in
from .holding import TAKEN_BACK, forget, give_held, hold, take_back
from .looking import Looked, forms, look, others, shown, why
from .routes import PageRoute, back
from .wording import has_done, in_a_line, state_words

requests = APIRouter(include_in_schema=False, route_class=PageRoute)


@requests.get("/requests/{request_id}")
async def show(http: Request, request_id: str, visitor: RequestsVisitor, site: CurrentSite) -> HTMLResponse:
    await give_held(site)
    looked = await look(site, visitor, request_id)
    typed, faults = _said_before(looked)
    return await page(http, visitor, site, looked, typed=typed, faults=faults)


@requests.get("/requests/{request_id}/status")
async def status(
    http: Request, request_id: str, visitor: RequestsVisitor, site: CurrentSite, seen: str = ""
) -> Response:
    """How the request stands now; nothing (204) if that is as it was."""
    await give_held(site)
    looked = await look(site, visitor, request_id)
    if looked.tag == seen:
        return Response(status_code=204)
    return render(http, "status.html", visitor, changed=bool(seen), **shown(looked, visitor, site))


@requests.post("/requests/{request_id}/decide")
async def decide(http: Request, request_id: str, visitor: RequestsVisitor, site: CurrentSite) -> Response:
    """Hold an answer. Faults come back with what was typed."""
    typed = await typed_in(http)
    looked = await look(site, visitor, request_id)
    if _is_repeated(looked, typed):
        return back(http, "requests", request_id)
    if not looked.is_open:
        return await page(http, visitor, site, looked, typed=typed, status=409, faults=(Fault("", _too_late(looked)),))
    said = read(looked.place, typed, visitor.responder)
    faults = said.faults if said.response is None else await faults_in(site.hitl, said.response)
    if said.response is None or faults:
        return await page(http, visitor, site, looked, typed=typed, faults=faults, status=422)
    held = await hold(site, said.response, title=in_a_line(looked.request), tenant=looked.run.tenant, typed=typed)
    if held.response.decision != said.response.decision:
        other = Fault("", f"you have {held.done} this a moment ago: take that back first, or let it be")
        return await page(http, visitor, site, looked, typed=typed, faults=(other,), status=409)
    return back(http, "requests", request_id) if typed.get("stay") else back(http)


@requests.post("/requests/{request_id}/undo")
async def undo(http: Request, request_id: str, visitor: RequestsVisitor, site: CurrentSite) -> Response:
    held = await take_back(site, request_id, visitor.responder.id)
    if held is not None:
        return back(http, "requests", request_id)
    looked = await look(site, visitor, request_id)
    late = Fault("", "it is too late to take it back: the answer has been given")
    return await page(http, visitor, site, looked, faults=(late,), status=409)


@requests.post("/requests/{request_id}/seen")
async def seen(http: Request, request_id: str, visitor: RequestsVisitor, site: CurrentSite) -> Response:
    """What came of an answer is shown no more."""
    await forget(site, request_id, visitor.responder.id)
    typed = await typed_in(http)
    return back(http, "requests", request_id) if typed.get("stay") else back(http)


@requests.post("/requests/{request_id}/preview")
async def preview(http: Request, request_id: str, visitor: RequestsVisitor, site: CurrentSite) -> Response:
    """What an edited call would do, by the tool's own code. Nothing is decided."""
    typed = {**await typed_in(http), "decision": "edit"}
    looked = await look(site, visitor, request_id)
    said = read(looked.place, typed, visitor.responder)
    faults = said.faults if said.response is None else await faults_in(site.hitl, said.response)
    arguments = arguments_field(looked.place, typed).value
    made = None if faults else await site.hitl.preview(looked.request, arguments)
    return await page(
        http,
        visitor,
        site,
        looked,
        typed=typed,
        faults=faults,
        edited=arguments,
        previewed=made,
        status=422 if faults else 200,
    )


@requests.post("/requests/{request_id}/draft")
async def draft(http: Request, request_id: str, visitor: RequestsVisitor, site: CurrentSite) -> Response:
    """Keep the next version of a shared draft."""
    typed = {**await typed_in(http), "decision": "draft"}
    looked = await look(site, visitor, request_id)
    filled = arguments_field(looked.place, typed)
    base = int(typed["base"]) if typed.get("base", "").isdecimal() else 0
    faults: tuple[Fault, ...] = filled.faults
    try:
        if not faults:
            note = typed.get("note", "").strip()
            await site.hitl.change_draft(request_id, filled.value, base=base, by=visitor.responder, note=note)
            return back(http, "requests", request_id)
    except DraftMoved as exc:
        looked, faults = await look(site, visitor, request_id), exc.faults
        return await page(http, visitor, site, looked, typed=typed, faults=faults, moved=filled.value, status=409)
    except ResponseRefused as exc:
        faults = exc.faults
    return await page(http, visitor, site, looked, typed=typed, faults=faults, status=422)


@requests.post("/requests/{request_id}/comment")
async def comment(http: Request, request_id: str, visitor: RequestsVisitor, site: CurrentSite) -> Response:
    typed = {**await typed_in(http), "decision": "comment"}
    looked = await look(site, visitor, request_id)
    try:
        await site.hitl.comment(request_id, typed.get("comment", ""), by=visitor.responder)
    except FaultyError as exc:
        return await page(http, visitor, site, looked, typed=typed, faults=exc.faults, status=422)
    return back(http, "requests", request_id, to="comments")


@requests.post("/requests/{request_id}/defer")
async def defer(http: Request, request_id: str, visitor: RequestsVisitor, site: CurrentSite) -> Response:
    typed = {**await typed_in(http), "decision": "defer"}
    looked = await look(site, visitor, request_id)
    until, fault = _until(typed, site.clock.now())
    try:
        if until is not None:
            await site.hitl.defer(request_id, until=until, by=visitor.responder)
            return back(http)
        faults: tuple[Fault, ...] = (Fault("until", fault),)
    except FaultyError as exc:
        faults = exc.faults
    return await page(http, visitor, site, looked, typed=typed, faults=faults, status=422)


def _until(typed: Mapping[str, str], now: datetime) -> tuple[datetime | None, str]:
    """Until when something is put off: some hours, or a moment (in UTC unless it says otherwise)."""
    hours, at = typed.get("hours", ""), typed.get("until", "").strip()
    if hours and not at:
        return (now + timedelta(hours=int(hours)), "") if hours in ("1", "4", "24", "72") else (None, "is not offered")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return None, f"{at!r} is no moment; write 2030-05-17 09:00 (UTC), or with its offset"
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)), ""


# ── the page ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def page(
    http: Request,
    visitor: Visitor,
    site: Site,
    looked: Looked,
    *,
    typed: Mapping[str, str] | None = None,
    faults: tuple[Fault, ...] = (),
    status: int = 200,
    **more: Any,
) -> HTMLResponse:
    """The page, with what was typed and what is wrong with it."""
    now = site.clock.now()
    fields: dict[str, Any] = forms(looked, typed)
    for name, field in fields.items():
        fields[name] = with_faults(field, faults)
    return render(
        http,
        "request.html",
        visitor,
        status=status,
        here="inbox",
        **shown(looked, visitor, site),
        **fields,
        typed={"decision": "", **(typed or {})},
        faults=faults,
        changed=False,
        explained=await why(site, looked),
        others=await others(site, visitor, looked),
        key=new_id(now),
        **{"edited": None, "previewed": None, "moved": None, **more},
    )


def _said_before(looked: Looked) -> tuple[Mapping[str, str] | None, tuple[Fault, ...]]:
    """What the visitor has typed, where it was refused when it was given, or taken back: so that it is not lost."""
    held = looked.held
    if held is None or held.outcome not in ("refused", TAKEN_BACK):
        return None, ()
    return held.typed, tuple(Fault(path, problem) for path, problem in held.faults)


def _is_repeated(looked: Looked, typed: Mapping[str, str]) -> bool:
    """Whether this very form was sent before, and its answer taken."""
    held = looked.held
    return held is not None and held.outcome == "given" and held.response.idempotency_key == typed.get("key")


def _too_late(looked: Looked) -> str:
    response = looked.settled.response
    if response is None:
        return f"this is {state_words(looked.settled.state)}; your answer was not taken"
    return f"{response.responder.id} has {has_done(response.decision)} this before; your answer was not taken"
