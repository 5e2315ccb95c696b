"""States that older releases of the SDK wrote, kept in `states`: the installed one goes on from them (§3).

Each is the checkpoint of a run that waits at its only call, as `GetCheckpoint` gives it, written under the release in
its name.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hitl_adapters.openai_agents.errors import BINDS, schema_version
from hitl_core.commands import ClaimRuns, GetCheckpoint, PauseRun
from hitl_core.protocol import Run, RunState
from hitl_core.versions import numbers

from .desk import Desk, answering, approve, editing, recorded, reject
from .native import unchanged
from .specs import calls, says
from .test_local_tools import TRANSFER, bank

Made = Callable[..., Desk]
STATES = Path(__file__).with_name("states")
PAY = calls(("refund", {"order": "A", "amount": 12.0, "note": ""}))
END = says("done: {{tool_result}}")


async def waiting_under(state: str, at: Desk, say: Any) -> Run:
    """A run that waits in the older state and was answered."""
    run = await at.start()
    await at.say(say(run.pending[0]))
    async with at.open() as hitl:
        now: Any = await hitl.store.fetch(GetCheckpoint(run.id))
        text = (STATES / f"{state}.json").read_text(encoding="utf-8")
        (old_call,), (call,) = json.loads(text)["waits"], now["waits"]
        old = json.loads(text.replace(old_call, call))
        moment = (await hitl.run(run.id)).updated_at
        (claimed,) = await hitl.store.apply(ClaimRuns("test", 30, moment, run_id=run.id))
        await hitl.store.apply(PauseRun(claimed.lease, {**old, "graph": now["graph"]}, (), moment))
    return run


@pytest.mark.parametrize(
    ("say", "amounts"),
    [(approve, [12.0]), (editing(amount=7.5), [7.5]), (reject, []), (answering("by hand"), [])],
    ids=["approve", "edit", "reject", "respond"],
)
async def test_a_function_tool(desk: Made, say: Any, amounts: list[float]) -> None:
    at = desk(unchanged, PAY, END)
    run = await at.resume(await waiting_under("0.20.0-function", at, say))
    assert (run.state, at.asked) == (RunState.COMPLETED, (2, 0)), run.error
    assert [each["amount"] for each in recorded()] == amounts


@pytest.mark.parametrize(("say", "told"), [(reject, "too risky"), (answering("by hand"), "by hand")])
async def test_what_is_said_in_place_of_a_tool_of_an_mcp_server(desk: Made, say: Any, told: str) -> None:
    at = desk(bank(require_approval="always"), TRANSFER, END)
    run = await at.resume(await waiting_under("0.20.0-mcp", at, say))
    assert (run.state, recorded(), told in at.heard()[0]) == (RunState.COMPLETED, [], True), run.error


async def test_a_tool_of_an_mcp_server_that_the_sdk_will_not_run_any_more(desk: Made) -> None:
    """Such a state does not say which server the call goes to; newer releases refuse it, and would for ever."""
    at = desk(bank(require_approval="always"), TRANSFER, END)
    run = await at.resume(await waiting_under("0.20.0-mcp", at, approve))
    if numbers(schema_version()) < numbers(BINDS):
        assert (run.state, len(recorded())) == (RunState.COMPLETED, 1), run.error
        return
    assert (run.state, recorded()) == (RunState.FAILED, [])
    assert "HITL-A07" in run.error
    assert "--ask-again" in run.error
    run = await at.resume(run, ask_again=True)
    assert [(each.action.tool, each.round) for each in run.pending] == [("transfer", 1)], run.error
    run = await at.answer(run, answering("by hand"))
    assert (run.state, at.heard()) == (RunState.COMPLETED, ["by hand"]), run.error
