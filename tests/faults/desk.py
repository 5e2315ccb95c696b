"""A shop (`tests.core.shop`) whose store is at a place, and whose ledger the checker reads."""

from __future__ import annotations

from typing import Any

from hitl_core.clock import SystemClock
from hitl_core.contracts import Clock
from hitl_core.policy import Policy
from tests.core.shop import ASKS_FOR_EVERYTHING, Shop
from tests.faults.diary import LEDGER, Diary
from tests.faults.places import Place


class Desk(Shop):
    """Each `open` is what a new process would be."""

    def __init__(self, place: Place, *, policy: Policy = ASKS_FOR_EVERYTHING, time: Clock | None = None) -> None:
        super().__init__(place.folder, policy=policy, time=time or SystemClock())
        self.place = place
        self.happened = Diary(place.folder / LEDGER)

    async def store(self) -> Any:
        return await self.place.store(clock=self.time)
