"""The warm parent of processes that are killed: what its children say, and how they end."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from hitl_core.testing.crashing import die
from hitl_core.testing.processes import Ended, Order, Processes

pytestmark = pytest.mark.processes

_WARM: list[str] = []


def get_warm(word: str, threads: int = 0) -> None:
    _WARM.append(word)
    for _ in range(threads):
        threading.Thread(target=threading.Event().wait, daemon=True).start()


def says(word: str = "") -> list[str]:
    return [*_WARM, word, os.environ.get("HITL_TEST_WORD", "")]


async def awaits(word: str) -> str:
    return word


def fails() -> None:
    raise ValueError("on purpose")


def hangs() -> None:
    threading.Event().wait()


def dies() -> None:
    die()


def leaves() -> None:
    os._exit(7)


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    with Processes(f"{__name__}:get_warm", word="warm") as processes:
        yield processes


def test_a_child_returns_what_its_function_returns(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has what the parent has imported, and the environment of whoever orders."""
    monkeypatch.setenv("HITL_TEST_WORD", "now")
    assert processes.run(Order.of(says, word="a")) == Ended(result=["warm", "a", "now"])
    assert processes.run(Order.of(awaits, word="b")) == Ended(result="b")
    assert processes.run(Order(f"{__name__}:awaits", {"word": "c"})) == Ended(result="c")


def test_how_a_child_ended_is_told(processes: Processes) -> None:
    assert processes.run(Order.of(fails)) == Ended(error="ValueError: on purpose")
    assert "status 7" in processes.run(Order.of(leaves)).error
    died = processes.run(Order.of(dies))
    assert (died, died.killed) == (Ended(signal=signal.SIGKILL), True)


def test_a_child_is_killed_wherever_it_is_when_its_moment_comes(processes: Processes) -> None:
    (late, never) = processes.together(Order(f"{__name__}:hangs", kill_after=0.01), Order.of(awaits, word="through"))
    assert (late.killed, never.result) == (True, "through")
    assert processes.run(Order(f"{__name__}:awaits", {"word": "quick"}, kill_after=60.0)).result == "quick"


def test_more_orders_than_at_once_come_back_in_their_order(processes: Processes) -> None:
    orders = [Order.of(awaits, word=str(number)) for number in range(5)]
    assert [ended.result for ended in processes.together(*orders, at_once=2)] == list("01234")
    assert processes.together() == []


def test_where_warmth_means_threads_each_child_is_a_new_interpreter() -> None:
    with Processes(f"{__name__}:get_warm", word="warm", threads=1) as processes:
        assert processes.run(Order.of(says, word="a")).result == ["a", ""]
        assert processes.run(Order(f"{__name__}:hangs", kill_after=0.5)).killed


@pytest.mark.parametrize("quiet", [False, True])
def test_what_children_print_is_thrown_away_if_it_is_to_be_quiet(
    quiet: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    with Processes(f"{__name__}:get_warm", quiet=quiet, word="warm") as processes:
        assert processes.run(Order.of(fails)).error == "ValueError: on purpose"
    assert ("on purpose" in capfd.readouterr().err) is not quiet


def test_a_parent_that_cannot_get_warm_is_an_error() -> None:
    with Processes("no_such_module:warm") as processes, pytest.raises(RuntimeError, match="must be importable"):
        processes.run(Order.of(says))
