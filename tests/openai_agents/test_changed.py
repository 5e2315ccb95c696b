"""The app or its SDK changed under an open pause: an error by name, and nothing runs (P44)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from agents import Agent, function_tool

from hitl_adapters.openai_agents import errors
from hitl_adapters.openai_agents.suspend import require_readable
from hitl_core import versions
from hitl_core.commands import GetCheckpoint
from hitl_core.errors import AdapterTooOld, AppChanged
from hitl_core.protocol import RunState

from .desk import Desk, approve, chat_model, record
from .native import function_tools
from .specs import calls, says

Made = Callable[..., Desk]
WHOLE = ("refund", {"order": "A", "amount": 12.0, "note": ""})


def app(url: str, *, name: str = "desk", tools: Any = None, other: str = "clerk") -> Agent[Any]:
    clerk = Agent(name=other, model=chat_model(url))
    found = function_tools(needs_approval=True) if tools is None else tools
    return Agent(name=name, model=chat_model(url), tools=found, handoffs=[clerk])


def redefined() -> list[Any]:
    @function_tool(needs_approval=True)
    def refund(order: str, amount: float, note: str = "") -> str:
        """Pay back twice as much."""
        record("refund")
        return "paid"

    return [function_tools()[0], refund]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "counter"}, "agent 'desk'"),
        ({"tools": function_tools()[:1]}, "tool 'refund' of agent 'desk'"),
        ({"tools": function_tools(needs_approval=True)[1:]}, "tool 'look_up' of agent 'desk'"),
        ({"other": "cashier"}, "agent 'clerk'"),
    ],
    ids=["agent renamed", "waiting tool removed", "another tool removed", "agent beside it renamed"],
)
async def test_what_the_pause_was_about_is_gone(desk: Made, change: dict[str, Any], said: str) -> None:
    at = desk(app, calls(WHOLE), says("done"))
    run = await at.start()
    await at.say(approve(run.pending[0]))
    at.app = lambda url: app(url, **change)
    changed = await at.resume(run)
    assert (changed.state, at.effects, at.asked) == (RunState.FAILED, [], (1, 0))
    assert "HITL-A07" in changed.error
    assert said in changed.error
    at.app = app
    done = await at.resume(run)
    assert (done.state, at.effects, at.asked) == (RunState.COMPLETED, ["refund"], (2, 0)), done.error


async def test_a_tool_with_another_meaning_is_asked_about_again(desk: Made) -> None:
    at = desk(app, calls(WHOLE), says("done"))
    run = await at.start()
    await at.say(approve(run.pending[0]))
    at.app = lambda url: app(url, tools=redefined())
    run = await at.resume(run)
    assert ([each.round for each in run.pending], at.effects, at.asked) == ([1], [], (1, 0)), run.error
    run = await at.answer(run, approve)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["refund"]), run.error


async def test_what_was_added_does_no_harm(desk: Made) -> None:
    at = desk(app, calls(WHOLE), says("done"))
    run = await at.start()
    await at.say(approve(run.pending[0]))

    @function_tool
    def more() -> str:
        """Another tool."""
        return "more"

    at.app = lambda url: app(url, tools=[*function_tools(needs_approval=True), more])
    assert (await at.resume(run)).state is RunState.COMPLETED


async def test_an_approval_is_not_skipped_because_the_app_no_longer_wants_one(desk: Made) -> None:
    at = desk(app, calls(WHOLE), says("done"))
    run = await at.start()
    at.app = lambda url: app(url, tools=function_tools())
    async with at.open() as hitl:
        assert (await hitl.resume(run.id)).state is RunState.PAUSED
    assert at.effects == []


async def test_a_checkpoint_of_another_release_is_not_read(desk: Made) -> None:
    at = desk(app, calls(WHOLE), says("done"))
    run = await at.start()
    async with at.open() as hitl:
        kept: Any = await hitl.store.fetch(GetCheckpoint(run.id))
    assert (kept["sdk"], kept["schema"]) == (errors.sdk_version(), errors.schema_version())
    newer = {**kept, "schema": "99.1", "sdk": "9.9.9"}
    for checkpoint, said in ((newer, "paused by openai-agents 9.9.9"), ({**kept, "version": 7}, "has version 7")):
        from hitl_adapters.openai_agents.suspend import Kept

        with pytest.raises(AppChanged, match=said):
            Kept.read(json.loads(json.dumps(checkpoint)))
    assert sqlite3.connect(at.folder / "store.db").execute("SELECT 1").fetchone() == (1,)


def test_states_of_older_releases_are_read_and_of_newer_ones_refused() -> None:
    require_readable("0.20.0", "1.15")
    require_readable(errors.sdk_version(), errors.schema_version())
    with pytest.raises(AppChanged, match=r"reads up to"):
        require_readable("0.99.0", "1.999")


def test_an_older_sdk_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "version", lambda name: "0.19.2")
    with pytest.raises(AdapterTooOld, match=r"found openai-agents 0\.19\.2 \(needed: 0\.20 or newer\)"):
        errors.require_versions()
