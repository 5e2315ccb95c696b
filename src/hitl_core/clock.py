"""The clock of the machine. Tests use `hitl_core.testing.ManualClock` instead."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime


class SystemClock:
    """UTC wall clock; sleeping on the event loop."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
