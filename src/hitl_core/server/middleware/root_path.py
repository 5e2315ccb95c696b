"""Where people reach us, as configured: below which path, and by https where a proxy in front ends it."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from ...config import Serving


class RootPath:
    """Lets the app know what `server.url` says. An app that mounts us knows better, and a proxy is not asked.

    A proxy in front may take the path of the URL off, or leave it on.
    """

    def __init__(self, app: ASGIApp, serving: Serving) -> None:
        url = urlsplit(serving.url)
        self._app, self._scheme, self._root = app, url.scheme, url.path.rstrip("/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = self._with_root_path(scope)
        await self._app(scope, receive, send)

    def _with_root_path(self, scope: Scope) -> Scope:
        placed = dict(scope, scheme=self._scheme or scope.get("scheme", "http"))
        if not self._root or scope.get("root_path"):
            return placed
        path = str(scope["path"])
        left_on = path == self._root or path.startswith(f"{self._root}/")
        return placed | {"root_path": self._root, "path": path if left_on else self._root + path}
