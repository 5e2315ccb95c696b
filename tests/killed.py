"""kill -9, in real processes, on any backend: while paused, after each answer, around every command, in the tool.

Each adapter's `test_killed.py` has this for its apps, and beside it what can die only there (P40, P41, P42).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import pytest

from hitl_core.gate import ABORT, HAPPENED, NOT_HAPPENED
from hitl_core.testing.crashing import CrashPoint, points
from hitl_core.testing.kills.life import get_warm
from hitl_core.testing.processes import Ended, Order, Processes, name_of
from hitl_core.testing.scripted_model import Script, ScriptedModel

from . import crash_desk as at
from .crash_desk import CrashDesk

COMMANDS = {
    *("OpenRun", "BeginEffect", "EndEffect", "PauseRun", "RecordResponse", "ClaimRuns", "FinishRun"),
}


def warm_parent(backend: str, *modules: str) -> Processes:
    """Who forks what is killed: it has imported the framework and these modules of the tests."""
    return Processes(name_of(warm), kit=f"hitl_adapters.{backend}.kit:Kit", modules=modules)


def warm(kit: str, modules: list[str]) -> None:
    get_warm(kit)
    for module in modules:
        import_module(module)


class KilledAtCommands:
    """One app of one backend, killed around every command that it gives to the store."""

    backend: ClassVar[str]
    app: ClassVar[Any] = staticmethod(at.spec)
    """From the model's address to the app."""
    script: ClassVar[Script] = at.SCRIPT
    answer: ClassVar[str] = "done courier"
    """What it says in the end."""
    once: ClassVar[tuple[str, ...]] = ("refund", "look_up")
    """What it has done once, by then."""
    recovers: ClassVar[Any] = staticmethod(at.recovers)
    remembers: ClassVar[bool] = True
    """Whether it keeps a journal in the store, so that there is a command for each step."""
    everywhere: ClassVar[bool] = True
    """Whether it is worth the time to die also where the next command's "before" is nearly the same place."""

    @pytest.fixture(scope="class")
    @classmethod
    def processes(cls) -> Iterator[Processes]:
        with warm_parent(cls.backend, cls.app.__module__) as processes:
            yield processes

    @pytest.fixture
    def desk(self, tmp_path: Path) -> Iterator[CrashDesk]:
        log = tmp_path / "model.jsonl"
        with ScriptedModel(self.script, log=log, log_bodies=True) as model:
            yield CrashDesk(self.backend, tmp_path, model.base_url, log, self.app)

    @pytest.mark.parametrize("part", range(3))
    def test_killed_around_every_command_to_the_store(self, processes: Processes, desk: CrashDesk, part: int) -> None:
        """Between the framework's step and our commit, between a decision and its use, around each effect …"""
        rehearsed = processes.run(Order.of(at.rehearses, desk=desk.somewhere_else("rehearsal").to_json()))
        assert set(rehearsed.result) >= COMMANDS | ({"Remember"} if self.remembers else set())
        places = self._places(rehearsed.result)[part::3]
        desks = [desk.somewhere_else(str(place).replace(" ", "-")).to_json() for place in places]
        deaths = [
            Order.of(at.dies_at, desk=each, command=place.command, when=place.when, nth=place.nth)
            for each, place in zip(desks, places, strict=True)
        ]
        died = zip(places, processes.together(*deaths, at_once=2), strict=True)
        assert [(place, ended) for place, ended in died if not ended.killed] == []
        recoveries = [Order.of(self.recovers, desk=each, answer=self.answer, once=self.once) for each in desks]
        recovered = zip(places, processes.together(*recoveries, at_once=2), strict=True)
        assert [(place, ended) for place, ended in recovered if ended != Ended()] == []

    def _places(self, names: list[str]) -> list[CrashPoint]:
        every = points(names)
        worth = ("BeginEffect", "FinishRun")  # a tool or the end follows
        return [each for each in every if self.everywhere or each.when == "before" or each.command in worth]


class Killed(KilledAtCommands):
    """An app with every kind of request, killed there, while it waits, after each answer, and in the tool."""

    calls: ClassVar[int] = 3
    """How often its model is asked."""

    @pytest.mark.parametrize(
        ("how", "refunds"), [("approve", [12]), ("edit", [7.5]), ("reject", []), ("respond", [])], ids=str
    )
    def test_killed_while_paused_and_after_each_answer(
        self, processes: Processes, desk: CrashDesk, how: str, refunds: list[float]
    ) -> None:
        """One process starts and dies, one lists and answers and dies, one resumes and dies."""
        order = partial(Order.of, desk=desk.to_json())
        assert processes.run(order(at.starts_and_dies)).killed
        for _ in range(2):
            assert processes.run(order(at.answers_and_dies, how=how)).killed
            assert processes.run(order(at.resumes_and_dies)).killed
        assert processes.run(order(at.is_over, answer=self.answer)) == Ended()
        assert (desk.refunds, desk.lookups) == (refunds, 1)
        assert (len(desk.calls), desk.repeated) == (self.calls, 0)

    @pytest.mark.parametrize(
        ("place", "said", "refunds", "told"),
        [
            ("after refund", HAPPENED.id, 1, "carried out"),
            ("before refund", NOT_HAPPENED.id, 1, "paid 12"),
            ("after refund", ABORT.id, 1, "not known"),
            ("before refund", ABORT.id, 0, "not known"),
        ],
    )
    def test_killed_in_the_tool_it_is_in_doubt_until_a_person_says(
        self, processes: Processes, desk: CrashDesk, place: str, said: str, refunds: int, told: str
    ) -> None:
        order = partial(Order.of, desk=desk.to_json())
        assert processes.run(order(at.goes_through, crash=place)).killed
        happened = len(desk.refunds)
        settled = processes.run(order(at.settles_doubt, said=said, told=told, happened=happened))
        assert settled == Ended()
        assert (len(desk.refunds), desk.lookups, desk.repeated) == (refunds, 1, 0)
