"""The methods about requests and grants, over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from ..commands import Page, Recorded, Settled
from ..errors import RequestNotFound
from ..protocol import Allowance, Arguments, Comment, DraftVersion, Grant, PauseRequest, Preview, Responder, Response
from ..runtime import Batch
from ..wire import bodies, forms
from .calling import Calling
from .places import act, made, name_of, request_place
from .reading import MOST


class RemoteRequests:
    """What people are asked and what they say, at a server."""

    _calling: Calling

    # ── requests ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def inbox(
        self,
        *,
        roles: tuple[str, ...] = (),
        limit: int = 50,
        cursor: str | None = None,
        notices: bool = False,
        by: str | Responder | None = None,
        deferred: bool = False,
    ) -> Page[Settled]:
        """Open requests, oldest first; with `by`, what that person may decide: whom the token is of."""
        query: dict[str, Any] = {"role": roles, "limit": min(limit, MOST), "cursor": cursor, "by": name_of(by)}
        query |= {"notices": notices, "deferred": deferred, "mine": None if by is None else True}
        return await self._calling.get("/api/requests", forms.INBOX, query)

    async def request(self, request_id: str, *, by: str | Responder | None = None) -> Settled:
        """One request with its state and response. Raises RequestNotFound."""
        return await self._calling.get(request_place(request_id), forms.SETTLED, {"by": name_of(by)})

    async def defer(self, request_id: str, *, until: datetime, by: str | Responder) -> Settled:
        """Put a request off: it is not in the inbox until then, for nobody. Its deadline stays."""
        body = made(bodies.Defer, until=until, by=name_of(by))
        return await self._calling.post(request_place(request_id, "/defer"), forms.SETTLED, body, harmless=True)

    async def respond(self, response: Response) -> Recorded:
        """Decide a request. The first valid answer wins."""
        body = bodies.Answering.of(response)
        place = request_place(response.request_id, "/response")
        return await self._calling.post(place, forms.RECORDED, body, harmless=True)

    async def comment(self, request_id: str, text: str, *, by: str | Responder, machine: bool = False) -> Comment:
        """Say something about an open request to whoever decides it. It is no vote, whoever says it."""
        body = made(bodies.Saying, text=text, by=name_of(by), machine=machine)
        return await self._calling.post(request_place(request_id, "/comments"), forms.COMMENT, body, once=True)

    async def comments(self, request_id: str) -> tuple[Comment, ...]:
        """What was said about a request beside deciding it, oldest first."""
        try:
            return await self._calling.get(request_place(request_id, "/comments"), forms.COMMENTS)
        except RequestNotFound:
            return ()

    async def draft(self, request_id: str) -> tuple[DraftVersion, ...]:
        """The versions of the draft that an agent and people share, oldest first. Raises RequestNotFound."""
        return await self._calling.get(request_place(request_id, "/draft"), forms.VERSIONS)

    async def change_draft(
        self, request_id: str, arguments: Arguments, *, base: int, by: str | Responder, note: str = ""
    ) -> DraftVersion:
        """Make these arguments the next version of a draft, after version `base`; the request stays open."""
        body = made(bodies.Drafting, arguments=arguments, by=name_of(by), note=note)
        place, match = request_place(request_id, "/draft"), {"If-Match": f'"{base}"'}
        return await self._calling.post(place, forms.VERSION, body, method="PUT", headers=match)

    async def revoke(self, request_id: str, *, by: str | Responder, reason: str = "") -> Settled:
        """Take back a decision that has not been used yet. Raises RequestNotFound, IllegalMove, NotPermitted."""
        return await self._calling.post(request_place(request_id, "/revoke"), forms.SETTLED, act(by, reason))

    async def preview(self, request: PauseRequest, arguments: Arguments) -> Preview | None:
        """What an edit of `request` would do, by the tool's own code; None where code has nothing to say about it."""
        body = made(bodies.Previewing, arguments=arguments)
        return await self._calling.post(request_place(request.id, "/preview"), forms.PREVIEW, body, harmless=True)

    async def alike(self, request_id: str) -> tuple[Settled, ...]:
        """The open requests like this one, itself included, oldest first: same tool, rule, kind and tenant."""
        return await self._calling.get(request_place(request_id, "/alike"), forms.ALIKE)

    async def respond_many(self, responses: Sequence[Response]) -> Batch:
        """Give these answers in one gesture: each is judged and recorded by itself, under one batch id."""
        body = made(bodies.AnsweringMany, answers=tuple(bodies.AnsweringOne.of(each) for each in responses))
        return await self._calling.post("/api/responses", forms.BATCH, body)

    # ── grants ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def grant(self, allows: Allowance, *, by: str | Responder, lasts: timedelta, reason: str = "") -> Grant:
        """Let calls run that a rule would ask about at level confirm, for a time and within limits."""
        body = made(bodies.Granting, allows=allows, lasts_seconds=lasts.total_seconds(), by=name_of(by), reason=reason)
        return await self._calling.post("/api/grants", forms.GRANT, body, once=True)

    async def respond_and_grant(
        self, response: Response, allows: Allowance, *, lasts: timedelta
    ) -> tuple[Recorded, Grant]:
        """Decide a request, then give a grant for others like it, by the same person and for the same reason."""
        answer = bodies.AnsweringOne.of(response)
        body = made(bodies.AnsweringAndGranting, answer=answer, allows=allows, lasts_seconds=lasts.total_seconds())
        place = request_place(response.request_id, "/response-and-grant")
        granted = await self._calling.post(place, forms.GRANTED, body, once=True)
        return granted.recorded, granted.grant

    async def grants(self, *, limit: int = 100) -> tuple[Grant, ...]:
        """The newest grants first, those that have ended included; `grant.state(now)` says where each stands."""
        return await self._calling.get("/api/grants", forms.GRANTS, {"limit": min(limit, MOST)})

    async def revoke_grant(self, grant_id: str, *, by: str | Responder, reason: str = "") -> Grant:
        """Take a grant back: nothing begins under it any more. Twice is harmless."""
        place = f"/api/grants/{quote(grant_id, safe='')}/revoke"
        return await self._calling.post(place, forms.GRANT, act(by, reason), harmless=True)
