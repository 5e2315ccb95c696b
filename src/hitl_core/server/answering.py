"""Answers from outside the inbox (a link, Slack, a webhook): what was said, and whether its person is asked at all."""

from __future__ import annotations

from ..checks import authorise
from ..commands import Settled
from ..errors import Fault, NotAuthorised
from ..protocol import Decision, Reject, Responder, Response
from ..quorum import asked_now
from ..runtime.identity import identified
from .site import Site


def answer_from(
    site: Site, by: Responder, decision: Decision, *, request_id: str, digest: str, key: str, reason: str = ""
) -> Response:
    """What somebody has said, now, to the action that they were shown (`digest`). Under one `key` it counts once."""
    return Response(
        request_id=request_id,
        digest=digest,
        decision=decision,
        responder=by,
        reason=reason,
        decided_at=site.clock.now(),
        idempotency_key=key,
    )


async def why_not_asked(site: Site, settled: Settled, by: Responder) -> tuple[Fault, ...]:
    """Why somebody may not even refuse a request, as the directory knows them now; nothing, if they may."""
    refusal = Response.to(settled.request, Reject(), by=by, at=site.clock.now())
    try:
        refusal = await identified(site.hitl._around, settled, refusal)
    except NotAuthorised as exc:
        return exc.faults
    asked = asked_now(settled.request, settled.votes, refusal, site.clock.now())
    return tuple(authorise(settled.request, refusal, asked, settled.votes))
