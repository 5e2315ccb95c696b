"""What snapshots of older versions get wrong, mended from the saver's own records.

Before langgraph 1.2.20 a step that was answered once counts as finished, although it waits for a second answer or has
failed since. The rule of newer versions (pregel/_task_status.py): a step is finished if and only if it has an output.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from langgraph.types import PregelTask, StateSnapshot

CONTROL: Final = frozenset(("__error__", "__error_source_node__", "__interrupt__", "__resume__"))
"""Channels that say what happened to a step rather than what it produced."""

Writes = Mapping[str, list[Any]]
"""Pending writes by checkpoint namespace."""


def is_doubtful(snapshot: StateSnapshot) -> bool:
    """Whether a step counts as finished and shows no output."""
    return any(task.result == {} or _inner_doubtful(task) for task in snapshot.tasks)


def _inner_doubtful(task: PregelTask) -> bool:
    return isinstance(task.state, StateSnapshot) and is_doubtful(task.state)


def mended(snapshot: StateSnapshot, writes: Writes) -> StateSnapshot:
    """The snapshot with steps that only count as finished put back among those that are not."""
    here = writes.get(snapshot.config.get("configurable", {}).get("checkpoint_ns", ""), [])
    done = {step for step, channel, _ in here if channel not in CONTROL}
    tasks = tuple(_mended(task, done, writes) for task in snapshot.tasks)
    unfinished = tuple(task.name for task in tasks if task.result is None)
    return snapshot._replace(tasks=tasks, next=unfinished)


def _mended(task: PregelTask, done: set[str], writes: Writes) -> PregelTask:
    if isinstance(task.state, StateSnapshot):
        task = task._replace(state=mended(task.state, writes))
    finished = task.result is not None and (task.result != {} or task.id in done)
    return task if finished else task._replace(result=None)
