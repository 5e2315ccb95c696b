"""examples/existing_teams, not a line changed, through the runtime; their own ledger says what happened."""

from __future__ import annotations

import importlib
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hitl_core import Run
from hitl_core.protocol import Kind, RunState
from hitl_core.testing.scripted_model import ScriptedModel, load_script, repeated_calls

from .desk import Desk, answering, editing, handing_back

TEAMS = Path(__file__).resolve().parents[2] / "examples" / "existing_teams"
Started = Callable[[str], Desk]


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedModel]:
    monkeypatch.setenv("EXISTING_TEAMS_LEDGER", str(tmp_path / "teams.jsonl"))
    monkeypatch.setenv("EXISTING_TEAMS_MODEL", "scripted")
    with ScriptedModel(load_script(TEAMS / "script.toml"), log=tmp_path / "model.jsonl", log_bodies=True) as playing:
        monkeypatch.setenv("OPENAI_BASE_URL", playing.base_url)
        yield playing
        assert repeated_calls(playing.calls) == ()


@pytest.fixture(autouse=True)
def silence(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Neither AutoGen nor we say anything on the terminal that nobody asked for; a Python warning fails the test."""
    yield
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def existing(tmp_path: Path, model: ScriptedModel) -> Started:
    def desk(name: str) -> Desk:
        return Desk(importlib.import_module(f"existing_teams.{name}").build, tmp_path, reference=f"{name}:build")

    return desk


def answered(run: Run) -> Any:
    assert (run.state, run.error) == (RunState.COMPLETED, "")
    assert isinstance(run.output, dict)
    return run.output["answer"]


def effects(folder: Path) -> list[dict[str, Any]]:
    path = folder / "teams.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


async def test_a_verse_with_a_reader(existing: Started, model: ScriptedModel) -> None:
    at = existing("verse_with_a_reader")
    run = await at.answer(await at.start("rain"), answering("drier, please"))
    assert run.pending[0].title == "reader: Rain on the roof,\nand none on me."
    assert answered(await at.answer(run, answering("PRINT"))) == "PRINT"
    assert len(model.calls) == 2


async def test_a_lost_parcel(existing: Started, model: ScriptedModel, tmp_path: Path) -> None:
    at = existing("parcel_swarm")
    run = await at.start("My parcel is lost.")
    assert [each.kind for each in run.pending] == [Kind.HANDOFF]
    run = await at.answer(run, handing_back("It is P-7."))
    assert [each.action.arguments for each in run.pending] == [{"parcel": "P-7", "amount": 30}]
    run = await at.answer(run, editing(amount=25))
    assert "CLOSED" in answered(run)
    assert effects(tmp_path) == [{"effect": "paid", "parcel": "P-7", "amount": 25.0}]
    assert len(model.calls) == 4


async def test_a_menu(existing: Started, model: ScriptedModel) -> None:
    at = existing("menu_graph")
    run = await at.answer(await at.start("a birthday"), answering("I do not like it."))
    run = await at.answer(run, answering("Better."))
    assert answered(run) == "Tonight: lentils."
    assert len(model.calls) == 7
