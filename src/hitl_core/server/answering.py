"""Answers from outside the inbox: by a link, from Slack, by a webhook."""

from __future__ import annotations

from ..protocol import Decision, Responder, Response
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
