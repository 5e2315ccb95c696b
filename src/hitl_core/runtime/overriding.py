"""Overriding: a person replaces what came out. What it was is kept, and the agent is told of a call's."""

from __future__ import annotations

import json
from typing import Final

from ..commands import Override, OverrideOutput
from ..contracts import Adapter
from ..errors import OverrideRefused
from ..gate import Surroundings
from ..protocol import Guidance, Json, Responder, Run, canonical, new_id
from .steering import require_a_way_in

LONGEST: Final = 3_000
"""Characters of JSON that the result of a call may have: its agent is told."""


async def override(
    adapter: Adapter, around: Surroundings, run: Run, call: str | None, value: Json, by: Responder, reason: str
) -> Override:
    """Replace a completed run's output, or the result of a call. Raises OverrideRefused, NotCanonical."""
    canonical(value, what="output")
    now = around.now()
    told = None if call is None else _told(adapter, run, call, value, by, around)
    return await around.store.apply(OverrideOutput(run.id, call, value, by.id, reason, now, told, by.authenticated_by))


def _told(adapter: Adapter, run: Run, call: str, value: Json, by: Responder, around: Surroundings) -> Guidance:
    """What the agent reads: it may have seen the result that is replaced."""
    require_a_way_in(adapter, run)
    text = json.dumps(value, ensure_ascii=False)
    if len(text) > LONGEST:
        raise OverrideRefused(f"the result has {len(text):,} characters; its agent is told at most {LONGEST:,}")
    said = f"The result of the call {call} was replaced by a person. Go by this one, whatever you saw before: {text}"
    now = around.now()
    return Guidance(id=new_id(now), run_id=run.id, text=said, by=by, given_at=now)
