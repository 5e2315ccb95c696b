"""A line for each request, an id by which it is found, and what breaks goes to our log alone.

    GET /requests/0199… 200 in 12 ms, ann by link from 10.0.0.7, call 5f0c…

No query, no body and no secret stands in it: of a path whose end is one, only the beginning.
"""

from __future__ import annotations

import logging
import time
import uuid
from http import HTTPStatus
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...channels.plain_text import visible
from ...config import Serving
from .client_addresses import ClientAddresses
from .rate_limits import PROBES
from .refusals import path_of, refuse
from .security_headers import STATIC

log = logging.getLogger("hitl_core.access")

CALL: Final = b"x-request-id"
SECRET: Final = ("/login/", "/l/", "/hooks/")
LONGEST: Final = 200
QUIET: Final = (*PROBES, "/metrics")


class AccessLog:
    """Writes to the logger `hitl_core.access`: with INFO what people and programs do, the rest with DEBUG."""

    def __init__(self, app: ASGIApp, serving: Serving) -> None:
        self._app, self._addresses = app, ClientAddresses(serving)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        call, began, status = uuid.uuid4().hex, time.monotonic(), 0
        scope.setdefault("state", {})["call"] = call

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), (CALL, call.encode())]}
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception:
            log.exception("call %s broke", call)
            if not status:
                why = f"something broke here that is no fault of yours; the log has it as call {call}"
                await refuse(scope, noted, HTTPStatus.INTERNAL_SERVER_ERROR, why)
        finally:
            self._write(scope, call, status, time.monotonic() - began)

    def _write(self, scope: Scope, call: str, status: int, took: float) -> None:
        path = path_of(scope)
        level = logging.DEBUG if path.startswith(STATIC) or path in QUIET else logging.INFO
        if log.isEnabledFor(level):
            fields = self._fields(scope, call, status, took)
            log.log(level, "%s", _words(fields), extra={"fields": fields})

    def _fields(self, scope: Scope, call: str, status: int, took: float) -> dict[str, Any]:
        visitor = scope["state"].get("visitor")
        who = {} if visitor is None else {"person": visitor.responder.id, "door": visitor.responder.authenticated_by}
        return {
            "call": call,
            "method": scope["method"],
            "path": shown(path_of(scope)),
            "status": status,
            "took_ms": round(took * 1000),
            "address": self._addresses.of(scope),
            **who,
        }


def shown(path: str) -> str:
    """A path as it may be written down."""
    for each in SECRET:
        if path.startswith(each):
            return f"{each}…"
    return visible(path[:LONGEST])


def _words(fields: dict[str, Any]) -> str:
    who = f"{fields['person']} by {fields['door']}" if "person" in fields else "nobody"
    said = "{method} {path} {status} in {took_ms} ms".format_map(fields)
    return visible(f"{said}, {who} from {fields['address']}, call {fields['call']}")
