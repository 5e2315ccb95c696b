"""Requests: the inbox, and the answers to what stands in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from ..commands import (
    DeferRequest,
    GetRequest,
    ListComments,
    ListRequests,
    MoveRequest,
    Page,
    Recorded,
    RecordResponse,
    Settled,
)
from ..gate import preview
from ..lifecycle import RequestEvent
from ..logs import placed
from ..people import Act
from ..protocol import (
    Arguments,
    Cancel,
    Comment,
    Delegate,
    DraftVersion,
    PauseRequest,
    Preview,
    Reject,
    Responder,
    Response,
    changed_arguments,
)
from .commenting import comment
from .drafting import change, versions
from .identity import identified, in_view_of, permitted, recognised
from .judge import MAY_BE_DECIDED, event_of, judge
from .opened import Opened


class Requests(Opened):
    """What people are asked, and what they say."""

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
        """Open requests, oldest first; with `deferred`, also what was put off.

        With `by`, what this person may decide, in their tenant. Raises NotPermitted for whom no directory knows.
        """
        await self.tick()
        query = ListRequests(roles=roles, limit=limit, cursor=cursor, notices=notices, awake=not deferred)
        if by is not None:
            users, own, tenant = await in_view_of(self._around, by)
            query = replace(query, roles=(*roles, *own), users=users, tenant=tenant)
        return await self.store.fetch(query)

    async def request(self, request_id: str, *, by: str | Responder | None = None) -> Settled:
        """One request with its state and response. Raises RequestNotFound.

        With `by`, also NotPermitted for whom the directory does not know, or knows in another tenant.
        """
        settled = await self.store.fetch(GetRequest(request_id))
        if by is not None:
            run = await self.run(settled.request.run_id)
            await recognised(self._around, by, on=request_id, tenant=run.tenant)
        return settled

    async def defer(self, request_id: str, *, until: datetime, by: str | Responder) -> Settled:
        """Put a request off: it is not in the inbox until then, for nobody. Its deadline stays.

        Raises RequestNotFound, RequestClosed, NotAuthorised, or ResponseRefused for a time that does not fit.
        """
        settled, now = await self.request(request_id), self._around.now()
        asking = await identified(self._around, settled, Response.to(settled.request, Reject(), by=by, at=now))
        return await self.store.apply(DeferRequest(request_id, until, asking.responder, now))

    async def respond(self, response: Response) -> Recorded:
        """Decide a request. The first valid answer wins.

        Raises ResponseRefused with every fault, or its subclass: RequestNotFound, AlreadyDecided, RequestClosed,
        RequestExpired, NotAuthorised. A refused answer is recorded and changes nothing.
        """
        settled = await self.store.fetch(GetRequest(response.request_id))
        with placed(request_id=settled.request.id, run_id=settled.request.run_id):
            return await self._respond(settled, response)

    async def _respond(self, settled: Settled, response: Response) -> Recorded:
        response = await identified(self._around, settled, response)
        if settled.state in MAY_BE_DECIDED:
            if changed_arguments(response.decision) is not None:
                await self._learn_tools()
            await judge(self._around, settled, response)
        event, untold = event_of(settled, response), self._around.untold()
        recorded = await self.store.apply(RecordResponse(response, self._around.now(), event, untold))
        if isinstance(response.decision, Cancel) and not recorded.replayed:
            await self._forget(recorded.settled.request.run_id)
        if isinstance(response.decision, Delegate) and not recorded.replayed:
            self._around.announce(recorded.settled.request)
        return recorded

    async def comment(self, request_id: str, text: str, *, by: str | Responder, machine: bool = False) -> Comment:
        """Say something about an open request to whoever decides it. It is no vote, whoever says it.

        `machine`: it is the opinion of a model or a program, and shown as such; `by` then names that, and no directory
        is asked. Raises RequestNotFound, RequestClosed, NotPermitted, or ResponseRefused with every fault.
        """
        return await comment(self._around, request_id, text, by=by, machine=machine)

    async def comments(self, request_id: str) -> tuple[Comment, ...]:
        """What was said about a request beside deciding it, oldest first."""
        return await self.store.fetch(ListComments(request_id))

    async def draft(self, request_id: str) -> tuple[DraftVersion, ...]:
        """The versions of the draft that an agent and people share, oldest first. Raises RequestNotFound."""
        return await versions(self._around, request_id)

    async def change_draft(
        self, request_id: str, arguments: Arguments, *, base: int, by: str | Responder, note: str = ""
    ) -> DraftVersion:
        """Make these arguments the next version of a draft, after version `base`; the request stays open.

        Raises ResponseRefused with every fault, or its subclass: RequestNotFound, RequestClosed, RequestExpired,
        DraftMoved, NotAuthorised.
        """
        await self._learn_tools()
        return await change(self._around, request_id, arguments, base=base, by=by, note=note)

    async def revoke(self, request_id: str, *, by: str | Responder, reason: str = "") -> Settled:
        """Take back a decision that has not been used yet. Raises RequestNotFound, IllegalMove, NotPermitted."""
        run = await self.run((await self.request(request_id)).request.run_id)
        who = await permitted(self._around, Act.REVOKE, by, on=request_id, tenant=run.tenant)
        now = self._around.now()
        return await self.store.apply(
            MoveRequest(request_id, RequestEvent.REVOKE, who.id, reason, now, who.authenticated_by)
        )

    async def preview(self, request: PauseRequest, arguments: Arguments) -> Preview | None:
        """What an edit of `request` would do, by the tool's own code; None where code has nothing to say about it."""
        await self._learn_tools()
        traits = self._around.catalogue.traits(request.action.tool)
        made = preview(traits, request.action.edited(arguments))
        return made if traits.preview is not None or made.warnings else None
