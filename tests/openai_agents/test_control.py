"""Time and override: deadlines, veto windows, cancel, stop, revoke, rewind, retry (P12, P50, P51, P60 to P66)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from agents import Agent, SQLiteSession

from hitl_adapters.openai_agents import AgentApp
from hitl_adapters.openai_agents.errors import in_words
from hitl_core import AgentSpec, ModelSpec, tool
from hitl_core.commands import CancelRun, StopScope
from hitl_core.errors import EffectRefused, LeaseLost, RequestClosed, RequestExpired
from hitl_core.lifecycle import ActionState
from hitl_core.protocol import RunState
from hitl_core.testing.clock import ManualClock
from hitl_core.testing.scripted_model import Refuse, Step

from .desk import READS, Desk, approve, chat_model, record, recorded, reject
from .native import function_tools, unchanged
from .specs import LOOK_UP, REFUND, calls, desk_spec, says

Made = Callable[..., Desk]
END = says("done: {{tool_result}}")
WHOLE = ("refund", {"order": "A", "amount": 12.0, "note": ""})


def rule(tool: str, **effect: Any) -> str:
    """A rule about a reversible tool; "proceed" at a deadline is for those only, and has to be allowed by name."""
    lines = [f"{name} = {value!r}" for name, value in effect.items()]
    head = ["[[rules]]", 'id = "r"', 'why = "a test"', f'match = {{ tool = "{tool}", reversible = true }}']
    allowed = ["allow_timeout_approval = true"] if effect.get("on_timeout") == "proceed" else []
    return "\n".join([*head, *lines, *allowed])


@pytest.mark.parametrize("app", [desk_spec, unchanged], ids=["gated", "native"])
@pytest.mark.parametrize(("then", "paid"), [("refuse", 0), ("proceed", 1)])
async def test_a_deadline_decides_and_a_late_answer_is_refused(desk: Made, app: Any, then: str, paid: int) -> None:
    clock = ManualClock()
    at = desk(app, calls(WHOLE if app is unchanged else REFUND), END, clock=clock, harmless=("refund",))
    at.policy = rule("refund", level="confirm", deadline="1h", on_timeout=then)
    run = await at.start()
    clock.advance(hours=1)
    with pytest.raises(RequestExpired):
        await at.say(approve(run.pending[0]))
    run = await at.resume(run)
    assert (run.state, at.effects.count("refund"), at.asked) == (RunState.COMPLETED, paid, (2, 0)), run.error
    assert ("deadline" in at.heard()[0]) is (paid == 0)


@pytest.mark.parametrize("vetoed", [True, False])
async def test_in_a_veto_window_the_call_runs_unless_somebody_vetoes(desk: Made, vetoed: bool) -> None:
    clock = ManualClock()
    at = desk(desk_spec, calls(REFUND), END, clock=clock, harmless=("refund",))
    at.policy = rule("refund", level="notify", veto="10m")
    run = await at.start()
    assert (len(run.pending), at.effects) == (1, [])
    if vetoed:
        await at.say(reject(run.pending[0]))
    clock.advance(minutes=10)
    run = await at.resume(run)
    assert (run.state, at.effects) == (RunState.COMPLETED, [] if vetoed else ["refund"])


async def test_a_cancelled_run_takes_no_answer_and_its_session_can_be_talked_in_again(desk: Made) -> None:
    at: Desk = desk(
        lambda url: AgentApp(unchanged(url), session=lambda thread: SQLiteSession(thread, at.folder / "chat.db")),
        *(calls(WHOLE), says("hello again")),
    )
    run = await at.start("pay", thread="t1")
    busy = await at.start("and now?", thread="t1")
    assert (busy.state, "waits for people in another run" in busy.error) == (RunState.FAILED, True)
    async with at.open() as hitl:
        assert (await hitl.cancel(run.id, by="ann", reason="closed")).state is RunState.CANCELLED
    with pytest.raises(RequestClosed):
        await at.say(approve(run.pending[0]))
    again = await at.start("and now?", thread="t1")
    assert (again.output, at.effects) == ({"answer": "hello again"}, []), again.error


@pytest.mark.parametrize("scope", [StopScope.TOOL, StopScope.AGENT, StopScope.ALL])
async def test_a_stopped_call_does_not_start_and_lifting_goes_on(desk: Made, scope: StopScope) -> None:
    target = {StopScope.TOOL: "refund", StopScope.AGENT: "desk", StopScope.ALL: ""}[scope]
    at = desk(desk_spec, calls(LOOK_UP, REFUND), END, policy=READS)
    run = await at.start()
    await at.say(approve(run.pending[0]))
    async with at.open() as hitl:
        await hitl.stop(scope, target, by="eve", reason="fire")
        if scope is not StopScope.ALL:
            run = await hitl.resume(run.id)
            assert (run.state, at.effects) == (RunState.STOPPED, ["look_up"])
        await hitl.lift(scope, target, by="eve", reason="over")
        run = await hitl.wait(run.id)
    assert (run.state, at.effects, at.asked) == (RunState.COMPLETED, ["look_up", "refund"], (2, 0)), run.error


async def test_a_stop_while_agents_work_ends_the_run_before_the_next_call_of_a_model(desk: Made) -> None:
    began, go = asyncio.Event(), asyncio.Event()

    @tool(reversible=True)
    async def look_up(order: str) -> str:
        """Look at an order."""
        began.set()
        await go.wait()
        record("look_up")
        return "found"

    at = desk(lambda url: AgentSpec("desk", "", (look_up,), ModelSpec("m", url)), calls(LOOK_UP), END, policy=READS)
    async with at.open() as hitl:
        work = asyncio.ensure_future(hitl.start("go"))
        await began.wait()
        await hitl.stop(StopScope.ALL, by="eve", reason="fire")
        go.set()
        run = await work
        assert (run.state, at.effects, at.asked) == (RunState.STOPPED, ["look_up"], (1, 0)), run
        await hitl.lift(StopScope.ALL, by="eve", reason="over")
        run = await hitl.wait(run.id)
    assert (run.state, at.effects, at.asked) == (RunState.COMPLETED, ["look_up"], (2, 0)), run.error


async def test_a_stop_holds_back_what_nobody_was_asked_about_too(desk: Made) -> None:
    at = desk(lambda url: Agent(name="desk", model=chat_model(url), tools=function_tools()), calls(LOOK_UP), END)
    async with at.open() as hitl:
        await hitl.stop(StopScope.TOOL, "look_up", by="eve", reason="fire")
        run = await hitl.start("go")
        assert (run.state, at.effects, at.asked) == (RunState.STOPPED, [], (1, 0)), run.error
        await hitl.lift(StopScope.TOOL, "look_up", by="eve", reason="over")
        run = await hitl.wait(run.id)
    assert (run.state, at.effects, at.asked) == (RunState.COMPLETED, ["look_up"], (2, 0)), run.error


async def test_a_run_that_was_taken_away_ends_here_and_the_model_is_not_asked(desk: Made) -> None:
    @tool(reversible=True)
    async def look_up(order: str) -> str:
        """Look at an order; meanwhile somebody cancels the run."""
        run = (await hitl.runs()).items[0]
        await hitl.store.apply(CancelRun(run.id, "eve", "closed", run.updated_at))
        return "found"

    at = desk(lambda url: AgentSpec("desk", "", (look_up,), ModelSpec("m", url)), calls(LOOK_UP), END, policy=READS)
    async with at.open() as hitl:
        with pytest.raises(LeaseLost):
            await hitl.start("go")
        assert [run.state for run in (await hitl.runs()).items] == [RunState.CANCELLED]
    assert at.asked == (1, 0)


async def test_a_revoked_approval_is_not_used(desk: Made) -> None:
    at = desk(desk_spec, calls(REFUND, ("ask_lead", {"question": "?"})), END)
    run = await at.start()
    paid, asked = run.pending
    await at.say(approve(paid))
    async with at.open() as hitl:
        await hitl.revoke(paid.id, by="eve")
    await at.say(asked.answer("yes", by="ann"))
    run = await at.resume(run)
    assert (run.state, at.effects) == (RunState.COMPLETED, []), run.error
    assert "revoked" in at.heard()[0]


@pytest.mark.parametrize("app", [desk_spec, unchanged], ids=["gated", "native"])
async def test_a_rewind_asks_again_on_a_branch_and_what_happened_stays_on_record(desk: Made, app: Any) -> None:
    at = desk(app, calls(WHOLE if app is unchanged else REFUND), END)
    run = await at.answer(await at.start(), approve)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["refund"])
    async with at.open() as hitl:
        run = await hitl.rewind(run.id, by="eve", reason="wrong account")
        assert (run.state, [each.action.tool for each in run.pending]) == (RunState.PAUSED, ["refund"]), run.error
    run = await at.answer(run, reject)
    assert (run.state, at.effects, at.asked) == (RunState.COMPLETED, ["refund"], (3, 0)), run.error
    async with at.open() as hitl:
        assert [each.state for each in await hitl.effects(run.id)] == [ActionState.EXECUTED]


async def test_a_run_whose_model_failed_is_retried_without_doing_anything_again(
    desk: Made, caplog: pytest.LogCaptureFixture
) -> None:
    at = desk(desk_spec, calls(REFUND), Step(say="all done", fault=Refuse(status=400, times=1)))
    run = await at.answer(await at.start(), approve)
    assert (run.state, at.effects, "BadRequestError" in run.error) == (RunState.FAILED, ["refund"], True)
    ours = [record for record in caplog.records if record.name.startswith("hitl_core")]
    assert [(record.name, bool(record.exc_info)) for record in ours] == [("hitl_core.endings", True)]
    run = await at.resume(run)
    assert (run.state, run.output, at.effects) == (RunState.COMPLETED, {"answer": "all done"}, ["refund"]), run.error


async def test_what_was_found_at_attach_time_is_told(desk: Made) -> None:
    at = desk(lambda url: Agent(name="desk", model=chat_model(url), tools=function_tools()), says("unused"))
    async with at.open() as hitl:
        (note,) = await hitl.attach()
    assert (note.level, note.place) == ("note", "desk")
    assert "look_up, refund" in note.message
    assert recorded() == []


def test_an_error_of_ours_that_ends_a_run_says_its_code() -> None:
    assert in_words(EffectRefused("it is used up")) == "HITL-E01 it is used up"
    assert in_words(KeyError("x")) == "KeyError: 'x'"
