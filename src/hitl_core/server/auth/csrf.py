"""That a change was meant: it carries the token of the session that it is made in (CSRF), which no other site knows."""

from __future__ import annotations

from typing import Final

from fastapi import Request

from .secret import is_same

HEADER: Final = "x-csrf-token"
FIELD: Final = "csrf"
_SAFE: Final = frozenset(("GET", "HEAD", "OPTIONS"))
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")


def changes(request: Request) -> bool:
    """Whether a request may change something: a GET never does."""
    return request.method not in _SAFE


async def carries(request: Request, csrf: str) -> bool:
    """Whether a request carries this token, in its header or in its form. Whoever asks closes the request's form."""
    given = request.headers.get(HEADER)
    if given is None and request.headers.get("content-type", "").partition(";")[0].strip().lower() in _FORMS:
        found = (await request.form()).get(FIELD)
        given = found if isinstance(found, str) else None
    return given is not None and is_same(given, csrf)
