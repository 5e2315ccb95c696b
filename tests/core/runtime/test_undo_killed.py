"""kill -9 at every boundary of an undo, in real processes: each step happens once, or a person says what became of it.

As in `test_crash_boundaries`, the boundaries are the commands that an undo gives to the store when it is played once,
and both sides of the effect inside each undo.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hitl_core.testing.crashing import points
from hitl_core.testing.processes import Ended, Order, Processes
from tests.core.runtime import undo_stories
from tests.core.runtime.undo_stories import CALLS, STORIES, record
from tests.core.shop import Ledger, Shop

UNDOS = [f"undo:{call.removesuffix('#1')}" for call in CALLS]

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    with Processes(undo_stories.__name__) as processes:
        yield processes


class Undo:
    """One story: where each of its processes can die, and the shop as each process finds it."""

    def __init__(self, story: str, folder: Path, processes: Processes) -> None:
        self.story, self.folder, self.processes = story, folder, processes

    async def places(self) -> list[tuple[str, str]]:
        """Stages and places in them; the last stage is the one in which the undos run."""
        rehearsal = self.folder / "rehearsal"
        rehearsal.mkdir()
        commands = await record(str(rehearsal), self.story)
        found = [(stage, str(point)) for stage, names in commands.items() for point in points(names)]
        return found + [(list(commands)[-1], f"{when} the {undo}") for undo in UNDOS for when in ("before", "after")]

    def prepare(self, stages: list[str]) -> None:
        """A shop as it is before each stage; every crash begins in a copy of one of them."""
        done = self.folder / f"before {stages[0]}"
        done.mkdir()
        self._runs("sell", done)
        for stage, following in itertools.pairwise(stages):
            shutil.copytree(done, self.folder / f"before {following}")
            done = self.folder / f"before {following}"
            self._runs(stage, done)

    async def check(self, stage: str, place: str) -> None:
        folder = self.folder / f"{stage} {place}"
        shutil.copytree(self.folder / f"before {stage}", folder)
        died = self._order(stage, folder, crash=place)
        assert died.killed, f"did not die: {died}"
        assert self._continues(folder) == self._doubts(stage, place)
        ledger = Ledger(folder / "ledger.jsonl")
        assert [line["effect"] for line in ledger.lines()] == ["pay", "ship", *UNDOS]
        assert {line["receipt"] for line in ledger.lines() if "receipt" in line} == {"pay of A-1", "ship of A-1"}
        assert (await Shop(folder).verified()).exit_code == 0

    def _continues(self, folder: Path) -> list[str]:
        """New processes take it from there until it is over; what they had to ask about."""
        in_doubt: list[str] = []
        for _ in range(5):
            stands = self._runs("undo", folder).result
            if stands["state"] == "completed":
                assert stands["calls"] == dict.fromkeys(CALLS, "undone")
                return in_doubt
            assert stands["state"] == "paused", stands
            in_doubt += self._runs("respond", folder).result
        raise AssertionError("the undo did not come to its end")

    def _doubts(self, stage: str, place: str) -> list[str]:
        """What had begun and had no outcome in the store yet."""
        for number, (undo, call) in enumerate(zip(UNDOS, CALLS, strict=True), 1):
            inside = (f"before the {undo}", f"after the {undo}", f"after BeginEffect {number}")
            if place in (*inside, f"before EndEffect {number}"):
                return [f"undo:{call}"]
        return []

    def _runs(self, stage: str, folder: Path) -> Ended:
        ended = self._order(stage, folder)
        assert (ended.signal, ended.error) == (0, "")
        return ended

    def _order(self, stage: str, folder: Path, **more: str) -> Ended:
        function = undo_stories.undo if stage == "go on" else getattr(undo_stories, stage)
        return self.processes.run(Order.of(function, folder=str(folder), story=self.story, **more))


@pytest.mark.parametrize("story", STORIES)
async def test_an_undo_may_die_anywhere(story: str, memory_folder: Path, processes: Processes) -> None:
    undo = Undo(story, memory_folder, processes)
    places = await undo.places()
    stages = list(dict.fromkeys(stage for stage, _ in places))
    assert len(stages) == (1 if story == "unasked" else 3)
    between = {
        f"{when} {command} {number}"
        for when in ("before", "after")
        for command in ("BeginEffect", "EndEffect")
        for number in (1, 2)
    }
    assert between <= {place for stage, place in places if stage == stages[-1]}
    undo.prepare(stages)
    for stage, place in places:
        try:
            await undo.check(stage, place)
        except AssertionError as exc:
            raise AssertionError(f"{story}, {stage}, killed {place}: {exc}") from exc
