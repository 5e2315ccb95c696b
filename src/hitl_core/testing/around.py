"""A store around another one, for tests in which a store does one thing otherwise, or at one place more."""

from __future__ import annotations

from typing import TypeVar

from ..commands import Command, Query
from ..contracts import Store

R = TypeVar("R")


class StoreAround:
    """Passes everything on to `inner`, except what a subclass does otherwise."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner

    async def apply(self, command: Command[R]) -> R:
        return await self.inner.apply(command)

    async def fetch(self, query: Query[R]) -> R:
        return await self.inner.fetch(query)

    async def changed(self, *, timeout: float) -> None:
        await self.inner.changed(timeout=timeout)

    async def close(self) -> None:
        await self.inner.close()
