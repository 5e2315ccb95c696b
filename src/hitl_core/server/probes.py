"""/healthz, /readyz and /metrics: for whoever watches the process, and no more than they need.

Whether it lives and is ready anybody may ask. What it measures, and what its checks have found, is for this machine
alone, where nobody stands in front of it, and for who has the right to read the trail of all tenants.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, cast

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from ..config.serving import is_loopback
from ..observing.endpoint import Page
from ..observing.health import Check, Health, Readiness
from .api.descriptions import SECURITY
from .auth import Right, authenticate
from .site import CurrentSite, Site

Metrics = Callable[[Mapping[str, str]], Page]
"""What answers /metrics, given the headers of the request; asked in a thread."""

EVERYTHING_WAITS: Final = float("inf")
"""How long an answer may wait for a worker: an inbox that is taken away for that cannot be answered either."""

_IN_FRONT: Final = ("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "forwarded", "via")
"""What proxies say, one or another of them, of whom they speak for."""


class CheckForm(BaseModel):
    """One thing that was looked at."""

    model_config = ConfigDict(title="Check")

    ok: bool
    says: str


class HealthForm(BaseModel):
    """Whether it is well; and, for whoever may look, what was looked at, by name."""

    model_config = ConfigDict(title="Health")

    ok: bool
    checks: dict[str, CheckForm] | None = None


_UNWELL: Final[dict[int | str, dict[str, Any]]] = {503: {"model": HealthForm, "description": "It is not."}}
_TEXT: Final = {"text/plain": {"schema": {"type": "string"}}}
_MEASURED: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The figures, as Prometheus reads them.", "content": _TEXT},
    403: {"description": "For this machine alone, or the right `audit` for all tenants.", "content": _TEXT},
    404: {"description": "Nothing is measured: the extra `prometheus` is not installed.", "content": _TEXT},
}

probes = APIRouter(tags=["watching"])


@probes.get(
    "/healthz",
    response_class=JSONResponse,
    response_model=HealthForm,
    responses=_UNWELL,
    operation_id="healthz",
    summary="Whether the process lives",
)
async def healthz(request: Request, site: CurrentSite) -> JSONResponse:
    """Whether the process lives: its loop turns, as it answers, and the thread of its store works."""
    alive = bool(getattr(site.store, "alive", True))
    checks = Check("loop", True, "turns"), Check("store_thread", alive, "works" if alive else "has died")
    return await _told(request, site, Health(checks))


@probes.get(
    "/readyz",
    response_class=JSONResponse,
    response_model=HealthForm,
    responses=_UNWELL,
    operation_id="readyz",
    summary="Whether it can work",
)
async def readyz(request: Request, site: CurrentSite) -> JSONResponse:
    """Whether it can work: the store answers, and can be written to."""
    return await _told(request, site, await _readiness(request, site)())


@probes.get(
    "/metrics",
    response_class=Response,
    responses=_MEASURED,
    operation_id="metrics",
    summary="What is measured, for Prometheus",
    openapi_extra={"security": [{}, *(dict(each) for each in SECURITY)]},
)
async def metrics(request: Request, site: CurrentSite) -> Response:
    """For this machine alone, where nobody stands in front of it, and for the right `audit` for all tenants."""
    if not await _may_look(request, site):
        return Response("this machine alone, or the right `audit` for all tenants\n", 403, media_type="text/plain")
    asked: Metrics | None = getattr(request.app.state, "metrics", None)
    if asked is None:
        return Response("nothing is measured: pip install 'hitl-core[prometheus]'\n", 404, media_type="text/plain")
    page = await asyncio.to_thread(asked, dict(request.headers))
    return Response(page.body, page.status, {"content-type": page.kind})


def _readiness(request: Request, site: Site) -> Readiness:
    """One for the app: however many ask, the store is asked once a second."""
    state = request.app.state
    if not hasattr(state, "readiness"):
        state.readiness = Readiness(site.hitl, lag=EVERYTHING_WAITS, app=False)
    return cast("Readiness", state.readiness)


async def _told(request: Request, site: Site, health: Health) -> JSONResponse:
    status = HTTPStatus.OK if health.ok else HTTPStatus.SERVICE_UNAVAILABLE
    found = health.document() if _is_here(request, site) else {"ok": health.ok}
    return JSONResponse(found, status)


async def _may_look(request: Request, site: Site) -> bool:
    if _is_here(request, site):
        return True
    visitor = await authenticate(request)
    return visitor is not None and Right.AUDIT in visitor.rights and visitor.tenant is None


def _is_here(request: Request, site: Site) -> bool:
    """Whether it is this machine that asks, and not a proxy on it for somebody else."""
    serving, peer = site.serving, request.client
    in_front = serving.url or serving.forwarded or serving.proxy or any(each in request.headers for each in _IN_FRONT)
    return not in_front and serving.is_local and peer is not None and is_loopback(peer.host)
