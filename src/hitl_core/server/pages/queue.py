"""The queue: what waits for the visitor, in the order and with the filters that they want."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from ...commands import Order
from ...protocol import Kind, Level
from ..auth import RequestsVisitor, Visitor
from ..feed import tip
from ..site import CurrentSite
from .environment import render, url
from .holding import Held, give_held, held_by
from .listing import GROUPS, LOOKED_THROUGH, Queue, Wanted, queue
from .routes import PageRoute

inbox = APIRouter(include_in_schema=False, route_class=PageRoute)


@inbox.get("/")
async def show(http: Request, visitor: RequestsVisitor, site: CurrentSite) -> HTMLResponse:
    await give_held(site)
    at = await tip(site.store)  # of what comes after that, the page hears
    wanted = Wanted.of(http.query_params)
    found, held = await queue(site, visitor, wanted), await held_by(site, visitor.responder.id)
    return _render(http, visitor, "queue.html", wanted, found, held, at=at)


@inbox.get("/queue")
async def news(http: Request, visitor: RequestsVisitor, site: CurrentSite, seen: str = "") -> Response:
    """The list as it is now; nothing (204) if it is as it was."""
    await give_held(site)
    wanted = Wanted.of(http.query_params)
    found, held = await queue(site, visitor, wanted), await held_by(site, visitor.responder.id)
    if tag_of(found, held) == seen:
        return Response(status_code=204)
    return _render(http, visitor, "list.html", wanted, found, held)


def _render(
    http: Request, visitor: Visitor, template: str, wanted: Wanted, found: Queue, held: tuple[Held, ...], **more: Any
) -> HTMLResponse:
    def link(**changed: str | None) -> str:
        return url(http, **{**wanted.query, **changed})

    return render(
        http,
        template,
        visitor,
        here="inbox",
        wanted=wanted,
        queue=found,
        held=held,
        waiting={each.request_id for each in held if not each.outcome},
        link=link,
        news=url(http, "queue", **wanted.query, cursor=wanted.cursor, seen=tag_of(found, held)),
        levels=list(reversed(Level)),
        kinds=[kind for kind in Kind if kind is not Kind.NOTICE],
        orders={Order.DEADLINE: "deadline", Order.RISK: "risk", Order.ARRIVAL: "oldest first"},
        group_names=GROUPS,
        most=LOOKED_THROUGH,
        **more,
    )


def tag_of(found: Queue, held: tuple[Held, ...]) -> str:
    return found.tag + "-".join(f"{each.key[-6:]}{each.outcome[:1]}" for each in held)
