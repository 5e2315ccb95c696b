"""The HTTP API: JSON under /api, for programs. One file a resource.

    calls ──► visibility (what of it they see) ──► the runtime ──► calls.answer | calls.refused

calls         how a call is put together; descriptions: the OpenAPI document
visibility    what of it all a caller sees: another tenant's is as if it did not exist
parameters    ids, pages, waits, with their bounds; idempotency: what is done once, however often it is called
runs, acts, streams, threads · requests, answers, drafts · grants · stops · policies · audit · people · upkeep
"""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException

from ..middleware.refusals import is_for_programs
from . import acts, answers, audit, drafts, grants, people, policies, requests, runs, stops, streams, threads, upkeep
from .calls import refused
from .descriptions import describing

__all__ = ["install", "resources"]

resources: Final[tuple[APIRouter, ...]] = tuple(
    room.router
    for room in (
        streams,
        threads,
        runs,
        acts,
        requests,
        drafts,
        answers,
        grants,
        stops,
        policies,
        audit,
        people,
        upkeep,
    )
)
"""Calls with a fixed path come before those with an id in its place."""


def install(app: FastAPI) -> None:
    """Have an app tell failures of the API as problems, and describe it at /openapi.json."""
    app.add_exception_handler(StarletteHTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.openapi = describing(app)  # type: ignore[method-assign]  # as FastAPI documents it


async def _http(request: Request, exc: Exception) -> Response:
    """Also for paths of the API that there are not."""
    assert isinstance(exc, StarletteHTTPException)
    if is_for_programs(request.scope):
        return refused(HTTPException(exc.status_code, exc.detail, exc.headers))
    return await http_exception_handler(request, exc)


async def _validation(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, RequestValidationError)
    return refused(exc) if is_for_programs(request.scope) else await request_validation_exception_handler(request, exc)
