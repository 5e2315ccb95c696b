"""Where a thread stands, read from a snapshot: the pauses that wait for an answer, and the steps that are not done.

Pauses are read from `get_state`, not from the stream: its order is stable and its values are what another process
will read (research/langgraph.md §0.10).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from langgraph.types import Interrupt, PregelTask, StateSnapshot

from hitl_core.protocol import Json

from ..mapping import NativePause
from ..mapping.rendering import rendered

MARK: Final = "hitl_run"
"""Metadata of every checkpoint that a run of ours wrote: the run's id. Without it, somebody else moved the thread."""


def pauses(snapshot: StateSnapshot, path: tuple[str, ...] = ()) -> Iterator[NativePause]:
    """The pauses of a snapshot that wait for an answer, in path order, each once with its innermost node."""
    seen: set[str] = set()
    for task in snapshot.tasks:
        for pause in _of_task(task, path):
            if pause.interrupt_id not in seen:
                seen.add(pause.interrupt_id)
                yield pause


def _of_task(task: PregelTask, path: tuple[str, ...]) -> Iterator[NativePause]:
    if task.result is not None:
        return
    if isinstance(task.state, StateSnapshot):
        # What the step says itself may be outdated: its graph may have been answered, or changed since.
        yield from pauses(task.state, (*path, task.name))
        return
    for each in task.interrupts:
        shown = rendered(each.value)
        yield NativePause(
            interrupt_id=each.id,
            node=task.name,
            path=path,
            value=shown.value,
            response_schema=_schema(each),
            parts=shown.parts,
            fault=shown.fault,
        )


def _schema(each: Interrupt[Any]) -> dict[str, Json] | None:
    return each.response_schema if isinstance(each.response_schema, dict) else None


def is_unheard(snapshot: StateSnapshot) -> bool:
    """Whether a graph inside waits and the step around it has not said so, as after a crash between the two writes:
    no answer reaches such a pause until the step has run up to it once more."""
    for task in unfinished(snapshot):
        if not isinstance(task.state, StateSnapshot) or task.error is not None:
            continue
        inside = {each.interrupt_id for each in pauses(task.state)}
        if not inside <= {each.id for each in task.interrupts} or is_unheard(task.state):
            return True
    return False


def breakpoint_at(snapshot: StateSnapshot, graph: Any) -> NativePause:
    """The static breakpoint at which a thread stands: it has neither a value nor an id (research §1.2)."""
    where = checkpoint_id(snapshot)
    path: tuple[str, ...] = ()
    inner, names = snapshot, snapshot.next
    while (below := _subgraph_in(inner)) is not None:
        path, inner, names = (*path, below.name), below.state, below.state.next
    before = [name for name in names if path or name in _names(graph.interrupt_before_nodes, names)]
    side = "before" if before or not graph.interrupt_after_nodes else "after"
    return NativePause(f"static:{where}", ", ".join(before or names), path, static=side)  # type: ignore[arg-type]


def _subgraph_in(snapshot: StateSnapshot) -> Any:
    return next((task for task in snapshot.tasks if isinstance(task.state, StateSnapshot) and task.state.next), None)


def _names(given: Any, every: tuple[str, ...]) -> tuple[str, ...]:
    """Breakpoint nodes as names; "*" stands for all."""
    return every if given == "*" else tuple(given or ())


def has_inner(snapshot: StateSnapshot) -> bool:
    """Whether work stopped inside a subgraph, so that a second look with `subgraphs=True` finds its node."""
    return any(task.result is None and task.state is not None for task in snapshot.tasks)


def unfinished(snapshot: StateSnapshot) -> tuple[PregelTask, ...]:
    """The tasks that were started, or are next, and have no result."""
    return tuple(task for task in snapshot.tasks if task.result is None)


def is_over(snapshot: StateSnapshot) -> bool:
    """Whether nothing is left to do. `next` alone does not say it: it is empty as well while the results of a step
    are kept and the checkpoint after them is not, as after a crash between the two."""
    return not snapshot.tasks


def failed(snapshot: StateSnapshot) -> bool:
    """Whether a step raised: what it was told before is kept with the error (research §2.4)."""
    return any(task.error is not None for task in unfinished(snapshot))


def checkpoint_id(snapshot: StateSnapshot) -> str:
    return str(snapshot.config.get("configurable", {}).get("checkpoint_id", ""))


def written_by(snapshot: StateSnapshot) -> str | None:
    """The run that wrote this checkpoint, None if it was nobody of ours."""
    found = (snapshot.metadata or {}).get(MARK)
    return found if isinstance(found, str) else None
