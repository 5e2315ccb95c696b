"""What a browser is watched for: nothing goes wrong in it, and it asks nobody but the server of the test."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from playwright.async_api import BrowserContext, ConsoleMessage, Request, Response, WebError

_STATUS = re.compile(r"responded with a status of (\d+)")
_GONE = ("net::ERR_", "htmx:sendError", "htmx:afterRequest")
"""How it is said that the server is gone, by the browser and by what asks it every 20 seconds for news. What listens to
events has words of its own for it.
"""


@dataclass
class Watch:
    """Over all pages of a context. Whatever breaks the policy of content or of scripts is said on the console."""

    url: str
    allowed: set[int] = field(default_factory=set)
    """Statuses that the test asks for."""
    away: bool = False
    """Whether the server is gone for a while, which the browser says of each request."""
    seen: list[str] = field(default_factory=list)
    asked: int = 0

    @classmethod
    def over(cls, context: BrowserContext, url: str) -> Watch:
        watch = cls(url)
        context.on("console", watch._said)
        context.on("weberror", watch._broke)
        context.on("request", watch._asked)
        context.on("response", watch._answered)
        return watch

    def judge(self) -> None:
        """AssertionError for all that was seen."""
        assert self.asked, "the browser has asked for nothing"
        assert not self.seen, "\n".join(self.seen)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        status = _STATUS.search(message.text)
        expected = status is not None and int(status[1]) in self.allowed
        gone = self.away and (message.text == "[object Event]" or any(words in message.text for words in _GONE))
        if not expected and not gone:
            self.seen.append(f"console {message.type}: {message.text} ({message.location})")

    def _broke(self, error: WebError) -> None:
        self.seen.append(f"error in the page: {error.error}")

    def _asked(self, request: Request) -> None:
        self.asked += 1
        if not request.url.startswith(f"{self.url}/"):
            self.seen.append(f"asked another server: {request.method} {request.url}")

    def _answered(self, response: Response) -> None:
        if response.status >= 500:
            self.seen.append(f"{response.status} for {response.request.method} {response.url}")
