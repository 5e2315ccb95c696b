"""Standing grants: what people let run for a time without being asked each time."""

from __future__ import annotations

from datetime import timedelta

from ..commands import GetRun, ListGrants, Recorded, RevokeGrant
from ..errors import GrantNotGiven
from ..people import Act
from ..protocol import Allowance, Approve, Grant, Responder, Response
from .granting import give, require_givable
from .identity import permitted
from .requests import Requests


class Grants(Requests):
    """Give, list, revoke."""

    async def grant(self, allows: Allowance, *, by: str | Responder, lasts: timedelta, reason: str = "") -> Grant:
        """Let calls run that a rule would ask about at level confirm, for a time and within limits.

        It never covers what is not known to be reversible, a stricter level, a denial, a stop or a veto window, nor
        what `by` may not decide. Raises GrantNotGiven with every fault, RunNotFound, NotPermitted.
        """
        await self._learn_tools()
        tenant = self.settings.tenant
        if allows.run_id is not None:
            tenant = (await self.store.fetch(GetRun(allows.run_id))).tenant
        who = await permitted(self._around, Act.GRANT, by, on=f"tool:{allows.tool}", tenant=tenant)
        return await give(self._around, allows, by=who, lasts=lasts, reason=reason, tenant=tenant)

    async def respond_and_grant(
        self, response: Response, allows: Allowance, *, lasts: timedelta
    ) -> tuple[Recorded, Grant]:
        """Decide a request, then give a grant for others like it, by the same person and for the same reason.

        A grant that cannot be given is refused before the answer is taken; a repeated answer gives no second grant.
        Raises what `respond` and `grant` raise.
        """
        if not isinstance(response.decision, Approve):
            raise GrantNotGiven("only who approves a call can let others like it run; answer without a grant")
        await self._learn_tools()
        request = (await self.request(response.request_id)).request
        run = await self.run(request.run_id)
        who = await permitted(self._around, Act.GRANT, response.responder, on=response.request_id, tenant=run.tenant)
        await require_givable(self._around, allows, by=who, lasts=lasts, like=request.action)
        if allows.run_id is not None:
            await self.run(allows.run_id)  # raises RunNotFound here, and not when the answer is recorded
        recorded = await self.respond(response)
        if recorded.replayed:
            raise GrantNotGiven(
                "this answer was recorded before; see whether a grant is there, and else give it by itself"
            )
        grant = await give(self._around, allows, by=who, lasts=lasts, reason=response.reason, tenant=run.tenant)
        return recorded, grant

    async def grants(self, *, limit: int = 100) -> tuple[Grant, ...]:
        """The newest grants first, those that have ended included; `grant.state(now)` says where each stands."""
        return await self.store.fetch(ListGrants(limit=limit))

    async def revoke_grant(self, grant_id: str, *, by: str | Responder, reason: str = "") -> Grant:
        """Take a grant back: nothing begins under it any more. Twice is harmless.

        Raises GrantNotFound, NotPermitted.
        """
        known = await self.store.fetch(ListGrants(id=grant_id))
        tenant = known[0].tenant if known else None
        who = await permitted(self._around, Act.REVOKE, by, on=grant_id, tenant=tenant)
        now = self._around.now()
        return await self.store.apply(RevokeGrant(grant_id, who.id, reason, now, who.authenticated_by))
