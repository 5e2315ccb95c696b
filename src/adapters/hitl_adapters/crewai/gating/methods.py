"""Methods of a flow: one that has ended gives its recorded output and state, and is not run again."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable
from typing import Any

from hitl_core.protocol import Origin

from ..mapping import applied, changes, packed, shown, snapshot, unpacked
from ..suspend import Current, scope
from .steps import Step


def once(now: Current, flow: Any, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """The method, or what it came to in an earlier turn."""
    if asyncio.iscoroutinefunction(method):  # CrewAI marks its wrappers as such

        @functools.wraps(method)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            execution = _Execution(now, flow, name, args)
            return execution.recorded() if execution.known else await execution.ending(lambda: method(*args, **kwargs))

        return awaited

    @functools.wraps(method)
    def called(*args: Any, **kwargs: Any) -> Any:
        execution = _Execution(now, flow, name, args)
        return execution.recorded() if execution.known else execution.result(lambda: method(*args, **kwargs))

    return called


class _Execution:
    """One execution of a flow's method: its output, and what it changed in the flow's state."""

    def __init__(self, now: Current, flow: Any, name: str, args: tuple[Any, ...]) -> None:
        kind = type(flow).__name__
        self._now, self._flow = now, flow
        self._step = Step(
            now,
            scope().base,
            f"{kind}.{name}",
            origin=Origin(agent=kind, path=(*scope().agents, kind)),
            given=", ".join(shown(each) for each in args)[:2000],
        )
        self._entry = self._step.entry
        self._before = snapshot(flow.state)

    @property
    def known(self) -> bool:
        return self._entry is not None

    def recorded(self) -> Any:
        assert self._entry is not None
        applied(self._entry["state"], self._flow.state)
        return unpacked(self._entry["output"])

    def result(self, body: Callable[[], Any]) -> Any:
        """What the method returns; of one that returns an awaitable, one for what that comes to."""
        with self._step.body():
            made = body()
            if not inspect.isawaitable(made):
                return self._done(made)
        return self.ending(lambda: made)

    async def ending(self, body: Callable[[], Any]) -> Any:
        with self._step.body():
            return self._done(await body())

    def _done(self, output: Any) -> Any:
        """Remember it. A method whose output has no JSON form is run again; its models and tools are not."""
        self._now.check(self._step.path)
        kept, after = packed(output), snapshot(self._flow.state)
        if kept is None or after is None or self._before is None:
            self._step.leave()
        else:
            self._step.done({"output": kept, "state": changes(self._before, after)})
        return output
