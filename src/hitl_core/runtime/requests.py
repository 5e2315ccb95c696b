"""Requests: the inbox, and the answers to what stands in it."""

from __future__ import annotations

from ..commands import GetRequest, ListRequests, MoveRequest, Page, Recorded, RecordResponse, Settled
from ..gate import preview
from ..lifecycle import RequestEvent
from ..protocol import Arguments, Cancel, DraftVersion, PauseRequest, Preview, Responder, Response, changed_arguments
from .drafting import change, versions
from .judge import MAY_BE_DECIDED, event_of, judge
from .opened import Opened


class Requests(Opened):
    """What people are asked, and what they say."""

    async def inbox(
        self, *, roles: tuple[str, ...] = (), limit: int = 50, cursor: str | None = None, notices: bool = False
    ) -> Page[Settled]:
        """Open requests, oldest first."""
        await self.tick()
        query = ListRequests(roles=roles, limit=limit, cursor=cursor, notices=notices)
        return await self.store.fetch(query)

    async def request(self, request_id: str) -> Settled:
        """One request with its state and response. Raises RequestNotFound."""
        return await self.store.fetch(GetRequest(request_id))

    async def respond(self, response: Response) -> Recorded:
        """Decide a request. The first valid answer wins.

        Raises ResponseRefused with every fault, or its subclass: RequestNotFound, AlreadyDecided, RequestClosed,
        RequestExpired, NotAuthorised. A refused answer is recorded and changes nothing.
        """
        settled = await self.store.fetch(GetRequest(response.request_id))
        if settled.state in MAY_BE_DECIDED:
            if changed_arguments(response.decision) is not None:
                await self._learn_tools()
            await judge(self._around, settled, response)
        recorded = await self.store.apply(RecordResponse(response, self._around.now(), event_of(settled, response)))
        if isinstance(response.decision, Cancel) and not recorded.replayed:
            await self._forget(recorded.settled.request.run_id)
        return recorded

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

    async def revoke(self, request_id: str, *, by: str, reason: str = "") -> Settled:
        """Take back a decision that has not been used yet. Raises RequestNotFound, IllegalMove."""
        return await self.store.apply(MoveRequest(request_id, RequestEvent.REVOKE, by, reason, self._around.now()))

    async def preview(self, request: PauseRequest, arguments: Arguments) -> Preview | None:
        """What an edit of `request` would do, by the tool's own code; None where this app has none for it."""
        await self._learn_tools()
        traits = self._around.catalogue.traits(request.action.tool)
        return None if traits.preview is None else preview(traits, request.action.edited(arguments))
