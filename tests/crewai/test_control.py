"""Time, override and change: deadlines, veto windows, cancel, stop and drain, live events, another app (P12, P44 …)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from crewai import Crew, Task

from hitl_adapters.crewai.errors import in_words
from hitl_adapters.crewai.suspend import Current
from hitl_core.commands import CancelRun, StopScope
from hitl_core.errors import AppRefused, CapabilityNotSupported, EffectRefused, RequestClosed
from hitl_core.lifecycle import ActionState
from hitl_core.protocol import LiveKind, RunState
from hitl_core.testing.clock import ManualClock
from hitl_core.testing.scripted_model import Call, Step

from . import agents, flows
from .desk import ALL_GO, Desk, accept, approve, calls, ended, record, recorded, reject

Made = Callable[..., Desk]
PAY = calls(("refund", {"order": "A", "amount": 12}))
DONE = Step(say="done")
SPEC = agents.spec(agents.refund)


def rule(tool: str, **effect: Any) -> str:
    lines = [f"{name} = {value!r}" for name, value in effect.items()]
    head = ["[[rules]]", 'id = "r"', 'why = "a test"', f'match = {{ tool = "{tool}", reversible = true }}']
    allowed = ["allow_timeout_approval = true"] if effect.get("on_timeout") == "proceed" else []
    return "\n".join([*head, *lines, *allowed])


# ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("then", "paid"), [("refuse", 0), ("proceed", 1)])
async def test_a_deadline_decides_about_a_gated_call(desk: Made, then: str, paid: int) -> None:
    clock = ManualClock()
    policy = rule("refund", level="confirm", deadline="1h", on_timeout=then)
    at = desk(SPEC, PAY, DONE, clock=clock, harmless=("refund",), policy=policy)
    run = await at.start()
    clock.advance(hours=1)
    ended(await at.resume(run))
    assert at.effects.count("refund") == paid
    assert ("deadline" in at.told()[0]) is (paid == 0)


async def test_a_review_that_nobody_answers_fails_the_run_and_accepts_nothing(desk: Made) -> None:
    clock = ManualClock()
    policy = (
        '[[rules]]\nid = "r"\nwhy = "a test"\nmatch = { tool = "human_input" }\nlevel = "confirm"\ndeadline = "1h"\n'
    )
    at = desk(agents.crew(task={"human_input": True}), DONE, clock=clock, policy=policy)
    run = await at.start()
    clock.advance(hours=1)
    run = await at.resume(run)
    assert run.state is RunState.FAILED
    assert "deadline" in run.error
    run = await at.resume(run, ask_again=True)
    assert (run.state, len(run.pending), run.pending[0].round) == (RunState.PAUSED, 1, 1)
    ended(await at.answer(run, accept), {"answer": "done"})
    assert len(at.calls) == 1


@pytest.mark.parametrize("vetoed", [True, False])
async def test_in_a_veto_window_the_call_runs_unless_somebody_vetoes(desk: Made, vetoed: bool) -> None:
    clock = ManualClock()
    at = desk(SPEC, PAY, DONE, clock=clock, harmless=("refund",), policy=rule("refund", level="notify", veto="10m"))
    run = await at.start()
    assert (len(run.pending), at.effects) == (1, [])
    if vetoed:
        await at.say(reject(run.pending[0]))
    clock.advance(minutes=10)
    ended(await at.resume(run))
    assert at.effects == ([] if vetoed else ["refund"])


# ── override ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_cancelled_run_takes_no_answer(desk: Made) -> None:
    at = desk(SPEC, PAY, DONE)
    run = await at.start()
    async with at.open() as hitl:
        assert (await hitl.cancel(run.id, by="ann", reason="closed")).state is RunState.CANCELLED
    with pytest.raises(RequestClosed):
        await at.say(approve(run.pending[0]))
    assert at.effects == []


async def test_a_stop_while_a_crew_works_ends_it_before_its_next_step_and_lifting_goes_on(
    desk: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CrewAI cannot be interrupted; the stop is heeded at its next model call."""
    began, go_on = threading.Event(), threading.Event()
    halt = Current.halt

    def halted(now: Current, error: BaseException) -> None:
        halt(now, error)
        go_on.set()

    class Slow(agents.LookUp):
        def _run(self, order: str) -> str:
            began.set()
            assert go_on.wait(60)
            record("looked")
            return "12"

    monkeypatch.setattr(Current, "halt", halted)
    at = desk(agents.crew(Slow), calls(("look_up", {"order": "A"})), DONE, policy=ALL_GO)
    async with at.open() as hitl:
        working = asyncio.create_task(hitl.start("go"))
        await asyncio.to_thread(began.wait)
        await hitl.stop(StopScope.ALL, by="ann", reason="fire")
        run = await working
        assert (run.state, at.effects, len(at.calls)) == (RunState.STOPPED, ["looked"], 1)
        assert "fire" in run.error
        await hitl.lift(StopScope.ALL, by="ann", reason="over")
        ended(await hitl.resume(run.id), {"answer": "done"})
    assert (at.effects, len(at.calls)) == (["looked"], 2)


async def test_a_stopped_tool_does_not_start(desk: Made) -> None:
    at = desk(SPEC, PAY, DONE)
    run = await at.start()
    await at.say(approve(run.pending[0]))
    async with at.open() as hitl:
        await hitl.stop(StopScope.TOOL, "refund", by="ann", reason="fraud")
    run = await at.resume(run)
    assert (run.state, at.effects) == (RunState.STOPPED, [])
    async with at.open() as hitl:
        await hitl.lift(StopScope.TOOL, "refund", by="ann", reason="over")
    ended(await at.resume(run))
    assert (at.effects, len(at.calls)) == (["refund"], 2)


async def test_a_run_that_is_taken_away_in_the_middle_of_a_tool_starts_nothing_more(desk: Made) -> None:
    class TakesAway(agents.LookUp):
        def _run(self, order: str) -> str:
            asyncio.run(cancels())
            record("looked")
            return "12"

    async def cancels() -> None:
        async with at.open() as other:
            (run,) = (await other.runs()).items
            await other.store.apply(CancelRun(run.id, "ann", "now", datetime.now(UTC)))

    look = calls(("look_up", {"order": "A"}))
    at = desk(agents.crew(TakesAway, agents.Refund), look, PAY, DONE, policy=ALL_GO, harmless=("look_up", "refund"))
    async with at.open() as hitl:
        with pytest.raises(Exception, match="cancelled"):
            await hitl.start("go")
        (run,) = (await hitl.runs()).items
        assert run.state is RunState.CANCELLED
        (effect,) = await hitl.effects(run.id)
        assert effect.state is ActionState.EXECUTED
    assert (at.effects, len(at.model.calls)) == (["looked"], 1)


async def test_a_revoked_approval_does_not_run(desk: Made) -> None:
    at = desk(SPEC, PAY, DONE)
    run = await at.start()
    await at.say(approve(run.pending[0]))
    async with at.open() as hitl:
        await hitl.revoke(run.pending[0].id, by="ann", reason="a mistake")
    ended(await at.resume(run))
    assert (at.effects, "revoked" in at.told()[0]) == ([], True)


async def test_a_rewind_is_refused_by_name(desk: Made) -> None:
    at = desk(SPEC, PAY, DONE)
    run = await at.start()
    async with at.open() as hitl:
        with pytest.raises(CapabilityNotSupported, match="undo_by_fork"):
            await hitl.rewind(run.id, by="ann")
    ended(await at.answer(await at.look(run), approve))


# ── another app ──────────────────────────────────────────────────────────────────────────────────────────────


def rebuilt(url: str, **changed: Any) -> Callable[[], Crew]:
    def make() -> Crew:
        tools = changed.get("tools", (agents.Refund,))
        clerk = agents.agent(url, *[each() for each in tools], role=changed.get("role", "clerk"))
        text = changed.get("task", "Handle order A.")
        return Crew(agents=[clerk], tasks=[Task(description=text, expected_output="A summary.", agent=clerk)])

    return make


@pytest.mark.parametrize(
    "change", [{"task": "Handle order B."}, {"role": "lord"}, {"tools": ()}, {"tools": (agents.Refund, agents.LookUp)}]
)
async def test_a_crew_that_is_built_differently_under_an_open_pause(desk: Made, change: dict[str, Any]) -> None:
    at = desk(rebuilt, PAY, DONE)
    run = await at.start()
    other = replace(at, app=rebuilt(at.model.base_url, **change))
    await other.say(approve(run.pending[0]))
    failed = await other.resume(run)
    assert (failed.state, failed.error[:8], at.effects) == (RunState.FAILED, "HITL-A07", [])
    assert len(at.calls) == 1
    ended(await at.resume(failed))
    assert (at.effects, len(at.calls)) == (["refund"], 2)


async def test_a_flow_without_the_method_that_waits(desk: Made) -> None:
    at = desk(lambda url: flows.Notes, DONE)
    run = await at.start({})
    other = replace(at, app=flows.Interview)
    await other.say(accept(run.pending[0]))
    failed = await other.resume(run)
    assert (failed.error[:8], at.effects) == ("HITL-A07", ["wrote"])


@pytest.mark.parametrize("app", [flows.Notes(), 7, lambda: "a crew"], ids=["a flow", "a number", "not a crew"])
async def test_what_is_no_factory_is_refused_by_name(desk: Made, app: Any) -> None:
    at = desk(lambda url: app, DONE)
    try:
        refused = (await at.start({})).error
    except AppRefused as exc:
        refused = f"{exc.code} {exc}"
    assert refused.startswith("HITL-A06")
    assert "desk:app" in refused


async def test_an_async_factory(desk: Made) -> None:
    def build(url: str) -> Any:
        async def make() -> Crew:
            return agents.crew(agents.Refund)(url)()

        return make

    at = desk(build, PAY, DONE)
    ended(await at.answer(await at.start(), approve), {"answer": "done"})


async def test_a_model_that_gives_tools_away_to_its_provider_is_refused(desk: Made) -> None:
    def build(url: str) -> Any:
        llm = agents.model(url, api="responses", builtin_tools=["web_search"])
        return lambda: agents.crew(llm=llm)(url)()

    with pytest.raises(AppRefused, match="builtin_tools"):
        await desk(build, DONE).start()


async def test_what_is_found_in_an_app_is_said_when_it_is_attached(desk: Made) -> None:
    def build(url: str) -> Any:
        def make() -> Crew:
            made = agents.crew(agents.Refund, inject_date=True)(url)()
            made.memory = True
            return made

        return make

    async with desk(build, DONE).open() as hitl:
        found = [(each.level, each.place, each.message.split()[-4:]) for each in await hitl.attach()]
    assert found == [
        ("warn", "clerk", ["model", "is", "asked", "again"]),
        ("warn", "memory", ["asks", "the", "model", "again"]),
    ]


@pytest.mark.parametrize(
    "given", ["{order}", {"note": "{curly}"}, [1, {"a": "{b}"}], 7, {"messages": [["user", "go"]]}]
)
async def test_any_json_is_the_input_of_an_agent(desk: Made, given: Any) -> None:
    at = desk(SPEC, DONE)
    ended(await at.start(given), {"answer": "done"})
    (_, said) = at.messages()[1]
    assert any(f"Task: {words}\n" in said for words in ("{order}", "note: {curly}", '[1, {"a": "{b}"}]', "7", "go"))


# ── live events ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_agent_is_watched_through_a_pause(desk: Made) -> None:
    pay = Step(say="I shall pay it back.", call=(Call(name="refund", arguments={"order": "A", "amount": 12}),))
    at = desk(SPEC, pay, Step(say="Done, it is paid back."))
    async with at.open() as hitl:
        before = [event async for event in hitl.stream("go")]
    kinds = [event.kind for event in before]
    assert (kinds[0], kinds[-1]) == (LiveKind.STARTED, LiveKind.PAUSED)
    assert {LiveKind.STEP, LiveKind.TOOL_CALL} <= set(kinds)
    async with at.open() as hitl:
        run = await hitl.run(before[0].run_id)
        await hitl.respond(approve(run.pending[0]))
        after = [event async for event in hitl.stream_resume(run.id)]
    assert after[-1].kind is LiveKind.COMPLETED
    assert LiveKind.TOOL_RESULT in [event.kind for event in after]
    words = [event.text for event in after if event.kind is LiveKind.TEXT]
    assert "".join(words) == "Done, it is paid back."
    assert len(words) > 1
    assert (at.effects, len(at.calls)) == (["refund"], 2)


async def test_nothing_of_a_flow_is_left_behind(desk: Made) -> None:
    at = desk(lambda url: flows.Notes, DONE)
    ended(await at.answer(await at.start({}), accept))
    assert recorded()[-1]["effect"] == "kept"
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("hitl-crew")]


def test_an_error_of_ours_that_ends_a_run_says_its_code() -> None:
    assert in_words(EffectRefused("it is used up")) == "HITL-E01 it is used up"
    assert in_words(KeyError("x")) == "KeyError: 'x'"
