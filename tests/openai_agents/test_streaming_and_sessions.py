"""Live events for those who watch, and the SDK's own sessions: each item once, whatever happened in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from agents import GuardrailFunctionOutput, OutputGuardrail, SQLiteSession

from hitl_adapters.openai_agents import AgentApp
from hitl_core.protocol import RunState
from hitl_core.testing.scripted_model import Refuse, Step

from .desk import READS, Desk, approve, record
from .native import unchanged
from .specs import LOOK_UP, REFUND, calls, desk_spec, says

WHOLE = ("refund", {"order": "A", "amount": 12.0, "note": ""})


async def test_a_watched_run_tells_what_it_does(desk: Callable[..., Desk]) -> None:
    at = desk(desk_spec, calls(LOOK_UP, REFUND), says("all done"), policy=READS)
    async with at.open() as hitl:
        first = [event async for event in hitl.stream("go")]
        run = await hitl.run(first[0].run_id)
        kinds = [event.kind.value for event in first]
        assert (kinds[0], kinds[-1], run.state) == ("started", "paused", RunState.PAUSED), run.error
        assert kinds.count("tool_call") == 2
        assert [event.text for event in first if event.kind == "tool_result"] == ["A cost 12"]
    await at.say(approve(run.pending[0]))
    async with at.open() as hitl:
        second = [event async for event in hitl.stream_resume(run.id)]
        run = await hitl.run(run.id)
    assert (run.state, at.asked) == (RunState.COMPLETED, (2, 0)), run.error
    assert "".join(event.text for event in second if event.kind == "text") == "all done"
    assert second[-1].kind == "completed"


async def test_paused_in_a_stream_and_resumed_without(desk: Callable[..., Desk]) -> None:
    at = desk(unchanged, calls(LOOK_UP, WHOLE), says("all done"))
    async with at.open() as hitl:
        events = [event async for event in hitl.stream("go")]
        run = await hitl.run(events[0].run_id)
    run = await at.answer(run, approve)
    assert (run.state, at.effects, at.asked) == (RunState.COMPLETED, ["look_up", "refund"], (2, 0)), run.error


def chat(at: Callable[[], Desk]) -> Callable[[str], AgentApp]:
    return lambda url: AgentApp(unchanged(url), session=lambda thread: SQLiteSession(thread, at().folder / "chat.db"))


async def items_of(at: Desk, thread: str) -> list[Any]:
    return list(await SQLiteSession(thread, at.folder / "chat.db").get_items())


def outline(items: list[Any]) -> list[str]:
    return [str(each.get("role") or each["type"]) for each in items]


async def test_a_session_holds_the_conversation_once(desk: Callable[..., Desk]) -> None:
    at: Desk = desk(chat(lambda: at), calls(WHOLE), says("all done"), says("hello again"))
    run = await at.start("pay A", thread="t1")
    assert outline(await items_of(at, "t1")) == ["user", "function_call"]
    run = await at.answer(run, approve)
    assert run.state is RunState.COMPLETED, run.error
    whole = ["user", "function_call", "function_call_output", "assistant"]
    assert outline(await items_of(at, "t1")) == whole
    again = await at.start("are you there?", thread="t1")
    assert (again.output, at.heard("user")) == ({"answer": "hello again"}, ["pay A", "are you there?"])
    assert outline(await items_of(at, "t1")) == [*whole, "user", "assistant"]


async def test_a_turn_that_broke_leaves_nothing_in_the_session(desk: Callable[..., Desk]) -> None:
    at: Desk = desk(
        chat(lambda: at), calls(WHOLE), Step(say="all done", fault=Refuse(status=400, times=1)), says("unused")
    )
    run = await at.start("pay A", thread="t1")
    run = await at.answer(run, approve)
    assert (run.state, at.effects) == (RunState.FAILED, ["refund"])
    assert outline(await items_of(at, "t1")) == ["user", "function_call"]
    run = await at.resume(run)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["refund"]), run.error
    assert outline(await items_of(at, "t1")) == ["user", "function_call", "function_call_output", "assistant"]


class Shortening(SQLiteSession):
    """A session that keeps its last item only when it is told to be short, as those that a provider shortens."""

    fails = False

    async def run_compaction(self, args: Any = None) -> None:
        if self.fails:
            raise ConnectionError("the provider is away")
        record("compacted", items=len(await self.get_items()))
        last = (await self.get_items())[-1:]
        await self.clear_session()
        await self.add_items(last)


@pytest.mark.parametrize("fails", [False, True], ids=["shortened", "provider away"])
async def test_a_session_that_shortens_itself_does_so_when_the_run_is_over(
    desk: Callable[..., Desk], fails: bool
) -> None:
    """The SDK does it after each answer; while a run waits, that would cut off the calls that it waits for."""

    def session(thread: str) -> Shortening:
        made = Shortening(thread, at.folder / "chat.db")
        made.fails = fails
        return made

    at: Desk = desk(lambda url: AgentApp(unchanged(url), session=session), calls(WHOLE), says("all done"), says("more"))
    run = await at.start("pay A", thread="t1")
    assert (at.effects, outline(await items_of(at, "t1"))) == ([], ["user", "function_call"])
    run = await at.answer(run, approve)
    assert run.state is RunState.COMPLETED, run.error
    whole = ["user", "function_call", "function_call_output", "assistant"]
    assert outline(await items_of(at, "t1")) == (whole if fails else ["assistant"])
    assert at.effects == ["refund"] + ["compacted"] * (not fails)


async def test_a_session_that_cannot_be_written_is_written_at_the_next_try(desk: Callable[..., Desk]) -> None:
    """§4: on older releases the output of an approved tool is lost in the session for ever (#4615)."""
    full = [False]

    class Full(SQLiteSession):
        async def add_items(self, items: Any) -> None:
            if full[0]:
                full[0] = False
                raise OSError("disk full")
            await super().add_items(items)

    at: Desk = desk(
        lambda url: AgentApp(unchanged(url), session=lambda thread: Full(thread, at.folder / "chat.db")),
        *(calls(WHOLE), says("all done")),
    )
    run = await at.start("pay A", thread="t1")
    full[0] = True
    run = await at.answer(run, approve)
    assert (run.state, at.effects, "disk full" in run.error) == (RunState.FAILED, ["refund"], True)
    run = await at.resume(run)
    assert (run.state, at.effects, at.asked) == (RunState.COMPLETED, ["refund"], (2, 0)), run.error
    assert outline(await items_of(at, "t1")) == ["user", "function_call", "function_call_output", "assistant"]


@pytest.mark.parametrize("behaviour", ["run_llm_again", "stop_on_first_tool"])
async def test_beside_an_output_guardrail_each_output_in_the_session_has_its_call(
    desk: Callable[..., Desk], behaviour: Any
) -> None:
    """§9: an output whose call is not there is refused by the provider in every later turn (#4827)."""

    async def is_fine(context: Any, agent: Any, output: Any) -> GuardrailFunctionOutput:
        record("checked")
        return GuardrailFunctionOutput(None, tripwire_triggered=False)

    def app(url: str) -> AgentApp:
        agent = unchanged(url, output_guardrails=[OutputGuardrail(is_fine)], tool_use_behavior=behaviour)
        return AgentApp(agent, session=lambda thread: SQLiteSession(thread, at.folder / "chat.db"))

    at: Desk = desk(app, calls(WHOLE), says("all done"), says("hello again"))
    run = await at.answer(await at.start("pay A", thread="t1"), approve)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["refund", "checked"]), run.error
    again = await at.start("are you there?", thread="t1")
    assert again.state is RunState.COMPLETED, again.error
    items = await items_of(at, "t1")
    made, answered = (
        [each["call_id"] for each in items if each.get("type") == kind]
        for kind in ("function_call", "function_call_output")
    )
    assert (len(made), made) == (1, answered)
