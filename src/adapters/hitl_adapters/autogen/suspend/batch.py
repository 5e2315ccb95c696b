"""The tool calls of one model answer. AutoGen runs them at once and goes on when all of them have a result."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NoReturn

from autogen_core import FunctionCall


@dataclass(slots=True)
class Batch:
    """The calls of one answer, and how many of those that reach a workbench are done or wait."""

    place: str
    calls: Sequence[FunctionCall]
    expected: int
    stuck: asyncio.Event
    done: int = 0
    waiting: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    tasks: set[asyncio.Task[object]] = field(default_factory=set)

    @classmethod
    def of(cls, place: str, calls: Sequence[FunctionCall], tools: set[str], stuck: asyncio.Event) -> Batch:
        """`tools` are the names that workbenches answer for; a call that is no JSON never reaches one."""
        return cls(place, calls, sum(call.name in tools and _is_json(call.arguments) for call in calls), stuck)

    @property
    def over(self) -> bool:
        return self.done >= self.expected

    def claim(self, call_id: str | None, name: str) -> str:
        """The place of a call: its position in the answer. Ids may be missing, or the same for several calls."""
        alike = [n for n, call in enumerate(self.calls) if (call.id, call.name) == (call_id or "", name)]
        key = f"{call_id}/{name}"
        nth, self.seen[key] = self.seen[key], self.seen[key] + 1
        number = alike[nth] if nth < len(alike) else len(self.calls) + nth
        return f"{self.place}.{number}"

    @contextmanager
    def call(self) -> Iterator[None]:
        """While one call is under way."""
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            yield
        finally:
            self.tasks.discard(task)
            self.done += 1
            self._look()

    async def wait(self) -> NoReturn:
        """Wait inside the tool task: nothing may be raised there (microsoft/autogen#7956). The turn that the call is
        part of is torn down once nothing else in it moves."""
        self.waiting += 1
        self._look()
        await asyncio.get_running_loop().create_future()
        raise AssertionError("nobody answers this")

    async def tear_down(self) -> None:
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _look(self) -> None:
        if self.waiting and self.done + self.waiting >= self.expected:
            self.stuck.set()


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
