"""GET shows and changes nothing, so that scanners of links decide nothing; POST is a person's press of a button."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Form
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.responses import Response as Answer

from ...channels.messages import Link
from ...commands import Note, SlipKind, UseSlip, hashed
from ...errors import Fault, FaultyError, HitlError
from ...protocol import AuditEvent, Json, Reply, Responder, Response, decision_of
from ..answering import answer_from
from ..auth import Visitor
from ..pages import render, url
from ..pages.forms import faults_of
from ..site import CurrentSite, Site
from .standing import BY, Standing, State, standing

links: Final = APIRouter(include_in_schema=False)
"""They need no session: who holds the link is taken for its person, for this one request."""


@links.get("/l/{secret}")
async def shown(secret: str, request: Request, site: CurrentSite) -> Answer:
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    return _page(request, await standing(site, secret, visitor=visitor))


@links.post("/l/{secret}")
async def said(
    secret: str,
    request: Request,
    site: CurrentSite,
    reply: Annotated[str, Form(max_length=20)],
    text: Annotated[str, Form(max_length=20_000)] = "",
    option: Annotated[str, Form(max_length=200)] = "",
) -> Answer:
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    found = await standing(site, secret, visitor=visitor)
    if found.state is not State.OPEN or found.link is None:
        return _page(request, found)
    if reply not in found.offered:
        return _page(request, found, faults=[Fault("reply", f"{reply!r} is not offered here; use the inbox")])
    try:
        await site.hitl.respond(_response(site, found.link, reply, text, option, secret))
    except HitlError as exc:
        now = await standing(site, secret, visitor=visitor)
        return _page(request, now, faults=list(faults_of(exc)), text=text)
    note = Note(AuditEvent.LINK_USED, found.link.request_id, found.link.person, {"route": found.link.channel})
    await site.store.apply(UseSlip(SlipKind.LINK, hashed(secret), site.clock.now(), note))
    return RedirectResponse(url(request, "l", secret), 303)


def _response(site: Site, link: Link, reply: str, text: str, option: str, secret: str) -> Response:
    """What the person has said. Given again, it has the same key: a crash before the link is marked does no harm."""
    said: dict[str, Json] = {"type": reply}
    match reply:
        case Reply.REJECT:
            said["message"] = text
        case Reply.ANSWER:
            said["value"] = text
        case Reply.CHOOSE:
            said["option"] = option
        case _:
            pass
    try:
        decision = decision_of(said)
    except ValidationError as exc:
        raise FaultyError(list(faults_of(exc))) from exc
    by = Responder(id=link.person, channel=link.channel, authenticated_by=BY)
    key = f"link:{hashed(secret)[:32]}"
    return answer_from(site, by, decision, request_id=link.request_id, digest=link.digest, key=key)


def _page(request: Request, found: Standing, *, faults: list[Fault] | None = None, text: str = "") -> Answer:
    """What the link shows now."""
    if found.state is State.OPEN and found.settled is not None:
        return render(
            request,
            "link.html",
            status=422 if faults else 200,
            it=found.settled.request,
            person=found.person,
            offered=found.offered,
            faults=faults or [],
            text=text,
        )
    title, said = found.words
    lead = ("Open the inbox", url(request) if found.link is None else url(request, "requests", found.link.request_id))
    status = 404 if found.state is State.UNKNOWN else 200
    return render(request, "message.html", title=title, said=said, next=lead, status=status)
