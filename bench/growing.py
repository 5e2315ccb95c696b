"""How what a store does grows with what it holds: the same steps on several stores that take turns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from hitl_core.commands import ListRequests, RecordResponse

from .filled import Blocking
from .store_figures import cycled, spread
from .yardsticks import Curve, median, timed

PAGE: Final = 50
PAGES: Final = 5
"""Times that a page is read in one turn."""

Step = Callable[[], object]


@dataclass(slots=True)
class Spent:
    """Seconds on one store; `least` is the yardstick's, which stands before each answer and each cycle."""

    page: list[float] = field(default_factory=list)
    answer: list[float] = field(default_factory=list)
    answer_least: list[float] = field(default_factory=list)
    cycle: list[float] = field(default_factory=list)
    cycle_least: list[float] = field(default_factory=list)

    @property
    def answer_ratio(self) -> float:
        return median(self.answer) / median(self.answer_least)

    @property
    def cycle_ratio(self) -> float:
        return median(self.cycle) / median(self.cycle_least)


def grown(stores: dict[int, Blocking], least: Step, *, rounds: int, answers: int) -> dict[int, Spent]:
    """Pages, answers to requests all over the store, and whole cycles, by how many pauses are open in it."""
    spent = {pauses: Spent() for pauses in stores}
    for _ in range(rounds):
        for pauses, store in stores.items():
            spent[pauses].page += timed(lambda store=store: store.fetch_blocking(ListRequests(limit=PAGE)), PAGES)  # type: ignore[misc]
    for _ in range(rounds):
        for pauses, store in stores.items():
            cycles, syncs = cycled(store, least, max(1, answers // rounds))
            spent[pauses].cycle += cycles
            spent[pauses].cycle_least += syncs
    asked = {pauses: spread(store, pauses, answers)[:answers] for pauses, store in stores.items()}
    for number in range(answers):
        for pauses, store in stores.items():
            command = RecordResponse(asked[pauses][number].approve(by="reviewer"), datetime.now(UTC))
            spent[pauses].answer_least += timed(least, 1)
            spent[pauses].answer += timed(lambda store=store, command=command: store.apply_blocking(command), 1)  # type: ignore[misc]
    return spent


def curve(name: str, where: str, spent: dict[int, Spent]) -> Curve:
    """How many times what it costs in the smallest store, each held against its yardstick."""
    first = spent[min(spent)]
    series: dict[str, list[tuple[float, float]]] = {
        "inbox page": [(n, median(each.page) / median(first.page)) for n, each in spent.items()],
        "answer": [(n, each.answer_ratio / first.answer_ratio) for n, each in spent.items()],
        "cycle": [(n, each.cycle_ratio / first.cycle_ratio) for n, each in spent.items()],
    }
    title = f"Open pauses {where}: what each step costs"
    return Curve(name, title, "open pauses", f"times that at {min(spent):,}", series)
