"""What a crash, a deployment or other people may have left behind in a thread: found before anything runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from langgraph.types import PregelTask, StateSnapshot

from hitl_core.contracts import Broke, Turn
from hitl_core.errors import AppChanged
from hitl_core.protocol import PauseRequest

from .kept import Kept
from .pauses import App, Site, ask_about_step, is_settled, runs_again
from .snapshot import checkpoint_id, unfinished

Given = Callable[[PregelTask], Awaitable[Any]]


@dataclass(slots=True)
class Doubt:
    """Steps in doubt: the questions to ask, the places that wait for an answer, and those that got one."""

    asked: list[PauseRequest] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)


async def doubtful(
    turn: Turn, app: App, snapshot: StateSnapshot, sites: Sequence[Site], waited: Sequence[str], given: Given
) -> Doubt | Broke:
    """Steps of the app that a dead worker may have left half done: a person says whether to run them again.

    `waited` are the places that the run paused at, `given` reads what a step was started with. After a second crash
    they are asked about once more.
    """
    doubt = Doubt()
    for task in unfinished(snapshot):
        call = f"step:{task.name}:{task.id}"
        known = await turn.gate.settled(call) if turn.claimed.interrupted or call in waited else None
        if turn.claimed.interrupted and (known is None or is_settled(known)):
            if not _may_have_run(task, (), sites, app) or await _is_gated(turn, task):
                continue
            round = 0 if known is None else known.request.round + 1
            doubt.asked.append(ask_about_step(turn.gate, task, call, given=await given(task), round=round))
            doubt.waiting.append(call)
        elif known is None:
            continue
        elif not is_settled(known):
            doubt.waiting.append(call)
        elif runs_again(known):
            if await turn.gate.stop_for(known.request.action) is not None:
                return Broke(str(turn.gate.stopped), turn.checkpoint)
            doubt.answered.append(call)
        else:
            return Broke(f"step {task.name!r} was in doubt after a crash and a person ended the run", turn.checkpoint)
    return doubt


async def _is_gated(turn: Turn, task: PregelTask) -> bool:
    """Whether the gate knows calls in this task, or in a graph inside it: their effects are on record, one by one."""
    place = f"{task.name}:{task.id}"
    return await turn.gate.knows(f"{place}/") or await turn.gate.knows(f"{place}|")


def _may_have_run(task: PregelTask, path: tuple[str, ...], sites: Sequence[Site], app: App) -> bool:
    """A task that waits undecided has certainly stopped there; any other unfinished one may have been working."""
    if app.is_safe(path, task.name):
        return False
    if any(site.pause.static is not None and site.pause.path == path and not site.settled for site in sites):
        return False
    below = (*path, task.name)
    if isinstance(task.state, StateSnapshot) and unfinished(task.state):
        if not app.is_graph(path, task.name) and not any(_is_within(site, below) for site in sites):
            return True  # a node's own code was on its way to the graph that it calls
        return any(_may_have_run(each, below, sites, app) for each in unfinished(task.state))
    if not task.interrupts:
        return True
    ids = {each.id for each in task.interrupts}
    return any(site.pause.interrupt_id in ids and site.settled for site in sites)


def _is_within(site: Site, path: tuple[str, ...]) -> bool:
    return site.pause.path[: len(path)] == path


def require_unmoved(snapshot: StateSnapshot, kept: Kept, thread: str, *, asked: bool) -> None:
    """Somebody else wrote to the thread since it paused. If it waits anew, or is about to, people are asked anew.

    Raises AppChanged if it went past the place that waited: our decision would not be the one that let it.
    """
    if asked or (kept.nodes and set(kept.nodes) <= set(snapshot.next)):
        return
    raise AppChanged(
        f"thread {thread!r} was moved on by somebody else while this run waited at {', '.join(kept.nodes)}; "
        "nothing ran. `hitl cancel` ends the run; undo takes the thread back to its pause"
    )


def require_places(snapshot: StateSnapshot, kept: Kept, waiting: Sequence[str], *, excused: bool) -> None:
    """A thread that stands where it paused must still wait there; `excused` if it may have been told before a crash.

    LangGraph says nothing if the paused node is gone from the app: the pause vanishes and the graph goes on
    (research §1.1). Raises AppChanged.
    """
    if kept.paused.get("checkpoint_id") != checkpoint_id(snapshot):
        return
    lost = [call for call in kept.waits if call.startswith("pause:") and call not in waiting]
    gone = set(kept.nodes) - {task.name for task in snapshot.tasks}
    if gone or (lost and not excused):
        waits = ", ".join(sorted(gone) or lost)
        raise AppChanged(f"the app no longer has the place where this run paused ({waits}); nothing ran")


def require_nothing_beside(snapshot: StateSnapshot) -> None:
    """Asking again starts the whole step anew. Raises AppChanged if work beside it is done and would be redone."""
    done = [task.name for task in snapshot.tasks if task.result is not None]
    if done:
        raise AppChanged(
            f"cannot ask again: {', '.join(done)} beside it is done already and would run a second time; "
            "resume with the answer that was given, or cancel the run"
        )
