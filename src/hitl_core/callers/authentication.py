"""Authentication of a mounted protocol: who calls is known before anything is read, and nobody calls unsigned."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import cast

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import HitlError
from ..runtime import Runtime, known_as
from .caller import Caller, Principal, WhoCalls

log = logging.getLogger("hitl_core")


class RequireCaller:
    """Stands around an application. Who calls is kept in the state of the request, where `caller_of` finds them."""

    def __init__(self, app: ASGIApp, who: WhoCalls) -> None:
        self._app, self._who = app, who

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            caller = await self._who(HTTPConnection(scope))
        except HitlError as exc:
            log.warning("nobody can come in just now: %s", exc)
            why = "who calls cannot be looked up just now; nothing was done, try again"
            await _refuse(send, HTTPStatus.SERVICE_UNAVAILABLE, why, (b"retry-after", b"1"))
            return
        if caller is None:
            why = "nobody has come in: send a token of the API that has not expired, as `Authorization: Bearer …`"
            await _refuse(send, HTTPStatus.UNAUTHORIZED, why, (b"www-authenticate", b"Bearer"))
            return
        scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, receive, send)


def by_known_name(hitl: Runtime, who: WhoCalls) -> WhoCalls:
    """The same, with everybody under the name that the directory of people has for them, as whoever starts a run is."""

    async def known(connection: HTTPConnection) -> Caller | None:
        come = await who(connection)
        if come is None:
            return None
        name = await known_as(hitl, come.responder.id)
        return Principal(come.responder.model_copy(update={"id": name}), come.tenant, come.rights)

    return known


def caller_of(connection: HTTPConnection) -> Caller:
    """Who calls with this request."""
    return cast("Caller", connection.state.caller)


async def _refuse(send: Send, status: HTTPStatus, why: str, *more: tuple[bytes, bytes]) -> None:
    body = json.dumps({"type": "about:blank", "title": status.phrase, "status": status.value, "detail": why}).encode()
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": body})
