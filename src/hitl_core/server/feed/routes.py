"""GET /api/events for programs, GET /feed for pages. Both go on after the last id that somebody knows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Final, cast

from fastapi import APIRouter, Depends, Header, Query, Request
from sse_starlette import EventSourceResponse

from ...errors import HitlError
from ..auth import AnyVisitor, Visitor
from ..auth.authentication import authenticate_again
from ..site import site_of
from .hub import Hub
from .streams import Still, changes, events, names_of

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


@feed.get(
    "/api/events",
    response_class=EventSourceResponse,
    responses={200: {"description": "A stream of events.", "content": {"text/event-stream": {}}}},
    operation_id="followEvents",
    tags=["events"],
    summary=_WHAT,
)
async def follow(
    request: Request, here: AnyVisitor, hub: Annotated[Hub, Depends(hub_of)], last: Last = None, after: After = None
) -> EventSourceResponse:
    """What happens from now on, or after `Last-Event-ID`, in the order of the trail: ids, states and names.

    An id is the place of an event in the trail. An event `again` ends the stream: come again with the last id.
    """
    return _sent(events(hub, lambda event: event.is_for(here), after if last is None else last, _still(request, here)))


@feed.get("/feed", response_class=EventSourceResponse, include_in_schema=False)
async def follow_names(
    request: Request,
    here: AnyVisitor,
    hub: Annotated[Hub, Depends(hub_of)],
    on: On,
    last: Last = None,
    after: After = None,
) -> EventSourceResponse:
    """The names in `on` of what a page has to show anew."""
    names = frozenset(on)
    stream = changes(
        hub,
        lambda event: event.is_for(here) and not names.isdisjoint(names_of(event)),
        after if last is None else last,
        names,
        _still(request, here),
    )
    return _sent(stream)


def _still(request: Request, here: Visitor) -> Still:
    """Looks up anew who somebody is: their session or token may be over by now, and so may their rights."""

    async def same() -> bool:
        try:
            now = await authenticate_again(request)
        except HitlError:  # who cannot be looked up comes again
            return False
        return now is not None and now.rights >= here.rights and now.tenant == here.tenant

    return same


def _sent(stream: AsyncIterator[bytes]) -> EventSourceResponse:
    return EventSourceResponse(stream, ping=_NO_PINGS, send_timeout=STUCK)
