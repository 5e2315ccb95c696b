"""The routes: `/hooks/slack/NAME` and `/hooks/webhook/NAME`, for each route that messages go out by."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from ...channels.messages import Route
from ..site import CurrentSite, Site

_UNKNOWN = "there is no such hook\n"
hooks: Final = APIRouter(prefix="/hooks", include_in_schema=False)
"""They stand outside of the API: what they take has the form of whoever calls them."""


@hooks.post("/slack/{name}")
async def slack(name: str, request: Request, site: CurrentSite) -> Response:
    route = _route(site, name, "slack")
    if route is None:
        return PlainTextResponse(_UNKNOWN, 404)
    from .slack import answered

    return await answered(site, route, await request.body(), request.headers)


@hooks.post("/webhook/{name}")
async def webhook(name: str, request: Request, site: CurrentSite) -> Response:
    route = _route(site, name, "webhook")
    if route is None:
        return PlainTextResponse(_UNKNOWN, 404)
    from .webhook import answered

    status, body = await answered(site, route, await request.body(), request.headers)
    return JSONResponse(body, status)


def _route(site: Site, name: str, kind: str) -> Route | None:
    """The route of this name and kind, if it lets people decide: else nothing that comes back by it counts."""
    return next((each for each in site.messages if (each.name, each.kind, each.decide) == (name, kind, True)), None)
