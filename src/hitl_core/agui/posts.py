"""What a page posts, before it is read: JSON, no more of it than may be, and meant by whoever sends it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from starlette.requests import Request

from ..errors import Fault, NotUnderstood
from .reading import thread_faults

BODY_LIMIT: Final = 4 << 20
"""Bytes that a page may post: it sends the whole conversation each time."""
JSON: Final = "application/json"
OURS: Final = ("same-origin", "none")
"""What Sec-Fetch-Site says of a page from here, and of who has typed an address (W3C Fetch Metadata)."""


class Refused(Exception):
    """A request that is not read, and why."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True, slots=True)
class Envelope:
    """A call of the single endpoint."""

    method: str
    agent: str
    thread: str
    body: bytes


async def body_of(request: Request) -> bytes:
    """What was posted. Raises Refused for what is too long or no JSON.

    A form in a page of somebody else's can be sent with the cookies of whoever looks at it, but not as JSON: for that
    a browser first asks here whether the page may (CORS).
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON:
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"send {JSON}, not {kind[:100] or 'a body of no kind'!r}")
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > BODY_LIMIT:
            why = f"a page may post {BODY_LIMIT} bytes at most; nothing was read. Begin another conversation"
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, why)
    return bytes(found)


def require_meant(request: Request) -> None:
    """Raises Refused for a call without a body that a page of somebody else's has a browser make."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON and request.headers.get("sec-fetch-site", OURS[0]) not in OURS:
        raise Refused(HTTPStatus.FORBIDDEN, f"this came from a page of somebody else's; send it as {JSON}")


def require_name(thread: str) -> str:
    """The name of a conversation. Raises NotUnderstood for what cannot be one."""
    if faults := thread_faults(thread):
        raise NotUnderstood(faults)
    return thread


def opened(body: bytes) -> Envelope:
    """The envelope of the single endpoint. Raises NotUnderstood."""
    try:
        given: Any = json.loads(body)
        params = given.get("params") or {}
        inside = json.dumps(given.get("body") or {}).encode()
        texts = (given["method"], params.get("agentId", ""), params.get("threadId", ""))
    except (ValueError, AttributeError, KeyError, RecursionError) as exc:
        raise NotUnderstood([Fault("", "is no envelope {method, params, body}")]) from exc
    if not all(isinstance(each, str) for each in texts):
        raise NotUnderstood([Fault("", "method, params.agentId and params.threadId are texts")])
    return Envelope(*texts, inside)
