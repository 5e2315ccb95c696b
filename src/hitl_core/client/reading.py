"""What can be asked of a store that is elsewhere: the queries that a call of the API answers, and nothing else."""

from __future__ import annotations

from typing import Any, Final, NoReturn

from ..audit import Report
from ..commands import GetRequest, GetRun, ListRequests, ListRuns, Page, ReadAudit
from ..contracts import PAGE
from ..errors import ConfigError, Fault
from ..lifecycle import RequestState
from ..protocol import AuditEntry
from ..wire import forms
from .calling import Calling
from .places import request_place, run_place

MOST: Final = 200
"""Items of one page, at most."""
WHOLE_TRAIL: Final = 3_600
"""Seconds that an answer may take for which the whole trail is read."""


class RemoteStore:
    """A store that is read over the API as far as that goes. Whatever else is asked of it is refused, and not done."""

    def __init__(self, calling: Calling) -> None:
        self._calling = calling

    async def fetch(self, query: Any) -> Any:
        """Raises ConfigError for a query that no call of the API answers."""
        match query:
            case GetRun():
                return await self._calling.get(run_place(query.run_id), forms.RUN)
            case GetRequest():
                return await self._calling.get(request_place(query.request_id), forms.SETTLED)
            case ListRuns(tenant=None, within=None, started_by=None):
                asked = {"state": query.states, "undoes": query.undoes, "cursor": query.cursor, "thread": query.thread}
                return await self._calling.get("/api/runs", forms.RUNS, asked | {"limit": min(query.limit, MOST)})
            case ListRequests(call=None, users=(), tenant=None):
                return await self._calling.get("/api/requests", forms.INBOX, _requests(query))
            case ReadAudit():
                return await self._trail(query)
            case _:
                raise self.elsewhere(f"{type(query).__name__} of the store")

    async def _trail(self, query: ReadAudit) -> Page[AuditEntry]:
        """The lines that this token sees. Those of another tenant are left out, so a page may be short or empty."""
        asked = {"run": query.run_id, "event": query.events, "cursor": str(query.after) if query.after else None}
        return await self._calling.get("/api/audit", forms.AUDIT, asked | {"limit": min(query.limit, PAGE)})

    async def verified(self) -> Report:
        """What the server finds in its trail: its own word, held against the key and the anchors that it has."""
        return await self._calling.get("/api/audit/verify", forms.REPORT, wait=WHOLE_TRAIL)

    async def changed(self, *, timeout: float) -> None:
        """Return soon after something happens there that this token may hear of, or after `timeout` seconds."""
        await self._calling.heard(timeout)

    async def apply(self, command: object) -> NoReturn:
        """Raises ConfigError: what changes the store goes through the runtime."""
        raise self.elsewhere(f"{type(command).__name__} of the store")

    def elsewhere(self, what: str) -> ConfigError:
        here = f"{what} is where the server {self._calling.server.url} runs; do this there"
        return ConfigError([Fault("store.url", here)])


def _requests(query: ListRequests) -> dict[str, Any]:
    return {
        "state": () if query.states == (RequestState.OPEN,) else query.states or tuple(RequestState),
        "run": query.run_id,
        "role": query.roles,
        "notices": query.notices,
        "deferred": not query.awake,
        "limit": min(query.limit, MOST),
        "cursor": query.cursor,
    }
