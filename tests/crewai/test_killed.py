"""kill -9, in real processes: at every boundary of the walk, in the tool, in the model call (P40, P41, P42)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hitl_core.gate import ABORT, HAPPENED, NOT_HAPPENED
from hitl_core.testing.crashing import CrashPoint, points
from hitl_core.testing.scripted_model import Script, ScriptedModel, Step

from . import crash_desk as at
from .crash_desk import CrashDesk
from .desk import LEDGER, calls, recorded
from .zygote import KILLED, Zygote

pytestmark = pytest.mark.processes

PARTS = 3


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    started = Zygote.start()
    yield started
    started.stop()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[CrashDesk]:
    log = tmp_path / "model.jsonl"
    with ScriptedModel(at.SCRIPT, log=log, log_bodies=True) as model:
        yield CrashDesk(str(tmp_path), model.base_url, str(log))


@pytest.mark.parametrize(
    ("how", "refunds"),
    [("approve", [12]), ("edit", [7.5]), ("reject", []), ("respond", [])],
    ids=lambda each: str(each),
)
def test_killed_while_paused_and_after_each_answer(
    zygote: Zygote, desk: CrashDesk, how: str, refunds: list[float]
) -> None:
    """One process starts and dies, one lists and answers and dies, one resumes and dies; a question and a choice
    are in every run."""
    known = desk.to_json()
    assert zygote.run(at.starts_and_dies, desk=known) == KILLED
    for _ in range(2):
        assert zygote.run(at.answers_and_dies, desk=known, how=how) == KILLED
        assert zygote.run(at.resumes_and_dies, desk=known) == KILLED
    assert zygote.run(at.is_over, desk=known, output=at.DONE) == 0
    assert (desk.refunds, desk.lookups) == (refunds, 1)
    assert (len(desk.calls), desk.repeated) == (3, 0)


# ── every boundary ───────────────────────────────────────────────────────────────────────────────────────────


def somewhere_else(desk: CrashDesk, name: str) -> CrashDesk:
    """The same desk with an order, a store and a ledger of its own."""
    folder = Path(desk.folder) / name
    folder.mkdir()
    return replace(desk, folder=str(folder), order=name)


async def dies_and_recovers(desk: dict[str, Any], point: list[Any] | None) -> None:
    """One of two halves of a case, with a ledger of its own."""
    os.environ[LEDGER] = f"{desk['folder']}/ledger.jsonl"
    if point is not None:
        await at.dies_at(desk, *point)
    else:
        if desk["app"] == "spec":
            await at.recovers(desk, at.DONE, once=["refund", "look_up"])
        else:  # a method is no gated call: one that died before it was remembered runs again
            await at.recovers(desk, "thanks: paid", once=["refund"])
            effects = [each["effect"] for each in recorded()]
            assert {effects.count("prepared"), effects.count("thanked")} <= {1, 2}


def worth_dying_at(names: list[str]) -> list[CrashPoint]:
    """Before every command, and after those that a tool or the end follows; else it is the next one's "before"."""
    every = points(names)
    return [each for each in every if each.when == "before" or each.command in ("BeginEffect", "FinishRun")]


def killed_at_every_command(zygote: Zygote, desk: CrashDesk, part: int) -> set[str]:
    found = Path(desk.folder) / "found"
    assert zygote.run(at.rehearses, desk=somewhere_else(desk, "rehearsal").to_json(), found=str(found)) == 0
    places = worth_dying_at(found.read_text().splitlines())[part::PARTS]
    cases = [(somewhere_else(desk, str(point).replace(" ", "-")).to_json(), _listed(point)) for point in places]
    died = zygote.run_all([(dies_and_recovers, {"desk": known, "point": point}) for known, point in cases])
    assert died == [KILLED] * len(cases), list(zip(died, places, strict=True))
    ended = zygote.run_all([(dies_and_recovers, {"desk": known, "point": None}) for known, _ in cases])
    assert ended == [0] * len(cases), [place for code, place in zip(ended, places, strict=True) if code]
    return set(found.read_text().splitlines())


def _listed(point: CrashPoint) -> list[Any]:
    return [point.command, point.when, point.nth]


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_around_every_command_to_the_store(zygote: Zygote, desk: CrashDesk, part: int) -> None:
    """Between CrewAI's step and our commit, between a decision and its use, around each effect and model call …"""
    commands = killed_at_every_command(zygote, desk, part)
    assert commands >= {
        *("OpenRun", "BeginEffect", "EndEffect", "PauseRun", "RecordResponse", "ClaimRuns", "FinishRun", "Remember")
    }


@pytest.mark.parametrize("part", range(PARTS))
def test_a_flow_killed_around_every_command_to_the_store(
    zygote: Zygote, tmp_path: Path, monkeypatch: Any, part: int
) -> None:
    script = Script.of(calls(("refund", {"order": "A", "amount": 12})), Step(say="paid"))
    log = tmp_path / "model.jsonl"
    with ScriptedModel(script, log=log, log_bodies=True) as model:
        monkeypatch.setenv("HITL_TEST_MODEL", model.base_url)
        killed_at_every_command(zygote, CrashDesk(str(tmp_path), model.base_url, str(log), app="Crewed"), part)


# ── inside the tool, and inside the model ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("place", "said", "happened", "refunds", "told"),
    [
        ("after refund", HAPPENED.id, 1, 1, "carried out"),
        ("before refund", NOT_HAPPENED.id, 0, 1, "paid 12"),
        ("after refund", ABORT.id, 1, 1, "not known"),
        ("before refund", ABORT.id, 0, 0, "not known"),
    ],
)
def test_killed_in_the_tool_it_is_in_doubt_until_a_person_says(
    zygote: Zygote, desk: CrashDesk, place: str, said: str, happened: int, refunds: int, told: str
) -> None:
    known = desk.to_json()
    assert zygote.run(at.goes_through, desk=known, crash=place) == KILLED
    assert zygote.run(at.settles_doubt, desk=known, said=said, told=told, happened=happened) == 0
    assert (len(desk.refunds), desk.lookups, desk.repeated) == (refunds, 1, 0)


def test_killed_while_the_model_answers_only_that_call_is_made_again(zygote: Zygote, desk: CrashDesk) -> None:
    known = desk.to_json()
    assert zygote.run(at.goes_through, desk=known, crash="model 2") == KILLED
    assert desk.repeated == 0
    assert zygote.run(at.recovers, desk=known, output=at.DONE, once=["refund", "look_up"]) == 0
    assert (len(desk.calls), desk.repeated) == (4, 1)
