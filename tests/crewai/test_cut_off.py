"""kill -9 in what runs unasked: methods of a flow, callbacks of a task, tools that the policy lets go (P42, 0007)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from hitl_core.testing.scripted_model import Conversation, Script, ScriptedModel, Step

from . import cut_off as at
from .desk import calls, recorded
from .zygote import KILLED, Zygote

pytestmark = pytest.mark.processes

POSTED = ["began", "posted", "filed", "signed"]
TOLD = ["looked", "notified", "archived", "notified", "archived"]


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    started = Zygote.start()
    yield started
    started.stop()


@pytest.fixture
def posted(tmp_path: Path) -> dict[str, Any]:
    """A flow whose methods have effects of their own."""
    return asdict(at.Place(str(tmp_path), "Posted"))


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A crew whose tasks call back."""
    looks = Script.of(calls(("look_up", {"order": "A"})), Step(say="it cost 12"))
    writes = Conversation(name="writes", system="You are writer.", steps=(Step(say="dear customer"),))
    with ScriptedModel(Script(conversations=(writes,), steps=looks.steps)) as model:
        monkeypatch.setenv("HITL_TEST_MODEL", model.base_url)
        yield asdict(at.Place(str(tmp_path), "told"))


def names() -> list[str]:
    return [each["effect"] for each in recorded()]


@pytest.mark.parametrize(
    ("dies_at", "step", "happened"),
    [
        ("before post", "Posted.post", POSTED[:1]),
        ("after post", "Posted.post", POSTED[:2]),
        ("after file", "Posted.file", POSTED[:3]),
        ("after sign", "Posted.sign", POSTED),
    ],
)
def test_a_method_that_was_cut_off_runs_again_only_if_a_person_says_so(
    zygote: Zygote, posted: dict[str, Any], dies_at: str, step: str, happened: list[str]
) -> None:
    """Also one that had paused before and gone on; nothing before it is repeated."""
    assert zygote.run(at.goes_through, place=posted, dies_at=dies_at) == KILLED
    assert names() == happened
    assert zygote.run(at.asks, place=posted, about=f"step {step}", happened=happened) == 0
    assert zygote.run(at.goes_on, place=posted, said=at.AGAIN) == 0
    rest = POSTED[POSTED.index({"post": "posted", "file": "filed", "sign": "signed"}[dies_at.split()[1]]) :]
    assert names() == happened + rest


def test_a_method_that_is_cut_off_twice_is_asked_about_twice(zygote: Zygote, posted: dict[str, Any]) -> None:
    assert zygote.run(at.goes_through, place=posted, dies_at="after post") == KILLED
    assert zygote.run(at.goes_on, place=posted, dies_at="after post", said=at.AGAIN) == KILLED
    twice = ["began", "posted", "posted"]
    assert zygote.run(at.asks, place=posted, about="step Posted.post", happened=twice) == 0
    assert zygote.run(at.ends_as_a_person_says, place=posted, about="'Posted.post' was cut off") == 0
    assert names() == twice
    assert zygote.run(at.goes_on, place=posted, said=at.AGAIN) == 0
    assert names() == [*twice, "posted", "filed", "signed"]


def test_a_method_that_has_paused_is_not_in_doubt_when_its_process_dies(zygote: Zygote, posted: dict[str, Any]) -> None:
    assert zygote.run(at.starts, place=posted) == 0
    assert zygote.run(at.goes_on, place=posted) == 0
    assert names() == POSTED


def test_a_listener_that_was_cut_off_after_feedback_is_asked_about_and_knows_the_feedback(
    zygote: Zygote, tmp_path: Path
) -> None:
    """CrewAI forgets the pause before its listeners run: after a crash nothing is left to resume."""
    letters = asdict(at.Place(str(tmp_path), "Letters"))
    assert zygote.run(at.goes_through, place=letters, dies_at="after sent") == KILLED
    happened = ["wrote", "showed", "sent"]
    assert zygote.run(at.asks, place=letters, about="step Letters.send", happened=happened) == 0
    assert zygote.run(at.goes_on, place=letters, said=at.AGAIN) == 0
    assert names() == [*happened, "sent"]
    assert recorded()[-1] == recorded()[-2] == {"effect": "sent", "text": "draft 1", "feedback": "approved"}


def test_a_step_that_is_declared_safe_runs_again_unasked(zygote: Zygote, posted: dict[str, Any]) -> None:
    assert zygote.run(at.goes_through, place=posted, dies_at="after post") == KILLED
    assert zygote.run(at.goes_on, place={**posted, "safe": ["Posted.post"]}) == 0
    assert names() == ["began", "posted", "posted", "filed", "signed"]


def test_callbacks_of_tasks_are_called_once(zygote: Zygote, told: dict[str, Any]) -> None:
    """Over a pause and a new process; a crew calls back for each of its tasks, whatever ran before."""
    assert zygote.run(at.starts, place=told) == 0
    assert zygote.run(at.goes_on, place=told) == 0
    assert names() == TOLD


@pytest.mark.parametrize(
    ("dies_at", "about", "happened"),
    [
        ("after looked", "look_up", TOLD[:1]),
        ("after notified", "step notify", TOLD[:2]),
        ("after archived", "step archive", TOLD[:3]),
    ],
)
def test_a_callback_or_a_tool_that_runs_unasked_is_in_doubt_when_it_was_cut_off(
    zygote: Zygote, told: dict[str, Any], dies_at: str, about: str, happened: list[str]
) -> None:
    assert zygote.run(at.goes_through, place=told, dies_at=dies_at) == KILLED
    assert zygote.run(at.asks, place=told, about=about, happened=happened) == 0
    assert zygote.run(at.goes_on, place=told, said=at.AGAIN) == 0
    assert names() == happened + TOLD[len(happened) - 1 :]
