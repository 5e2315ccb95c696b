"""P13 at the page: what was asked of its user and what they answered reaches the model, or does not, as configured."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hitl_core import connect
from hitl_core.testing.scripted_model import ScriptedModel, load_script
from tests.agui.page import Page, served
from tests.copilotkit.conftest import BACKENDS
from tests.copilotkit.studio import EXAMPLE

TOLD = "A person approved this call before it ran."


@asynccontextmanager
async def studio_of(
    folder: Path, backend: str, told: str, patched: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Page, ScriptedModel]]:
    """The example in this process, and the model that its agents ask."""
    for name in ("policy.toml", "story.py"):
        (folder / name).write_text((EXAMPLE / name).read_text(encoding="utf-8"), encoding="utf-8")
    config = (EXAMPLE / "hitl.toml").read_text(encoding="utf-8")
    config = config.replace('name = "langgraph"', f'name = "{backend}"') + f'told = "{told}"\n'
    (folder / "hitl.toml").write_text(config, encoding="utf-8")
    with ScriptedModel(load_script(EXAMPLE / "script.toml"), log_bodies=True) as model:
        patched.delitem(sys.modules, "story", raising=False)  # it reads where the model is as it is imported
        patched.setenv("OPENAI_BASE_URL", model.base_url)
        patched.setenv("OPENAI_API_KEY", "scripted")
        patched.setenv("STUDIO_LEDGER", str(folder / "ledger.jsonl"))
        async with connect(folder / "hitl.toml") as hitl, served(hitl) as client:
            yield Page(client), model


def heard(model: ScriptedModel) -> str:
    """All that the model was sent."""
    return json.dumps([each.body for each in model.calls], ensure_ascii=False)


@pytest.mark.parametrize("told", ["changes", "everything"])
@pytest.mark.parametrize("backend", BACKENDS)
async def test_an_approval_reaches_the_model_as_configured(
    tmp_path: Path, backend: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with studio_of(tmp_path, backend, told, monkeypatch) as (page, model):
        await page.say("publish")
        await page.resolve({"approved": True})
        assert "Version 4.2 is out" in page.texts[-1]
        assert (TOLD in heard(model)) is (told == "everything")


@pytest.mark.parametrize("told", ["changes", "everything"])
async def test_an_edit_and_a_refusal_always_reach_it(
    tmp_path: Path, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with studio_of(tmp_path, "langgraph", told, monkeypatch) as (page, model):
        await page.say("publish two")
        first, second = page.interrupts
        edited = {"approved": True, "editedArgs": {"version": "4.2", "share": 25}}
        await page.resume(
            {"interruptId": first["id"], "status": "resolved", "payload": edited},
            {"interruptId": second["id"], "status": "resolved", "payload": {"approved": False, "reason": "not today"}},
        )
        assert "changed this call before it ran" in heard(model)
        assert "not today" in heard(model)
