"""Answers that wait a few seconds before they are given, and can be taken back until then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from textual.timer import Timer

from ...protocol import Response

Give = Callable[[Response], Awaitable[None]]


@dataclass(slots=True)
class _Held:
    response: Response
    timer: Timer


class Holding:
    """At most one answer for each request. `after` starts a timer: the app's own."""

    def __init__(self, give: Give, after: Callable[[float, Callable[[], Awaitable[None]]], Timer]) -> None:
        self._give = give
        self._after = after
        self._held: dict[str, _Held] = {}

    def __contains__(self, request_id: str) -> bool:
        return request_id in self._held

    def hold(self, response: Response, seconds: float) -> None:
        """Give it after so many seconds, unless it is taken back."""

        async def due() -> None:
            await self._let_go(response.request_id)

        self._held[response.request_id] = _Held(response, self._after(seconds, due))

    def take_back(self) -> Response | None:
        """The answer that was held last; None if nothing is held."""
        if not self._held:
            return None
        _, held = self._held.popitem()
        held.timer.stop()
        return held.response

    async def give_all(self) -> None:
        """What nobody has taken back stands, also for whoever leaves."""
        for request_id in tuple(self._held):
            await self._let_go(request_id)

    async def _let_go(self, request_id: str) -> None:
        held = self._held.pop(request_id, None)
        if held is not None:
            held.timer.stop()
            await self._give(held.response)
