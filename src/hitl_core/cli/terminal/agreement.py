"""Where several people have to agree: who has, and who has not."""

from __future__ import annotations

from datetime import datetime

from ...commands import Settled
from ...lifecycle import RequestState
from ...quorum import agreements, asked_at, standing


def still_needed(settled: Settled, now: datetime) -> str:
    """Who has still to agree, where several people have to; "" if nobody."""
    asked = asked_at(settled.request, settled.votes, now)
    if asked.needed == 1 or settled.state not in (RequestState.OPEN, RequestState.FROZEN):
        return ""
    return standing(asked, settled.votes).missing


def agreed(settled: Settled, now: datetime) -> str:
    """How many of how many have agreed, in a few letters; "" where one is enough."""
    asked = asked_at(settled.request, settled.votes, now)
    return f"{len(agreements(settled.votes))} of {asked.needed} agreed" if asked.needed > 1 else ""
