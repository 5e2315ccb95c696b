"""An agent that makes a call again which people keep rejecting is told so, and nobody is asked once more."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile

from ..commands import ListAsked, Settled
from ..protocol import Action, Reject, Run
from .surroundings import Surroundings


async def enough_of(around: Surroundings, run: Run, action: Action) -> str:
    """Why nobody is asked about this call any more; "" if people are asked.

    What counts are the newest decisions about the same tool and arguments in this run, up to the first that is no
    rejection. If they cannot be read, the error is raised, and nothing runs.
    """
    most = around.rejected_in_a_row
    if not most:
        return ""
    asked = await around.store.fetch(ListAsked(run.id, action.tool, limit=_LOOKED_AT + most))
    if _in_a_row(asked, action.digest) < most:
        return ""
    times = "once" if most == 1 else f"{most} times in a row"
    return f"people have rejected exactly this {times}, so nobody is asked again in this run; do not try it again"


_LOOKED_AT = 50
"""Requests about the tool that may lie between the rejections that count."""


def _in_a_row(asked: Iterable[Settled], digest: str) -> int:
    """Rejections among the decisions about one digest, newest first, until another kind of decision."""
    decided = (each.response for each in asked if each.request.digest == digest and each.response is not None)
    return sum(1 for _ in takewhile(lambda response: isinstance(response.decision, Reject), decided))
