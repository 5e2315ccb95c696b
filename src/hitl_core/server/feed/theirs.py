"""What of the events of requests is for somebody who does not see all requests (../seeing.py)."""

from __future__ import annotations

import asyncio

from ..auth import Right, Visitor
from ..seeing import View, sees_all, view_of
from ..site import Site
from .happened import Happened
from .hub import Hub
from .streams import LOOKED_UP


class Theirs:
    """Leaves out the events of requests that a listener does not see. Whose they see is looked up now and then."""

    def __init__(self, site: Site, hub: Hub, visitor: Visitor) -> None:
        self._site, self._hub, self._visitor = site, hub, visitor
        self._view: View | None = None
        self._looked = 0.0

    async def __call__(self, found: tuple[Happened, ...]) -> tuple[Happened, ...]:
        if sees_all(self._visitor) or Right.AUDIT in self._visitor.rights:
            return found
        return tuple([each for each in found if not each.is_of_a_request or await self._is_theirs(each)])

    async def _is_theirs(self, event: Happened) -> bool:
        parties = await self._hub.parties(event, self._site.clock.now())
        return parties is not None and (await self._as_whom()).shows(parties)

    async def _as_whom(self) -> View:
        now = asyncio.get_running_loop().time()
        if self._view is None or now - self._looked >= LOOKED_UP:
            self._view, self._looked = await view_of(self._site, self._visitor), now
        return self._view
