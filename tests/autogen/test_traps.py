"""The traps of research/autogen.md, one test each; the section stands in its first line."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent, UserProxyAgent
from autogen_agentchat.conditions import MaxMessageTermination, TextMentionTermination
from autogen_agentchat.teams import DiGraphBuilder, GraphFlow, RoundRobinGroupChat, SelectorGroupChat
from autogen_agentchat.tools import AgentTool
from autogen_core import CancellationToken, FunctionCall, SingleThreadedAgentRuntime
from autogen_core.models import CreateResult
from autogen_core.tools import TextResultContent, ToolResult, ToolSchema, Workbench
from autogen_ext.models.openai import OpenAIChatCompletionClient

from hitl_core import current_call
from hitl_core.commands import CancelRun, GetCheckpoint, StopScope
from hitl_core.errors import AppChanged, AppRefused, LeaseLost
from hitl_core.gate import Gate
from hitl_core.lifecycle import ActionState
from hitl_core.protocol import Kind, RunState
from hitl_core.testing.scripted_model import Call, Refuse, Rule, Script, ScriptedModel, Step, When

from .desk import ALL_GO, Desk, answering, approve, record, recorded, reject
from .teams import INFO, assistant, cast_of, client, user
from .test_teams import graph, heard, look_up, once, refund, tool_call

Made = Callable[..., Desk]
Plays = Callable[[Script], ScriptedModel]


def alone(model: ScriptedModel, *tools: Any, **options: Any) -> Callable[[], AssistantAgent]:
    return lambda: assistant(model, "clerk", tools=list(tools), max_tool_iterations=5, **options)


def broken_once() -> Refuse:
    """An error that AutoGen's own client does not try again by itself."""
    return Refuse(status=400, times=1)


# ── §1: how a team waits ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_person_is_asked_what_was_said_and_not_enter_your_response(desk: Made, plays: Plays) -> None:
    """§1.1: AutoGen passes no question, blocks a thread, and gives the wait a new id each time."""
    model = plays(cast_of(writer=["Which colour?", "done"]))
    at = desk(lambda: RoundRobinGroupChat([assistant(model, "writer"), user()], max_turns=3))
    run = await at.start("go")
    assert run.pending[0].title == "user: Which colour?"
    again = await at.resume(run)
    assert again.pending == run.pending


async def test_a_handoff_to_somebody_else_does_not_break_a_person(desk: Made, plays: Plays) -> None:
    """§1.1: UserProxyAgent raises if the last message hands over to another agent."""
    model = plays(cast_of(a=[Step(call=(Call(name="transfer_to_b"),)), "end"], b=["b"]))

    def build() -> RoundRobinGroupChat:
        members: list[Any] = [assistant(model, "a", handoffs=["b"]), user(), assistant(model, "b")]
        return RoundRobinGroupChat(members, max_turns=3)

    at = desk(build)
    run = await at.answer(await at.start("go"), answering("hm"))
    assert (run.state, run.error) == (RunState.COMPLETED, "")


async def test_the_person_is_not_skipped_in_a_fresh_team(desk: Made, plays: Plays) -> None:
    """§1.2: "it is the human's turn" is not in AutoGen's state; a plain load_state asks the next speaker."""
    model = plays(cast_of(a=["a1"], b=["b1"]))
    at = desk(lambda: RoundRobinGroupChat([assistant(model, "a"), user(), assistant(model, "b")], max_turns=3))
    run = await at.start("go")
    await at.answer(run, answering("me first"))
    assert heard(model)[1:] == ["go", "a1", "me first"]


async def test_an_error_fails_the_run_in_one_line_and_it_can_go_on(
    desk: Made, plays: Plays, caplog: pytest.LogCaptureFixture
) -> None:
    """§1.3: an error becomes 4 kB of text, errors in all other participants, and a team that hangs when it is used."""
    model = plays(cast_of(a=["a1"], b=[Step(say="b1", fault=broken_once())]))
    at = desk(lambda: RoundRobinGroupChat([assistant(model, "a"), assistant(model, "b"), user()], max_turns=3))
    with caplog.at_level(logging.WARNING, "autogen_core"):
        run = await at.start("go")
    assert run.state is RunState.FAILED
    assert run.error.startswith("BadRequestError: ")
    assert len(run.error) < 300
    assert [(record.name, bool(record.exc_info)) for record in caplog.records] == [("hitl_core.endings", True)]
    run = await at.resume(run)
    assert (run.state, [each.title for each in run.pending]) == (RunState.PAUSED, ["user: b1"])
    assert [each.model for each in model.calls] == ["a", "b", "b"]


async def test_a_branch_that_fails_beside_one_that_waits_loses_nothing(desk: Made, plays: Plays) -> None:
    """§1.3: GraphFlow is not recoverable after an error: the join never runs, and the run reads as complete."""
    model = plays(cast_of(a=["split"], b=[Step(say="b1", fault=broken_once())], c=["joined"]))
    at = desk(lambda: graph(assistant(model, "a"), assistant(model, "b"), user(), assistant(model, "c")))
    run = await at.start("go")
    assert run.state is RunState.FAILED
    run = await at.resume(run)
    run = await at.answer(run, answering("mine"))
    assert run.state is RunState.COMPLETED
    assert {"b1", "mine"} <= set(heard(model))
    assert [each.model for each in model.calls] == ["a", "b", "b", "c"]


async def test_a_runtime_of_the_teams_own_is_refused(desk: Made, plays: Plays) -> None:
    """§1.5 (a): with a runtime of its own, a team that waits does not end."""
    model = plays(cast_of(a=["a1"]))

    def build() -> RoundRobinGroupChat:
        return RoundRobinGroupChat([assistant(model, "a"), user()], runtime=SingleThreadedAgentRuntime(), max_turns=2)

    with pytest.raises(AppRefused, match="runtime of its own"):
        await desk(build).start("go")


async def test_the_limit_of_messages_counts_over_pauses(desk: Made, plays: Plays) -> None:
    """§1.5 (b): counters of termination conditions are not in AutoGen's state."""
    model = plays(cast_of(a=[f"a{n}" for n in range(9)]))
    at = desk(
        lambda: RoundRobinGroupChat([assistant(model, "a"), user()], termination_condition=MaxMessageTermination(6))
    )
    run = await at.start("go")
    for said in ("x", "y"):
        run = await at.answer(run, answering(said))
    assert run.state is RunState.COMPLETED
    assert len(model.calls) == 3


async def test_what_made_a_node_ready_is_kept(desk: Made, plays: Plays) -> None:
    """§1.5 (c): GraphFlow does not save which group of edges was triggered; a node that was ready while the team
    waited would never be ready again."""
    model = plays(cast_of(start=["s1", "s2"], quick=["q1", "q2"], join=["again", "enough"], end=["e"]))

    def build() -> GraphFlow:
        start, quick, join, end = (assistant(model, name) for name in ("start", "quick", "join", "end"))
        person = user("reader")
        make = DiGraphBuilder()
        for each in (start, quick, person, join, end):
            make.add_node(each)
        make.add_edge(start, quick).add_edge(start, person)
        make.add_edge(quick, join, activation_group="either", activation_condition="any")
        make.add_edge(person, join, activation_group="either", activation_condition="any")
        make.add_edge(join, start, condition=lambda message: message.to_text() == "again")
        make.add_edge(join, end, condition=lambda message: message.to_text() == "enough")
        make.set_entry_point(start)
        members: list[Any] = [start, quick, person, join, end]
        return GraphFlow(members, make.build(), termination_condition=MaxMessageTermination(30))

    at = desk(build)
    run = await at.start("go")
    for said in ("one", "two"):
        run = await at.answer(run, answering(said))
    assert run.state is RunState.COMPLETED
    once(model, calls=7)


async def test_a_selector_that_is_loaded_hears_everything_once(desk: Made, plays: Plays) -> None:
    """§7: SelectorGroupChat appends to its context each time it is loaded."""
    chief = [
        Rule(when=When(user="user: hello"), say="writer"),
        Rule(when=When(user="writer: w1"), say="user"),
        Rule(when=When(user="Who?"), say="writer"),
    ]
    model = plays(cast_of(chief=chief, writer=["w1", "done"]))

    def build() -> SelectorGroupChat:
        members: list[Any] = [assistant(model, "writer"), user()]
        stop = TextMentionTermination("done")
        prompt = "Who? {roles} {participants} {history}"
        return SelectorGroupChat(
            members,
            client(model, "chief"),
            termination_condition=stop,
            selector_prompt=prompt,
            allow_repeated_speaker=True,
        )

    at = desk(build)
    run = await at.answer(await at.start("go"), answering("hello"))
    assert run.state is RunState.COMPLETED
    last = next(each for each in reversed(model.calls) if each.model == "chief")
    assert str(last.body).count("writer: w1") == 1


async def test_a_team_inside_that_selects_otherwise_does_not_get_the_answer(desk: Made, plays: Plays) -> None:
    """§1.5 (d), §7: a team inside a team is replayed, and nobody saves what its selection went by."""
    model = plays(cast_of(a=["Which colour?"], b=["Delete everything?"]))
    first = ["a"]

    def build() -> RoundRobinGroupChat:
        order = [*first, "user"]
        inside = SelectorGroupChat(
            [assistant(model, "a"), assistant(model, "b"), user()],
            client(model, "chief"),
            name="inside",
            selector_func=lambda thread: order[len(thread) - 1],
            max_turns=2,
        )
        return RoundRobinGroupChat([inside], max_turns=1)

    at = desk(build)
    run = await at.start("go")
    assert [each.title for each in run.pending] == ["user: Which colour?"]
    first[:] = ["b"]
    run = await at.answer(run, answering("yes"))
    assert (run.state, run.error[:8]) == (RunState.FAILED, AppChanged.code)
    first[:] = ["a"]
    assert (await at.resume(run)).state is RunState.COMPLETED


async def test_a_team_inside_a_team_pauses_as_often_as_it_likes(desk: Made, plays: Plays) -> None:
    """§1.5 (d): the parent hears what was said in all stretches, and no model is asked again."""
    model = plays(cast_of(inner=["one?", "two?"], writer=["heard"]))

    def build() -> RoundRobinGroupChat:
        inside = RoundRobinGroupChat([assistant(model, "inner"), user()], name="inside", max_turns=4)
        return RoundRobinGroupChat([inside, assistant(model, "writer")], max_turns=2)

    at = desk(build)
    run = await at.answer(await at.start("go"), answering("1"))
    run = await at.answer(run, answering("2"))
    assert run.state is RunState.COMPLETED
    assert heard(model)[1:] == ["go", "one?", "1", "two?", "2"]
    once(model, calls=3)


async def test_a_team_inside_that_heard_nothing_new_goes_on(desk: Made, plays: Plays) -> None:
    """§7: an empty task is an error of AutoGen's, so a team that speaks twice in a row would fail."""
    model = plays(cast_of(inner=["one", "two"]))

    def build() -> RoundRobinGroupChat:
        inside = RoundRobinGroupChat([assistant(model, "inner")], name="inside", max_turns=1)
        return RoundRobinGroupChat([inside], max_turns=2)

    run = await desk(build).start("go")
    assert (run.state, run.error, [each.model for each in model.calls]) == (RunState.COMPLETED, "", ["inner", "inner"])


# ── §2: what a tool may do ───────────────────────────────────────────────────────────────────────────────────


class OutOfTheTool(BaseException):
    """Nothing that a tool should raise."""


async def raises_base(order: str) -> str:
    """Raises what is no Exception."""
    record("base", order=order)
    raise OutOfTheTool("gone")


async def cancels_itself(order: str) -> str:
    """Raises a cancellation."""
    record("cancelled", order=order)
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("tool", "told"), [(cancels_itself, "was cancelled from inside"), (raises_base, "OutOfTheTool")]
)
async def test_a_tool_that_raises_what_it_must_not_does_not_hang_the_agent(
    desk: Made, plays: Plays, tool: Any, told: str
) -> None:
    """§2.1: a BaseException or a cancellation from a tool makes AutoGen 0.7.5 wait for ever (autogen#7956)."""
    model = plays(cast_of(clerk=[tool_call(tool.__name__, order="A"), "went on"]))
    at = desk(alone(model, tool))
    run = await at.answer(await at.start("go"), approve)
    assert (run.state, len(recorded())) == (RunState.COMPLETED, 1)
    assert told in heard(model)[-1]


class Shaky(Workbench):
    """A workbench of somebody's own: it raises, and its list changes whenever it is looked at."""

    component_type = "workbench"

    def __init__(self, *more: str) -> None:
        self.looked, self.more = 0, more

    async def list_tools(self) -> list[ToolSchema]:
        self.looked += 1
        number = {"type": "number", "exclusiveMinimum": 0}
        schema: Any = {"type": "object", "properties": {"amount": number}, "required": ["amount"]}
        names = ["pay", "shake", *self.more] if self.looked % 2 else ["shake", "pay", *self.more]
        return [ToolSchema(name=name, description=name, parameters=schema) for name in names]

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        cancellation_token: CancellationToken | None = None,
        call_id: str | None = None,
    ) -> ToolResult:
        record(name, **dict(arguments or {}))
        if name == "shake":
            raise RuntimeError("it shook")
        content = TextResultContent(content="\ud800" if name == "unkept" else "paid")
        return ToolResult(name=name, result=[content])

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def reset(self) -> None: ...
    async def save_state(self) -> Mapping[str, Any]:
        return {}

    async def load_state(self, state: Mapping[str, Any]) -> None: ...


async def test_a_workbench_that_raises_does_not_hang_the_agent(desk: Made, plays: Plays) -> None:
    """§2.1: only AutoGen's own static workbench catches its tools' errors; any other one hangs the agent."""
    both = Step(call=(Call(name="shake", arguments={"amount": 1}), Call(name="pay", arguments={"amount": 2})))
    model = plays(cast_of(clerk=[both, tool_call("pay", amount=-1), "went on"]))
    at = desk(lambda: AssistantAgent("clerk", client(model, "clerk"), workbench=Shaky(), max_tool_iterations=5))
    run = await at.start("go")
    assert [each.arguments_schema is not None for each in run.pending] == [True, True]
    run = await at.answer(run, approve, approve)
    assert (run.state, sorted(at.effects)) == (RunState.COMPLETED, ["pay", "shake"])
    assert "it shook" in str(model.calls[1].body)
    assert "arguments.amount" in heard(model)[-1]


async def test_of_a_tool_that_ran_the_model_is_never_told_that_it_did_not(desk: Made, plays: Plays) -> None:
    """§2.1: what a workbench raises is what the tool came to, and so is a result that cannot be kept."""
    model = plays(cast_of(clerk=[tool_call("shake", amount=1), tool_call("unkept", amount=2), "went on"]))
    at = desk(
        lambda: AssistantAgent("clerk", client(model, "clerk"), workbench=Shaky("unkept"), max_tool_iterations=5),
        policy=ALL_GO,
        harmless=("shake", "unkept"),
    )
    run = await at.start("go")
    assert (run.state, run.error, at.effects) == (RunState.COMPLETED, "", ["shake", "unkept"])
    told = heard(model)
    assert "This call was tried and failed: RuntimeError: it shook" in told
    assert any(each.startswith("It ran, but its result cannot be kept") for each in told if each)
    assert "did not run" not in str(told)


async def test_a_call_that_cannot_be_checked_says_so_and_does_not_run(desk: Made, plays: Plays) -> None:
    """§2.1: a number that has no JSON form can be shown to nobody; the agent may call again."""
    model = plays(cast_of(clerk=[tool_call("pay", amount=float("inf")), "went on"]))
    at = desk(lambda: AssistantAgent("clerk", client(model, "clerk"), workbench=Shaky(), max_tool_iterations=5))
    run = await at.start("go")
    assert (run.state, run.error, at.effects) == (RunState.COMPLETED, "", [])
    assert "before anybody was asked, and did not run" in heard(model)[-1]


async def test_a_stop_while_a_tool_works_ends_the_run_after_it(
    desk: Made, plays: Plays, monkeypatch: pytest.MonkeyPatch
) -> None:
    """§2.1, §3.3: a cancelled token deadlocks a plain agent in a tool; the team goes on working without one."""
    began, heeded, heed_stops = asyncio.Event(), asyncio.Event(), Gate.heed_stops

    async def heeds(gate: Gate) -> bool:
        found = await heed_stops(gate)
        if found:
            heeded.set()
        return found

    monkeypatch.setattr(Gate, "heed_stops", heeds)

    async def works(order: str) -> str:
        """Works until the stop has been seen."""
        began.set()
        await heeded.wait()
        record("worked")
        return "worked"

    model = plays(cast_of(clerk=[tool_call("works", order="A"), "went on"]))
    at = desk(lambda: RoundRobinGroupChat([alone(model, works)()], max_turns=1), policy=ALL_GO, harmless=("works",))
    async with at.open() as hitl:
        working = asyncio.create_task(hitl.start("go"))
        await began.wait()
        await hitl.stop(StopScope.ALL, by="ann", reason="fire")
        run = await working
        assert (run.state, at.effects, len(model.calls)) == (RunState.STOPPED, ["worked"], 1)
        await hitl.lift(StopScope.ALL, by="ann", reason="over")
        run = await hitl.resume(run.id)
        assert (run.state, at.effects, len(model.calls)) == (RunState.COMPLETED, ["worked"], 2)


async def test_a_stop_while_a_model_answers_does_not_wait_for_it(desk: Made, plays: Plays) -> None:
    """§3.3: `ExternalTermination` is looked at between turns only, and `wait_for` on a team does not end it."""
    model = plays(cast_of(a=[Step(say="late", delay_ms=600_000)]))
    at = desk(lambda: RoundRobinGroupChat([assistant(model, "a"), user()], max_turns=2))
    async with at.open() as hitl:
        working = asyncio.create_task(hitl.start("go"))
        while not (await hitl.runs()).items:
            await hitl.store.changed(timeout=0.05)
        await hitl.stop(StopScope.ALL, by="ann", reason="fire")
        async with asyncio.timeout(60):
            run = await working
    assert run.state is RunState.STOPPED


async def test_a_lost_worker_leaves_nothing_behind(desk: Made, plays: Plays) -> None:
    """§3.3: a team whose task is cancelled goes on working; ours is cancelled by its token and ends."""

    async def works(order: str) -> str:
        """Takes for ever."""
        async with at.open() as other:
            (run,) = (await other.runs()).items
            await other.store.apply(CancelRun(run.id, "ann", "now", datetime.now(UTC)))
        await asyncio.Event().wait()
        return "never"

    model = plays(cast_of(clerk=[tool_call("works", order="A"), "went on"]))
    at = desk(
        lambda: RoundRobinGroupChat([alone(model, works)()], max_turns=1),
        policy=ALL_GO,
        harmless=("works",),
        lease=0.3,
    )
    async with at.open() as hitl:
        async with asyncio.timeout(60):
            with pytest.raises(LeaseLost):
                await hitl.start("go")
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        assert not [task for task in tasks if "autogen" in repr(task.get_coro())]
        (run,) = (await hitl.runs()).items
        (effect,) = await hitl.effects(run.id)
        assert (run.state, effect.state) == (RunState.CANCELLED, ActionState.IN_DOUBT)


# ── §2.2, §2.3 ───────────────────────────────────────────────────────────────────────────────────────────────


def pays_in_a_thread(order: str) -> str:
    """Sync, as most tools are."""
    record("paid", key=current_call().key)
    return f"paid {order}"


async def test_a_sync_tool_knows_which_call_it_is(desk: Made, plays: Plays) -> None:
    """§1.1: AutoGen starts threads without their context, so a tool there could not find its idempotency key."""
    model = plays(cast_of(clerk=[tool_call("pays_in_a_thread", order="A"), "done"]))
    run = await desk(alone(model, pays_in_a_thread)).start("go")
    at = desk(alone(model, pays_in_a_thread))
    run = await at.answer(run, approve)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["paid"])
    assert recorded()[0]["key"].startswith(run.id)


async def test_a_half_finished_batch_makes_no_second_model_call(desk: Made, plays: Plays) -> None:
    """§2.1: nothing of a half-finished batch is saved; a plain load_state asks the model again."""
    both = Step(
        call=(
            Call(name="look_up", arguments={"order": "A"}),
            Call(name="refund", arguments={"order": "A", "amount": 1}),
        )
    )
    model = plays(cast_of(clerk=[both, "done"]))
    at = desk(lambda: RoundRobinGroupChat([alone(model, look_up, refund)(), user()], max_turns=1))
    run = await at.answer(await at.start("go"), approve)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["looked", "refund"])
    once(model, calls=2)
    body: Any = model.calls[-1].body
    roles = [each["role"] for each in body["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "tool"]


class Twins(OpenAIChatCompletionClient):
    """A provider that gives all calls the same id."""

    async def create(self, messages: Any, **how: Any) -> CreateResult:
        result = await super().create(messages, **how)
        if isinstance(result.content, list):
            result.content = [FunctionCall("call", each.arguments, each.name) for each in result.content]
        return result


async def test_calls_with_one_id_are_told_apart(desk: Made, plays: Plays) -> None:
    """§2.3: with some providers ids are empty or repeated; the position in the answer is the call's place."""
    both = Step(call=tuple(Call(name="refund", arguments={"order": each, "amount": 1}) for each in "AB"))
    model = plays(cast_of(clerk=[both, "done"]))

    def build() -> AssistantAgent:
        twins = Twins(model="clerk", base_url=model.base_url, api_key="test", model_info=INFO)
        return AssistantAgent("clerk", twins, tools=[refund], max_tool_iterations=3)

    at = desk(build)
    run = await at.start("go")
    assert [each.action.arguments["order"] for each in run.pending] == ["A", "B"]
    assert len({each.call for each in run.pending}) == 2
    run = await at.answer(run, reject, approve)
    assert (run.state, [each["order"] for each in recorded()]) == (RunState.COMPLETED, ["B"])


async def test_what_an_agent_inside_a_tool_says_is_shown(desk: Made, plays: Plays) -> None:
    """§2.3: AssistantAgent streams from its own class of workbench only."""
    model = plays(cast_of(boss=[tool_call("clerk", task="t"), "all done"], clerk=["inside"]))

    def build() -> RoundRobinGroupChat:
        boss = assistant(model, "boss", tools=[AgentTool(assistant(model, "clerk"))], max_tool_iterations=3)
        return RoundRobinGroupChat([boss, user()], max_turns=2)

    at = desk(build)
    run = await at.start("go")
    async with at.open() as hitl:
        checkpoint: Any = await hitl.store.fetch(GetCheckpoint(run.id))
    said = [
        each.get("content")
        for each in checkpoint["team"]["team"]["agent_states"]["RoundRobinGroupChatManager"]["message_thread"]
    ]
    assert "inside" in said


async def test_two_calls_of_one_agent_take_turns(desk: Made, plays: Plays) -> None:
    """§2.3: an AgentTool keeps one conversation; two calls at once would mix them."""
    both = Step(call=tuple(Call(name="clerk", arguments={"task": f"refund {each}"}) for each in "AB"))
    clerk: list[Any] = [
        tool_call("refund", order="A", amount=1),
        "paid A",
        tool_call("refund", order="B", amount=2),
        "paid B",
    ]
    model = plays(cast_of(boss=[both, "all done"], clerk=clerk))

    def build() -> AssistantAgent:
        inner = assistant(model, "clerk", tools=[refund], max_tool_iterations=5)
        return assistant(model, "boss", tools=[AgentTool(inner)], max_tool_iterations=5)

    at = desk(build)
    run = await at.start("go")
    assert len(run.pending) == 1
    run = await at.answer(run, approve)
    run = await at.answer(run, approve)
    assert (run.state, [each["order"] for each in recorded()]) == (RunState.COMPLETED, ["A", "B"])
    once(model, calls=6)


# ── the app changed (P44) ────────────────────────────────────────────────────────────────────────────────────


async def test_an_app_that_changed_under_a_pause_runs_nothing(desk: Made, plays: Plays) -> None:
    """§7: load_state needs the same names and the same manager; anything else is a ValueError, or passes unseen."""
    model = plays(cast_of(a=["a1"], b=["b1"]))
    at = desk(lambda: RoundRobinGroupChat([assistant(model, "a"), user()], max_turns=2))
    run = await at.start("go")
    await at.say(run.pending[0].answer("x", by="ann"))
    at.app = lambda: RoundRobinGroupChat([assistant(model, "b"), user()], max_turns=2)
    run = await at.resume(run)
    assert (run.state, run.error[:8]) == (RunState.FAILED, AppChanged.code)
    once(model, calls=1)


async def other(order: str) -> str:
    """Another tool."""
    record("other", order=order)
    return "other"


def redefined() -> Any:
    async def refund(order: str, amount: float, currency: str = "EUR") -> str:
        """Pay back, in any currency."""
        record("refund", order=order, amount=amount)
        return "paid"

    return refund


async def test_a_tool_that_is_gone_does_not_become_the_models_mistake(desk: Made, plays: Plays) -> None:
    """P44: AutoGen would tell the model that there is no such tool, and go on."""
    model = plays(cast_of(clerk=[tool_call("refund", order="A", amount=1), "done"]))
    at = desk(alone(model, refund))
    run = await at.start("go")
    await at.say(run.pending[0].approve(by="ann"))
    at.app = alone(model, other)
    run = await at.resume(run)
    assert (run.state, run.error[:8], at.effects) == (RunState.FAILED, AppChanged.code, [])
    once(model, calls=1)


async def test_a_tool_that_was_redefined_is_asked_about_again(desk: Made, plays: Plays) -> None:
    """P44: an approval of what a tool did is none of what it does now."""
    model = plays(cast_of(clerk=[tool_call("refund", order="A", amount=1), "done"]))
    at = desk(alone(model, refund))
    run = await at.start("go")
    await at.say(run.pending[0].approve(by="ann"))
    at.app = alone(model, redefined())
    run = await at.resume(run)
    assert ([each.round for each in run.pending], at.effects) == ([1], [])
    run = await at.answer(run, approve)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["refund"])
    once(model, calls=2)


async def test_a_team_that_is_given_instead_of_a_factory_is_refused(desk: Made, plays: Plays) -> None:
    """§1.3, rule 1: a team is never used again after a pause, so there must be a way to build it anew."""
    model = plays(cast_of(a=["a1"]))
    with pytest.raises(AppRefused, match="give a function"):
        await desk(RoundRobinGroupChat([assistant(model, "a")], max_turns=1)).start("go")


class Oracle(UserProxyAgent):
    """A person with a way of its own to answer."""

    async def on_messages_stream(self, messages: Any, cancellation_token: Any) -> Any:
        yield None


async def test_a_person_with_a_way_of_their_own_is_refused(desk: Made, plays: Plays) -> None:
    """P92: what such an agent asks, and what it makes of an answer, cannot be known."""
    model = plays(cast_of(a=["a1"]))
    with pytest.raises(AppRefused, match="in a way of its own"):
        await desk(lambda: RoundRobinGroupChat([assistant(model, "a"), Oracle("me")], max_turns=2)).start("go")


async def test_a_question_is_not_answered_by_a_refusal_in_words(desk: Made, plays: Plays) -> None:
    """§1.4: termination by a word in a text. A refusal that was written out could be what it takes for consent."""
    model = plays(cast_of(a=["a1"]))
    at = desk(
        lambda: RoundRobinGroupChat(
            [assistant(model, "a"), user()], termination_condition=TextMentionTermination("APPROVE")
        )
    )
    run = await at.start("go")
    assert run.pending[0].kind is Kind.INPUT
    assert "reject" not in run.pending[0].allowed
