"""Time, override and doubt: deadlines, veto windows, cancel, a stop before a tool, an agent that died at work."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from autogen_agentchat.teams import RoundRobinGroupChat

from hitl_adapters.autogen.errors import in_words
from hitl_core import AgentSpec, ModelSpec, current_call, tool
from hitl_core.commands import StopScope
from hitl_core.errors import CapabilityNotSupported, EffectRefused, RequestClosed, RequestExpired
from hitl_core.protocol import EffectMode, LiveKind, RunState
from hitl_core.testing.clock import ManualClock
from hitl_core.testing.crashing import die
from hitl_core.testing.scripted_model import Refuse, Script, ScriptedModel, Step
from tests.forking import KILLED, child, model_process

from .desk import Desk, answering, approve, choosing, handing_back, record, recorded, reject, taking_over
from .teams import Stranger, assistant, cast_of, user
from .test_spec_agent import SAYS, calling, refund, spec

Made = Callable[..., Desk]
Plays = Callable[[Script], ScriptedModel]

PAYS = Script.of(calling("refund", order="A", amount=12), SAYS)


def rule(tool: str, **effect: Any) -> str:
    """A rule about a reversible tool; "proceed" at a deadline is for those only, and has to be allowed by name."""
    lines = [f"{name} = {value!r}" for name, value in effect.items()]
    head = ["[[rules]]", 'id = "r"', 'why = "a test"', f'match = {{ tool = "{tool}", reversible = true }}']
    allowed = ["allow_timeout_approval = true"] if effect.get("on_timeout") == "proceed" else []
    return "\n".join([*head, *lines, *allowed])


@pytest.mark.parametrize(("then", "paid"), [("refuse", 0), ("proceed", 1)])
async def test_a_deadline_decides_about_a_gated_call(desk: Made, plays: Plays, then: str, paid: int) -> None:
    clock, model = ManualClock(), plays(PAYS)
    policy = rule("refund", level="confirm", deadline="1h", on_timeout=then)
    at = desk(spec(model, refund), clock=clock, harmless=("refund",), policy=policy)
    run = await at.start()
    clock.advance(hours=1)
    run = await at.resume(run)
    assert (run.state, at.effects.count("refund")) == (RunState.COMPLETED, paid)
    assert ("deadline" in str(run.output)) is (paid == 0)


async def test_a_deadline_ends_the_wait_for_a_person_and_a_late_answer_is_refused(desk: Made, plays: Plays) -> None:
    clock, model = ManualClock(), plays(cast_of(a=["a1", "a2"]))
    policy = rule("user", level="confirm", deadline="1h")
    at = desk(
        lambda: RoundRobinGroupChat([assistant(model, "a"), user()], max_turns=3),
        clock=clock,
        harmless=("user",),
        policy=policy,
    )
    run = await at.start()
    clock.advance(hours=2)
    with pytest.raises(RequestExpired):
        await at.say(run.pending[0].answer("late", by="ann"))
    run = await at.resume(run)
    assert (run.state, run.error) == (RunState.COMPLETED, "")
    assert "Nobody answered before the deadline." in str(model.calls[-1].body)


@pytest.mark.parametrize("vetoed", [True, False])
async def test_in_a_veto_window_the_call_runs_unless_somebody_vetoes(desk: Made, plays: Plays, vetoed: bool) -> None:
    clock, model = ManualClock(), plays(PAYS)
    policy = rule("refund", level="notify", veto="10m")
    at = desk(spec(model, refund), clock=clock, harmless=("refund",), policy=policy)
    run = await at.start()
    assert (len(run.pending), at.effects) == (1, [])
    if vetoed:
        await at.say(reject(run.pending[0]))
    clock.advance(minutes=10)
    run = await at.resume(run)
    assert (run.state, at.effects) == (RunState.COMPLETED, [] if vetoed else ["refund"])


async def test_a_cancelled_run_takes_no_answer(desk: Made, plays: Plays) -> None:
    at = desk(spec(plays(PAYS), refund))
    run = await at.start()
    async with at.open() as hitl:
        assert (await hitl.cancel(run.id, by="ann", reason="closed")).state is RunState.CANCELLED
    with pytest.raises(RequestClosed):
        await at.say(approve(run.pending[0]))
    assert at.effects == []


@pytest.mark.parametrize("scope", [StopScope.TOOL, StopScope.AGENT])
async def test_a_stop_blocks_what_was_approved_until_it_is_lifted(desk: Made, plays: Plays, scope: StopScope) -> None:
    model = plays(PAYS)
    at = desk(spec(model, refund))
    run = await at.start()
    await at.say(approve(run.pending[0]))
    target = "refund" if scope is StopScope.TOOL else "desk"
    async with at.open() as hitl:
        await hitl.stop(scope, target, by="ann", reason="wrong accounts")
    run = await at.resume(run)
    assert (run.state, at.effects, len(model.calls)) == (RunState.STOPPED, [], 1)
    async with at.open() as hitl:
        await hitl.lift(scope, target, by="ann", reason="right again")
    run = await at.resume(run)
    assert (run.state, at.effects, len(model.calls)) == (RunState.COMPLETED, ["refund"], 2)


async def test_a_stop_holds_back_what_a_person_said(desk: Made, plays: Plays) -> None:
    model = plays(cast_of(a=["a1", "a2"]))
    at = desk(lambda: RoundRobinGroupChat([assistant(model, "a"), user()], max_turns=3))
    run = await at.start()
    await at.say(run.pending[0].answer("go on", by="ann"))
    async with at.open() as hitl:
        await hitl.stop(StopScope.AGENT, "a", by="ann", reason="it raves")
    run = await at.resume(run)
    assert (run.state, len(model.calls)) == (RunState.STOPPED, 1)
    async with at.open() as hitl:
        await hitl.lift(StopScope.AGENT, "a", by="ann", reason="calm again")
    run = await at.resume(run)
    assert (run.state, len(model.calls)) == (RunState.COMPLETED, 2)


async def test_a_rewind_is_refused_by_name(desk: Made, plays: Plays) -> None:
    at = desk(spec(plays(PAYS), refund))
    run = await at.start()
    async with at.open() as hitl:
        with pytest.raises(CapabilityNotSupported, match="no history"):
            await hitl.rewind(run.id, by="ann")
    assert (await at.look(run)).state is RunState.PAUSED


async def test_a_failed_run_can_be_asked_anew(desk: Made, plays: Plays) -> None:
    """`ask_again` drops the answer that a failed run was given."""
    model = plays(cast_of(a=["a1"], b=[Step(say="-", fault=_always())]))
    at = desk(lambda: RoundRobinGroupChat([assistant(model, "a"), user(), assistant(model, "b")], max_turns=3))
    run = await at.answer(await at.start(), answering("bad"))
    assert run.state is RunState.FAILED
    run = await at.resume(run)
    assert run.state is RunState.FAILED
    assert [each.model for each in model.calls] == ["a", "b", "b"]


def _always() -> Refuse:
    return Refuse(status=400)


# ── a spec with a person ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_spec_with_a_person_hands_over_and_gets_back(desk: Made, plays: Plays) -> None:
    model = plays(Script.of(calling("transfer_to_the_lead"), Step(say="settled")))
    made = AgentSpec("desk", "You are a desk.", (), ModelSpec("m", model.base_url), human="the lead")
    at = desk(made)
    run = await at.start()
    assert [each.action.tool for each in run.pending] == ["the_lead"]
    run = await at.answer(run, taking_over("I look"))
    run = await at.answer(run, handing_back("all fine"))
    assert (run.state, len(model.calls)) == (RunState.COMPLETED, 2)
    assert isinstance(run.output, dict)
    assert run.output["answer"] == "settled"


# ── streaming ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_agent_is_watched_through_a_pause(desk: Made, plays: Plays) -> None:
    call = calling("refund", order="A", amount=12).model_copy(update={"say": "I shall pay."})
    at = desk(spec(plays(Script.of(call, Step(say="Done, it is paid."))), refund))
    async with at.open() as hitl:
        before = [event async for event in hitl.stream("go")]
        run = await hitl.run(before[0].run_id)
        await hitl.respond(approve(run.pending[0]))
        after = [event async for event in hitl.stream_resume(run.id)]
    assert [before[0].kind, before[-1].kind, after[-1].kind] == [LiveKind.STARTED, LiveKind.PAUSED, LiveKind.COMPLETED]
    assert "".join(each.text for each in before if each.kind is LiveKind.TEXT) == "I shall pay."
    assert [each.data["tool"] for each in before if each.kind is LiveKind.TOOL_CALL] == ["refund"]  # type: ignore[index,call-overload]
    texts = [each for each in after if each.kind is LiveKind.TEXT]
    assert "".join(each.text for each in texts) == "Done, it is paid."
    assert len(texts) > 1
    assert len({each.id for each in texts}) == 1
    assert [each.text for each in after if each.kind is LiveKind.TOOL_RESULT] == ["paid 12.0 for A"]


# ── effect modes ─────────────────────────────────────────────────────────────────────────────────────────────


@tool(transactional=True)
def book(order: str, amount: float, transaction: Any) -> str:
    """Book it beside the record of it."""
    transaction.execute("CREATE TABLE IF NOT EXISTS bookings (amount REAL)")
    transaction.execute("INSERT INTO bookings VALUES (?)", (amount,))
    if amount > 100:
        raise ValueError("too much")
    return f"booked {amount}"


@pytest.mark.parametrize(
    ("amount", "told", "state"), [(12.0, "booked 12.0", "executed"), (500.0, "too much", "failed")]
)
async def test_a_transactional_effect(desk: Made, plays: Plays, amount: float, told: str, state: str) -> None:
    at = desk(spec(plays(Script.of(calling("book", order="A", amount=amount), SAYS)), book))
    run = await at.answer(await at.start(), approve)
    async with at.open() as hitl:
        (effect,) = await hitl.effects(run.id)
    assert (effect.mode, effect.state) == (EffectMode.TRANSACTIONAL, state)
    assert told in str(run.output)


@tool(idempotent=True, name="book")
def book_again(order: str, amount: float) -> str:
    """Safe to repeat with the same key."""
    record("booked", key=current_call().key)
    if os.environ.get("HITL_TEST_CRASH") == "book":
        die()
    return "booked"


@pytest.mark.processes
def test_an_idempotent_effect_is_repeated_with_its_key_and_nobody_is_asked(tmp_path: Path) -> None:
    script = Script.of(calling("book", order="A", amount=1), SAYS)
    with model_process(script, tmp_path / "model.jsonl") as url:
        at = Desk(AgentSpec("desk", "You book.", (book_again,), ModelSpec("m", url)), tmp_path)

        async def dies() -> None:
            os.environ["HITL_TEST_CRASH"] = "book"
            await at.answer(await at.start(), approve)

        async def goes_on() -> None:
            async with at.open() as hitl:
                (run,) = (await hitl.runs()).items
                run = await hitl.resume(run.id)
                assert run.state is RunState.COMPLETED, run

        assert (child(dies), child(goes_on)) == (KILLED, 0)
    keys = [each["key"] for each in recorded()]
    assert (len(keys), len(set(keys))) == (2, 1)


# ── an agent of the app's own ────────────────────────────────────────────────────────────────────────────────


def dies_once() -> None:
    if os.environ.get("HITL_TEST_CRASH") == "stranger":
        die()


def strangers() -> RoundRobinGroupChat:
    return RoundRobinGroupChat([Stranger("first"), Stranger("second", on_turn=dies_once)], max_turns=2)


@pytest.mark.processes
@pytest.mark.parametrize(
    ("said", "safe", "turns", "state"),
    [("again", False, 3, "completed"), ("abort", False, 2, "failed"), ("", True, 3, "completed")],
    ids=["again", "abort", "safe"],
)
def test_an_agent_of_the_apps_own_that_died_at_work_is_in_doubt(
    tmp_path: Path, said: str, safe: bool, turns: int, state: str
) -> None:
    at = Desk(strangers, tmp_path, options={"safe_agents": ["second"]} if safe else {})

    async def dies() -> None:
        os.environ["HITL_TEST_CRASH"] = "stranger"
        await at.start()

    async def goes_on() -> None:
        async with at.open() as hitl:
            (run,) = (await hitl.runs()).items
            run = await hitl.resume(run.id)
            if not safe:
                (request,) = run.pending
                assert (request.in_doubt, request.action.tool, len(recorded())) == (True, "second", 2)
                await hitl.respond(choosing(said)(request))
                run = await hitl.resume(run.id)
            assert run.state == state, run

    assert (child(dies), child(goes_on)) == (KILLED, 0)
    assert len(recorded()) == turns


def test_an_error_of_ours_that_ends_a_run_says_its_code() -> None:
    assert in_words(EffectRefused("it is used up")) == "HITL-E01 it is used up"
    assert in_words(KeyError("x")) == "KeyError: 'x'"
