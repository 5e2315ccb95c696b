"""What a run remembers: read once when a stretch begins, and written while the team goes on with it.

A finished answer of a model is on its way to the store while the team reads it. Nothing that may have an effect, no
other model call and no ending comes before it is kept (`written`), so a process that dies repeats at most the one call
that was in flight.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Self

from hitl_core.errors import AppChanged, HitlError
from hitl_core.gate import Gate
from hitl_core.protocol import Json


class Memory:
    """The journal of one stretch."""

    def __init__(self, gate: Gate, known: dict[str, Json]) -> None:
        self._gate, self._known = gate, known
        self._writing: set[asyncio.Task[None]] = set()
        self._error: HitlError | None = None

    @classmethod
    async def of(cls, gate: Gate) -> Self:
        return cls(gate, await gate.journal())

    def __getitem__(self, key: str) -> Json:
        """What is remembered under a key; None if nothing is."""
        return self._known.get(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def write(self, key: str, value: Json) -> None:
        """Begin to remember something; `written` waits for it."""
        task = asyncio.get_running_loop().create_task(self._write(key, value))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def written(self) -> None:
        """Wait until everything is kept. Raises what hindered it, now and from now on."""
        await self.settled()
        if self._error is not None:
            raise self._error

    async def settled(self) -> None:
        """Wait for what is being written, whatever comes of it."""
        while self._writing:
            await asyncio.wait(self._writing)  # never gather: who waits may be cancelled, what is written may not

    async def _write(self, key: str, value: Json) -> None:
        try:
            kept = await self._gate.remember(key, value)
        except HitlError as exc:
            self._error = self._error or exc
            return
        if kept != value:
            twice = f"{key!r} was answered twice in this run, and otherwise; nothing goes on from either answer"
            self._error = self._error or AppChanged(twice)
