"""GET /api/events for programs, GET /feed for pages. Both go on after the last id that somebody knows."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Final, cast

from fastapi import APIRouter, Depends, Header, HTTPException, Query, Request
from sse_starlette import EventSourceResponse

from ...callers.seats import Seat
from ...errors import HitlError
from ..auth import AnyVisitor, Visitor
from ..auth.authentication import authenticate_again
from ..site import site_of
from .hub import FAR, Hub
from .streams import Still, changed, changes, come_again, events, names_of
from .theirs import Theirs

feed = APIRouter()

NAMES: Final = 50
"""Names that a page may listen to."""

STUCK: Final = 30.0
"""Seconds after which a reader that takes nothing is cut off."""

_NO_PINGS: Final = 86_400
"""The streams have beats of their own, which tell how far the trail has come."""

_WHAT: Final = "What happens from now on, or after `Last-Event-ID`, as it happens"

Last = Annotated[int | None, Header(alias="Last-Event-ID", ge=0, description="The id of the last event that is known.")]
After = Annotated[int | None, Query(ge=0, description="The same, for who cannot set the header.")]
On = Annotated[list[str], Query(max_length=NAMES, description="`queue`, `request.ID`, `run.ID`, `stops` …")]


def hub_of(request: Request) -> Hub:
    """The hub of the site that a request has come to; made when somebody first listens."""
    state = request.app.state
    if not hasattr(state, "hub"):
        state.hub = Hub(site_of(request).store)
    return cast("Hub", state.hub)


def counted(here: AnyVisitor, hub: Annotated[Hub, Depends(hub_of)]) -> Seat:
    """A place to listen from, of those that one person may have at once. Raises HTTPException 429."""
    seat = hub.seat(here.responder.id)
    if not seat.is_free:
        said = f"{here.responder.id!r} listens {seat.most} times already; close a page, or end a program that listens"
        raise HTTPException(429, said, {"Retry-After": "5"})
    return seat


Place = Annotated[Seat, Depends(counted)]
At = Annotated[Hub, Depends(hub_of)]


@feed.get(
    "/api/events",
    response_class=EventSourceResponse,
    responses={200: {"description": "A stream of events.", "content": {"text/event-stream": {}}}},
    operation_id="followEvents",
    tags=["events"],
    summary=_WHAT,
)
async def follow(
    request: Request, here: AnyVisitor, hub: At, seat: Place, last: Last = None, after: After = None
) -> EventSourceResponse:
    """What happens from now on, or after `Last-Event-ID`, in the order of the trail: ids, states and names.

    An id is the place of an event in the trail. An event `again` ends the stream: come again with the last id. 410 for
    an id that is too far back: load what you show anew, and listen from now on.
    """
    known = after if last is None else last
    if known is not None and await hub.is_far(known):
        raise HTTPException(410, f"{known} is more than {FAR} lines back; `GET /api/audit` has the trail, page by page")
    theirs = Theirs(site_of(request), hub, here)
    return _sent(seat, events(hub, lambda event: event.is_for(here), known, _still(request, here), theirs))


@feed.get("/feed", response_class=EventSourceResponse, include_in_schema=False)
async def follow_names(
    request: Request,
    here: AnyVisitor,
    hub: At,
    seat: Place,
    on: On,
    last: Last = None,
    after: After = None,
) -> EventSourceResponse:
    """The names in `on` of what a page has to show anew; all of them, where it was away for too long."""
    names, known, first = frozenset(on), after if last is None else last, b""
    if known is not None and await hub.is_far(known):
        known = await hub.tip()
        first = changed(sorted(names), known)
    stream = changes(
        hub,
        lambda event: event.is_for(here) and not names.isdisjoint(names_of(event)),
        known,
        names,
        _still(request, here),
        Theirs(site_of(request), hub, here),
    )
    return _sent(seat, stream, first)


def _still(request: Request, here: Visitor) -> Still:
    """Looks up anew who somebody is: their session or token may be over by now, and so may their rights."""

    async def same() -> bool:
        try:
            now = await authenticate_again(request)
        except HitlError:  # who cannot be looked up comes again
            return False
        return now is not None and now.rights >= here.rights and now.tenant == here.tenant

    return same


def _sent(seat: Seat, stream: AsyncGenerator[bytes, None], first: bytes = b"") -> EventSourceResponse:
    return EventSourceResponse(_seated(seat, stream, first), ping=_NO_PINGS, send_timeout=STUCK)


async def _seated(seat: Seat, stream: AsyncGenerator[bytes, None], first: bytes) -> AsyncGenerator[bytes, None]:
    """The stream, from a place that is taken while it lasts. Where the last one was taken meanwhile: come again."""
    async with aclosing(stream):
        if not seat.is_free:
            yield come_again()
            return
        with seat:
            if first:
                yield first
            async for each in stream:
                yield each
