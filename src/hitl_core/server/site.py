"""What every part of the server works with."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

from ..audit import Account
from ..channels.messages import Route
from ..config import Serving
from ..contracts import Clock, Store
from ..runtime import Runtime


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass(frozen=True, slots=True)
class Site:
    """One runtime as it is served. Parts take it with `site_of`; it is made once, in app.py.

    `messages` are the routes whose answers come back to it.
    `ending` is set when the server is told to end: whoever answers without end, ends then.
    `app_at_hand` is not set while another thread imports what the app needs: no page may wait for that.
    """

    hitl: Runtime
    serving: Serving
    messages: tuple[Route, ...] = ()
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    app_at_hand: asyncio.Event = field(default_factory=_set)

    @property
    def store(self) -> Store:
        return self.hitl.store

    @property
    def clock(self) -> Clock:
        return self.hitl.clock

    async def account(self, run_id: str) -> Account:
        """The account of a run, made beside those who are served: the whole trail is read for it."""
        return await asyncio.to_thread(asyncio.run, self.hitl.account(run_id))


def site_of(connection: HTTPConnection) -> Site:
    """The site that a request (or a web socket) has come to."""
    return cast("Site", connection.app.state.site)


CurrentSite = Annotated[Site, Depends(site_of)]
"""A parameter of a route: the site that its request has come to."""
