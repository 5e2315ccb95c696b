"""kill -9 at every boundary of the walk in design.md §3, in real processes, for every kind of decision.

The boundaries are not listed by hand: each story is played once, and every command that it gave to the store is one
place to die before and one to die after; so are both sides of the effect inside each tool. What happened is read from
the ledger: nothing twice, nothing unapproved, and in doubt exactly where it is true.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hitl_core.testing.crashing import points
from hitl_core.testing.processes import Ended, Order, Processes
from tests.core.runtime import stories
from tests.core.runtime.stories import EDITED, REFUND, SAID, STORIES, record
from tests.core.shop import Ledger, Shop

STAGES = ("start", "respond", "resume")
APPROVED: dict[str, dict[str, Any]] = {"approve": REFUND, "edit": EDITED}

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    with Processes(stories.__name__) as processes:
        yield processes


class Crashes:
    """One story: the places where each of its processes can die, and the shop as each process finds it."""

    def __init__(self, story: str, folder: Path, processes: Processes) -> None:
        self.story = story
        self.folder = folder
        self.processes = processes
        self.before = {stage: folder / f"before {stage}" for stage in STAGES}

    async def places(self) -> list[tuple[str, str]]:
        rehearsal = self.folder / "rehearsal"
        rehearsal.mkdir()
        commands = await record(str(rehearsal), self.story)
        found = [(stage, str(point)) for stage in STAGES for point in points(commands[stage])]
        found += [("resume", f"{when} the {tool}") for tool in self._tools() for when in ("before", "after")]
        return found

    def prepare(self) -> None:
        """A shop as it is before each stage; every crash begins in a copy of one of them."""
        done = self.before["start"]
        done.mkdir()
        for stage, following in itertools.pairwise(STAGES):
            shutil.copytree(done, self.before[following])
            done = self.before[following]
            ended = self._runs(stage, done)
            assert (ended.signal, ended.error) == (0, "")

    async def check(self, stage: str, place: str) -> None:
        folder = self.folder / f"{stage} {place}"
        shutil.copytree(self.before[stage], folder)
        died = self._runs(stage, folder, crash=place)
        assert died.killed, f"did not die: {died}"
        output, in_doubt = self._continue(folder)
        self._check_effects(Ledger(folder / "ledger.jsonl"), stage, place, output)
        assert in_doubt == self._expected_doubt(place)
        assert (await Shop(folder).verified()).exit_code == 0

    def _continue(self, folder: Path) -> tuple[Any, list[str]]:
        """New processes take it from there: one goes on with the run, another answers, until it is over."""
        in_doubt: list[str] = []
        for _ in range(5):
            ended = self._runs("resume", folder)
            assert not ended.error, ended.error
            if ended.result["state"] == "completed":
                return ended.result["output"], in_doubt
            next_one = "respond" if ended.result["state"] == "paused" else "start"
            assert ended.result["state"] in ("paused", ""), ended.result
            ended = self._runs(next_one, folder)
            assert not ended.error, ended.error
            in_doubt += ended.result if next_one == "respond" else []
        raise AssertionError("the run did not come to its end")

    def _runs(self, stage: str, folder: Path, crash: str = "") -> Ended:
        order = Order.of(getattr(stories, stage), folder=str(folder), story=self.story, crash=crash)
        return self.processes.run(order)

    def _check_effects(self, ledger: Ledger, stage: str, place: str, output: Any) -> None:
        paid = [{"order": line["order"], "amount": line["amount"]} for line in ledger.lines("refund")]
        assert paid == ([APPROVED[self.story]] if self.story in APPROVED else [])
        assert ledger.count("mail") == 1
        # A step is finished when it is remembered; a death in between repeats that one, and no other.
        unfinished = {("start", "before Remember 1"): "look up", ("resume", "before Remember 1"): "receipt"}
        for step in ("look up", "receipt"):
            assert ledger.count(step) == 1 + (unfinished.get((stage, place)) == step)
        if "refund" not in str(self._expected_doubt(place)):  # then a person's word is the result
            assert output == SAID[self.story]

    def _expected_doubt(self, place: str) -> list[str]:
        """The tools that had begun and whose outcome was not stored."""
        inside = {f"{when} the {tool}": f"{tool}#1" for tool in self._tools() for when in ("before", "after")}
        for number, tool in enumerate(self._tools(), 1):
            inside |= {f"after BeginEffect {number}": f"{tool}#1", f"before EndEffect {number}": f"{tool}#1"}
        return [inside[place]] if place in inside else []

    def _tools(self) -> list[str]:
        return ["refund", "mail"] if self.story in APPROVED else ["mail"]


@pytest.mark.parametrize("story", STORIES)
async def test_a_process_may_die_anywhere(story: str, memory_folder: Path, processes: Processes) -> None:
    crashes = Crashes(story, memory_folder, processes)
    places = await crashes.places()
    assert {"after BeginEffect 1", "before EndEffect 1", "after FinishRun 1"} <= {place for _, place in places}
    assert {("start", "before PauseRun 1"), ("respond", "after RecordResponse 1")} <= set(places)
    crashes.prepare()
    for stage, place in places:
        try:
            await crashes.check(stage, place)
        except AssertionError as exc:
            raise AssertionError(f"{story}, {stage}, killed {place}: {exc}") from exc
