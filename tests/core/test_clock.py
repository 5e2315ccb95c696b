"""Where time comes from."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from hitl_core import clock as clocks
from hitl_core.clock import SystemClock
from hitl_core.testing.clock import START, ManualClock


async def test_the_systems_clock_is_in_utc() -> None:
    clock = SystemClock()
    await clock.sleep(0)
    assert clock.now().tzinfo is UTC
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)


class Machine:
    """A machine whose clock is set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.said, self.passed = START.timestamp(), 50.0
        monkeypatch.setattr(clocks, "wall", lambda: self.said)
        monkeypatch.setattr(clocks, "steady", lambda: self.passed)

    def later(self, seconds: float, *, set_by: float = 0.0) -> None:
        self.said += seconds + set_by
        self.passed += seconds


@pytest.mark.parametrize("by", [3600.0, -3600.0], ids=["ahead", "back"])
def test_time_goes_on_as_it_was_when_a_clock_is_set(by: float, monkeypatch: pytest.MonkeyPatch) -> None:
    machine, clock = Machine(monkeypatch), SystemClock()
    machine.later(10, set_by=by)
    assert clock.now() == START + timedelta(seconds=10)
    machine.later(clocks.BELIEVED - 1)
    assert clock.now() == START + timedelta(seconds=clocks.BELIEVED + 9)
    machine.later(0, set_by=-by)
    assert clock.now() == START + timedelta(seconds=clocks.BELIEVED + 9)


def test_who_looks_beside_another_thread_sees_one_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one looks whenever this one reads what was seen last: an hour later, in which nobody has looked."""

    class Beside(SystemClock):
        @property
        def _began(self) -> tuple[float, float]:
            was, self.seen = self.seen, (machine.said, machine.passed)
            return was

        @_began.setter
        def _began(self, seen: tuple[float, float]) -> None:
            self.seen = seen

    machine = Machine(monkeypatch)
    clock = Beside()
    machine.later(3600)
    assert clock.now() == START + timedelta(hours=1)


def test_a_clock_that_stays_set_is_believed(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    machine, clock = Machine(monkeypatch), SystemClock()
    machine.later(10, set_by=3600)
    clock.now()
    machine.later(60, set_by=-7200)  # and set once more: the ten minutes begin again
    clock.now()
    machine.later(clocks.BELIEVED - 1)
    assert clock.now() == START + timedelta(seconds=clocks.BELIEVED + 69)
    machine.later(1)
    assert clock.now() == START + timedelta(seconds=clocks.BELIEVED + 70 - 3600)
    machine.later(5)
    assert clock.now() == START + timedelta(seconds=clocks.BELIEVED + 75 - 3600)
    said = [record.getMessage() for record in caplog.records]
    assert [each.partition(" by ")[2] for each in said] == [
        "+1:00:00: not believed before it has stayed so",
        "-1:00:00: not believed before it has stayed so",
        "-1:00:00",
    ]


def test_a_clock_that_is_corrected_a_little_is_believed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, clock = Machine(monkeypatch), SystemClock()
    for _ in range(10):
        machine.later(10, set_by=clocks.GUARD - 0.1)
        assert clock.now() == datetime.fromtimestamp(machine.said, UTC)


def test_a_clock_that_follows_another_one_does_not_ask_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, clock = Machine(monkeypatch), SystemClock()
    clock.follow(START - timedelta(hours=1), asked=machine.passed)
    machine.later(2 * clocks.BELIEVED, set_by=7200)
    assert clock.now() == START - timedelta(hours=1) + timedelta(seconds=2 * clocks.BELIEVED)


def test_what_has_passed_is_counted_where_a_system_does_not_count_its_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    before = clocks.steady()
    assert clocks.steady() >= before
    monkeypatch.setattr(clocks, "_STEADY", None)
    before = clocks.steady()
    assert clocks.steady() >= before


async def test_a_manual_clock_moves_only_by_hand() -> None:
    clock = ManualClock()
    sleeper = asyncio.ensure_future(clock.sleep(10))
    clock.advance(9)
    await asyncio.sleep(0)
    assert clock.now() == START + timedelta(seconds=9)
    assert not sleeper.done()
    clock.advance(minutes=1)
    await sleeper
