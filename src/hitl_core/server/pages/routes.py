"""What routes of pages have in common: errors are pages too, forms are read, and after each change comes a GET."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from ...errors import HitlError, NotPermitted, ResponseRefused, StoreUnavailable
from ..auth import NotAuthenticated
from .environment import render, url

_TITLES: Final = {
    403: "This is not yours to do",
    404: "There is nothing here",
    503: "The store is away",
}


class PageRoute(APIRoute):
    """A route whose errors of ours are pages that say what is wrong, and so is what is not there or not allowed."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(http: Request) -> Response:
            try:
                return await handle(http)
            except HitlError as exc:
                return _message(http, _status(exc), str(exc))
            except NotAuthenticated:
                raise  # they are sent to sign in
            except HTTPException as exc:
                return _message(http, exc.status_code, str(exc.detail))
            except RequestValidationError as exc:
                said = "; ".join(f"{each['loc'][-1]}: {each['msg']}" for each in exc.errors())
                return _message(http, 422, said)

        return handled


def _message(http: Request, status: int, said: str) -> Response:
    title, visitor = _TITLES.get(status, "This was not done"), getattr(http.state, "visitor", None)
    to_the_inbox = ("To the inbox", url(http))
    return render(http, "message.html", visitor, status=status, title=title, said=said, next=to_the_inbox)


def _status(exc: HitlError) -> int:
    if isinstance(exc, LookupError):
        return 404
    if isinstance(exc, NotPermitted):
        return 403
    if isinstance(exc, StoreUnavailable):
        return 503
    return 422 if isinstance(exc, ResponseRefused | ValueError) else 409


async def typed_in(http: Request) -> dict[str, str]:
    """What a form says: texts, each the last of its name."""
    form = await http.form()
    return {name: value for name, value in form.multi_items() if isinstance(value, str)}


def back(http: Request, *path: str, to: str = "", **query: str) -> RedirectResponse:
    """To a page by GET, so that to load it again repeats nothing; `to` is the part of it to look at."""
    return RedirectResponse(url(http, *path, **query) + (f"#{to}" if to else ""), 303)
