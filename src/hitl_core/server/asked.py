"""Whether somebody is asked about a request, so that they may be shown it where others may come too."""

from __future__ import annotations

from ..checks import authorise
from ..commands import Settled
from ..errors import Fault, NotAuthorised
from ..protocol import Reject, Responder, Response
from ..quorum import asked_now
from ..runtime.identity import identified
from .site import Site


async def why_not_asked(site: Site, settled: Settled, by: Responder) -> tuple[Fault, ...]:
    """Why somebody may not even refuse a request, as the directory knows them now; nothing, if they may."""
    refusal = Response.to(settled.request, Reject(), by=by, at=site.clock.now())
    try:
        refusal = await identified(site.hitl._around, settled, refusal)
    except NotAuthorised as exc:
        return exc.faults
    asked = asked_now(settled.request, settled.votes, refusal, site.clock.now())
    return tuple(authorise(settled.request, refusal, asked, settled.votes))
