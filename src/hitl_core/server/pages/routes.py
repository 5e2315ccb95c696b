"""What routes of pages have in common: errors are pages too, and after each change comes a GET."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from ...errors import HitlError
from ...wire import validation_faults
from ..auth import NotAuthenticated
from .environment import render, url
from .forms import status_of

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
                return _message(http, status_of(exc), str(exc))
            except NotAuthenticated:
                raise  # they are sent to sign in
            except HTTPException as exc:
                return _message(http, exc.status_code, str(exc.detail))
            except RequestValidationError as exc:
                faults = validation_faults(exc.errors(), below=1)
                return _message(http, 422, "; ".join(map(str, faults)))

        return handled


def _message(http: Request, status: int, said: str) -> Response:
    title, visitor = _TITLES.get(status, "This was not done"), getattr(http.state, "visitor", None)
    to_the_inbox = ("To the inbox", url(http))
    return render(http, "message.html", visitor, status=status, title=title, said=said, next=to_the_inbox)


def back(http: Request, *path: str, to: str = "", **query: str) -> RedirectResponse:
    """To a page by GET, so that to load it again repeats nothing; `to` is the part of it to look at."""
    return RedirectResponse(url(http, *path, **query) + (f"#{to}" if to else ""), 303)
