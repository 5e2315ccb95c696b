"""One place, and the processes that come and go there: workers and people (`lives`), one after the other or at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hitl_core.testing.processes import Ended, Order, Processes
from tests.faults import lives
from tests.faults.checker import Left, left
from tests.faults.places import Place
from tests.faults.receiver import Receiver


class Story:
    """What happens at a place, in one mode of the effect."""

    def __init__(self, place: Place, processes: Processes, mode: str = "ledger") -> None:
        self.place, self.mode, self._processes = place, mode, processes

    def does(self, work: Any, **how: Any) -> Any:
        """What a process says that lives to its end."""
        ended = self._processes.run(self.order(work, **how))
        assert (ended.signal, ended.error) == (0, "")
        return ended.result

    def dies(self, work: Any, crash: str, **how: Any) -> None:
        ended = self._processes.run(self.order(work, crash=crash, **how))
        assert ended.killed, f"not killed {crash}: {ended}"

    def together(self, *orders: Order) -> list[Ended]:
        return self._processes.together(*orders)

    def order(self, work: Any, **how: Any) -> Order:
        return Order.of(work, place=self.place.told, mode=self.mode, **how)

    def starts(self, runs: int = 1) -> list[str]:
        started: list[str] = self.does(lives.starts, runs=runs)
        Receiver(self.place).opens(self.mode)
        return started

    def ends(self) -> None:
        """Workers and people until nobody is asked any more."""
        for _ in range(6):
            self.does(lives.works)
            if not self.does(lives.responds):
                return

    def calms(self) -> None:
        """After many kills: everything comes to its end, also what was given up because of them."""
        self.ends()
        if self.does(lives.tries_again):
            self.ends()

    async def look(self) -> Left:
        self.left = replace(await left(self.place), ledger=tuple(Receiver(self.place).taken))
        return self.left
