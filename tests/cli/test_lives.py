"""Runs that outlive their processes: killed, answered elsewhere, taken over, in doubt."""

from __future__ import annotations

import signal
import subprocess

import pytest

from tests.cli.shop import PATIENCE, Shop, eventually, order

pytestmark = pytest.mark.processes


def test_pause_answer_and_resume_each_in_a_process_of_its_own(shop: Shop) -> None:
    started = shop.hitl("run", "--input", order())
    assert started.code == 3
    (waiting,) = shop.hitl("inbox", "--json").json["requests"]
    assert shop.hitl("respond", waiting["id"], "approve", "--as", "alice").code == 0
    assert not shop.ledger("refund")
    assert shop.hitl("resume", waiting["run_id"]).code == 0
    assert shop.hitl("resume", waiting["run_id"]).code == 0
    assert len(shop.ledger("refund")) == 1
    assert len(shop.ledger("look_up")) == 1


def test_killed_inside_a_tool_the_run_asks_what_happened(shop: Shop) -> None:
    run, waiting = shop.paused("ship_it")
    shop.hitl("respond", waiting, "approve", "--as", "alice")
    working = shop.start("resume", run)
    eventually(lambda: bool(shop.ledger("ship")), "the effect to begin")
    _end(working, signal.SIGKILL)

    resumed = shop.hitl("resume", run, "--json")
    assert resumed.code == 3
    (doubt,) = resumed.json["pending"]
    assert (doubt["kind"], doubt["in_doubt"]) == ("choice", True)
    assert [option["id"] for option in doubt["options"]] == ["happened", "not_happened", "abort"]
    said = ("choose", "--option", "happened", "--message", "parcel 7", "--as", "alice", "--resume", "--json")
    ended = shop.hitl("respond", doubt["id"], *said)
    assert (ended.code, ended.json["output"]) == (0, {"done": "parcel 7"})
    assert len(shop.ledger("ship")) == 1


def test_a_worker_resumes_what_is_answered_and_ends_when_it_is_told_to(shop: Shop) -> None:
    worker = shop.start("worker", "--concurrency", "2")
    try:
        run, waiting = shop.paused()
        shop.hitl("respond", waiting, "approve", "--as", "alice")
        eventually(lambda: len(shop.ledger("refund")) == 1, "the worker to resume the run")
    finally:
        code, err = _end(worker, signal.SIGTERM)
    assert code == 0
    assert "works on up to 2 runs at once" in err
    assert shop.hitl("runs", run, "--json").json["state"] == "completed"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_finishes_what_it_holds(shop: Shop, number: signal.Signals) -> None:
    run, waiting = shop.paused("ship_it")
    shop.hitl("respond", waiting, "approve", "--as", "alice")
    worker = shop.start("worker")
    eventually(lambda: bool(shop.ledger("ship")), "the worker to begin the effect")
    worker.send_signal(number)
    (shop.folder / "go_on").touch()
    assert worker.wait(timeout=PATIENCE) == 0
    assert "claims nothing more and finishes what it holds" in _end(worker, number)[1]
    found = shop.hitl("runs", run, "--json").json
    assert (found["state"], found["output"]) == ("completed", {"done": "shipped"})
    assert len(shop.ledger("ship")) == 1


def test_a_worker_until_idle_ends_by_itself(shop: Shop) -> None:
    for _ in range(2):
        _, waiting = shop.paused()
        shop.hitl("respond", waiting, "approve", "--as", "alice")
    ended = shop.hitl("worker", "--until-idle", "--json")
    assert (ended.code, ended.json) == (0, {"state": "idle", "turns": 2, "released": [], "cut_off": {}})
    assert len(shop.ledger("refund")) == 2


def test_a_run_that_is_being_worked_on_is_busy(shop: Shop) -> None:
    run, waiting = shop.paused("ship_it")
    shop.hitl("respond", waiting, "approve", "--as", "alice")
    working = shop.start("resume", run)
    eventually(lambda: bool(shop.ledger("ship")), "the effect to begin")
    busy = shop.hitl("resume", run)
    assert (busy.code, "error HITL-U03" in busy.err) == (1, True)
    (shop.folder / "go_on").touch()
    assert _end(working, None)[0] == 0


def _end(process: subprocess.Popen[str], number: signal.Signals | None) -> tuple[int, str]:
    if number is not None and process.poll() is None:
        process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE)
    return process.returncode, err
