"""The one place where the command line enters asyncio: open the runtime of a configuration, work, close it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..config import connect
from ..runtime import Runtime

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Opening:
    """Which configuration to open. Nothing is open between two calls of `do`: a person may think for days."""

    config: Path
    backend: str | None = None

    def do(self, work: Callable[[Runtime], Awaitable[T]]) -> T:
        """`work(runtime)` from start to end in an event loop of its own. Raises what `connect` and `work` raise."""

        async def opened() -> T:
            async with connect(self.config, backend=self.backend) as hitl:
                return await work(hitl)

        return asyncio.run(opened())
