"""What browsers are told of every answer: run no script but ours, show it in no frame, keep nothing, tell nobody.

The policy allows no inline script and no inline style: there is none on our pages, so whatever is, is somebody else's.
"""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .refusals import Header, path_of

OURS_ALONE: Final = ("script-src", "style-src", "img-src", "font-src", "connect-src", "form-action")
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        *(f"{what} 'self'" for what in OURS_ALONE),
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
NOTHING: Final = ("camera", "clipboard-read", "display-capture", "geolocation", "microphone", "payment", "usb")
ALWAYS: Final[tuple[Header, ...]] = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    # To us alone: with `no-referrer` a browser says of our own forms that they come from nowhere (`Origin: null`).
    (b"referrer-policy", b"same-origin"),
    (b"permissions-policy", ", ".join(f"{each}=()" for each in NOTHING).encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-robots-tag", b"noindex, nofollow"),
)
OVER_TLS: Final[Header] = (b"strict-transport-security", b"max-age=31536000")
NOT_KEPT: Final[Header] = (b"cache-control", b"no-store")
STATIC: Final = "/static/"


class Headers:
    """Puts them on every answer, in the place of whatever the app says of the same."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        tls = (OVER_TLS,) if scope.get("scheme") == "https" else ()

        async def with_ours(message: Message) -> None:
            if message["type"] == "http.response.start":
                ours = (*ALWAYS, *tls, *(() if _may_be_kept(scope, message) else (NOT_KEPT,)))
                names = {name for name, _ in ours}
                others = [each for each in message.get("headers", ()) if each[0].lower() not in names]
                message = {**message, "headers": [*others, *ours]}
            await send(message)

        await self._app(scope, receive, with_ours)


def _may_be_kept(scope: Scope, message: Message) -> bool:
    """Style and script, which are the same for everybody, and whose names change with what is in them."""
    return bool(message["status"] == 200 and path_of(scope).startswith(STATIC))
