"""What is answered to a request that the middleware does not let through: a problem for programs, a line for people."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Final

from starlette.types import Scope, Send

PROBLEM: Final = b"application/problem+json"
TEXT: Final = b"text/plain; charset=utf-8"
CLOSE: Final = (b"connection", b"close")
"""For whom the rest of what they send is not read."""

Header = tuple[bytes, bytes]


async def refuse(scope: Scope, send: Send, status: HTTPStatus, why: str, *more: Header) -> None:
    """Answer with this status; `why` says what was wrong and what to do."""
    kind, body = _document(status, why) if is_for_programs(scope) else (TEXT, f"{why}\n".encode())
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _document(status: HTTPStatus, why: str) -> tuple[bytes, bytes]:
    """RFC 9457."""
    found = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": why}
    return PROBLEM, json.dumps(found).encode()


def path_of(scope: Scope) -> str:
    """The path below where the app is mounted."""
    path, root = str(scope["path"]), str(scope.get("root_path", "")).rstrip("/")
    inside = root and (path == root or path.startswith(f"{root}/"))
    return (path[len(root) :] or "/") if inside else path


def is_for_programs(scope: Scope) -> bool:
    path = path_of(scope)
    return path == "/api" or path.startswith("/api/")


def values_of(scope: Scope, name: bytes) -> list[bytes]:
    """All values of a header."""
    return [value for key, value in scope["headers"] if key.lower() == name]


def only(scope: Scope, name: bytes) -> str | None:
    """The value of a header; "" for one that is there twice, or cannot be read; None for one that is not there."""
    found = values_of(scope, name)
    if not found:
        return None
    return found[0].decode("latin-1").strip() if len(found) == 1 else ""
