"""A store in which somebody else acts at exactly one place: between what one process has read and what it writes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from ..commands import Command
from ..contracts import Store
from .around import StoreAround

R = TypeVar("R")


class InterleavingStore(StoreAround):
    """Passes everything on to `inner`; before the first command of the name `command`, `act(inner)` is awaited."""

    def __init__(self, inner: Store, command: str, act: Callable[[Store], Awaitable[object]]) -> None:
        super().__init__(inner)
        self._command = command
        self._act: Callable[[Store], Awaitable[object]] | None = act

    async def apply(self, command: Command[R]) -> R:
        """As `Store.apply`, after the others have acted if this is the place."""
        if type(command).__name__ == self._command and self._act is not None:
            act, self._act = self._act, None
            await act(self.inner)
        return await self.inner.apply(command)
