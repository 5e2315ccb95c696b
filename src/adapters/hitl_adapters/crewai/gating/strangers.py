"""Tool calls from outside every run while one is under way: refused if they are the run's own, else told aloud."""

from __future__ import annotations

import logging
from typing import Any, Final
from weakref import WeakKeyDictionary

from crewai import Crew

from ..errors import OutsideItsRun
from ..suspend import Current, under_way

log = logging.getLogger("hitl_core")

ADVICE: Final = "start its thread inside the run, or let it work in a `contextvars.copy_context()` of the run"


def refused_outside(context: Any) -> str:
    """Why a call outside every run does not run; "" if it may.

    A thread that was there before a run, and takes its work from a queue, does not say for whom it works.
    """
    for now in under_way():
        if _is_part(context, now.native):
            error = f"{context.tool_name!r} of this run was called from outside it, so it was not run; {ADVICE}"
            now.halt(OutsideItsRun(error))
            return error
        _tell(now, str(context.tool_name))
    return ""


def _is_part(context: Any, native: Any) -> bool:
    """A flow makes its agents as it goes, so only those of a crew are known."""
    if not isinstance(native, Crew):
        return False
    known = (native, *native.agents, *native.tasks, native.manager_agent)
    callers = (context.crew, context.agent, context.task)
    return any(caller is each for caller in callers if caller is not None for each in known)


_told: WeakKeyDictionary[Current, set[str]] = WeakKeyDictionary()


def _tell(now: Current, tool: str) -> None:
    """Once for each run and tool."""
    told = _told.setdefault(now, set())
    if tool not in told:
        told.add(tool)
        what = (
            "the tool %r ran outside every run while run %s was under way, and nobody was asked; if it is the run's, %s"
        )
        log.error(what, tool, now.turn.run.id, ADVICE)
