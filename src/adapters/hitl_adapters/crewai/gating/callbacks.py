"""What an app calls when a task has ended: once, however often the crew runs again."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from crewai.task import Task

from hitl_core.protocol import Origin

from ..mapping import role_of
from ..suspend import Suspended, current, scope, seam
from .steps import Step


def hold_callbacks() -> None:
    """Hold on to how a task ends, once per process."""
    seam(Task, "_execute_core", _unless_it_waits)
    seam(Task, "_aexecute_core", _unless_it_waits_async)


def _unless_it_waits(original: Any, task: Task, *args: Any, **kwargs: Any) -> Any:
    """CrewAI gives a task its output before it calls back; one that waits then has not ended all the same."""
    try:
        return original(task, *args, **kwargs)
    except Suspended:
        task.output = None
        raise


async def _unless_it_waits_async(original: Any, task: Task, *args: Any, **kwargs: Any) -> Any:
    try:
        return await original(task, *args, **kwargs)
    except Suspended:
        task.output = None
        raise


def oversee_callbacks(task: Task) -> None:
    """Let the callbacks of a task and of its crew run once. Both objects are this turn's own."""
    for owner, name in ((task, "callback"), (getattr(task.agent, "crew", None), "task_callback")):
        callback = getattr(owner, name, None)
        if callable(callback) and not isinstance(callback, Once):
            object.__setattr__(owner, name, Once(callback))


class Once:
    """A callback that runs once at each place."""

    def __init__(self, callback: Callable[[Any], Any]) -> None:
        functools.update_wrapper(self, callback)  # CrewAI writes callbacks down by their names
        self._callback = callback
        self._name = getattr(callback, "__name__", type(callback).__name__)

    def __eq__(self, other: object) -> bool:
        """CrewAI compares a task's callback with its crew's, and calls one that is both only once."""
        return self._callback == (other._callback if isinstance(other, Once) else other)

    def __hash__(self) -> int:
        return hash(self._callback)

    def __call__(self, output: Any) -> Any:
        now = current()
        if now is None:
            return self._callback(output)
        step = Step(
            now,
            now.place("callback", self._name),
            self._name,
            origin=Origin(agent=role_of(output), path=scope().agents),
            given=str(output.raw)[:2000],
        )
        if step.entry is not None:
            return None
        with step.body():
            made = self._callback(output)
            if not inspect.isawaitable(made):
                return step.done({})
        return _awaited(step, made)


async def _awaited(step: Step, made: Any) -> None:
    with step.body():
        await made
        step.done({})
