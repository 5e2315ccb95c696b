"""Unchanged teams with a person in them: each pauses, goes on in a fresh team, and repeats no model call (P92, P40)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from autogen_agentchat.agents import (
    AssistantAgent,
    MessageFilterAgent,
    MessageFilterConfig,
    PerSourceFilter,
    SocietyOfMindAgent,
)
from autogen_agentchat.conditions import (
    HandoffTermination,
    MaxMessageTermination,
    TextMentionTermination,
    TextMessageTermination,
)
from autogen_agentchat.teams import (
    DiGraphBuilder,
    GraphFlow,
    MagenticOneGroupChat,
    RoundRobinGroupChat,
    SelectorGroupChat,
    Swarm,
)
from autogen_agentchat.tools import AgentTool, TeamTool

from hitl_core import Run
from hitl_core.errors import AppRefused
from hitl_core.protocol import Kind, Reply, RunState
from hitl_core.testing.scripted_model import Call, Rule, Script, ScriptedModel, Step, When, repeated_calls

from .desk import Desk, answering, approve, editing, handing_back, record, recorded, revising, taking_over
from .teams import Stranger, assistant, cast_of, client, user

Made = Callable[..., Desk]
Plays = Callable[[Script], ScriptedModel]


def once(model: ScriptedModel, *, calls: int) -> None:
    assert (len(model.calls), repeated_calls(model.calls)) == (calls, ())
    assert {each.status for each in model.calls} == {200}


def heard(model: ScriptedModel, call: int = -1) -> list[str]:
    """What the model was told in one of its calls."""
    body: Any = model.calls[call].body
    return [each["content"] for each in body["messages"]]


def done(run: Run, answer: str) -> None:
    assert (run.state, run.error) == (RunState.COMPLETED, "")
    assert isinstance(run.output, dict)
    assert run.output["answer"] == answer


async def test_round_robin(desk: Made, plays: Plays) -> None:
    model = plays(cast_of(writer=["first", "second", "third"]))

    def build() -> RoundRobinGroupChat:
        stop = TextMentionTermination("APPROVE")
        return RoundRobinGroupChat([assistant(model, "writer"), user()], termination_condition=stop)

    at = desk(build)
    run = await at.start("write")
    [request] = run.pending
    assert (request.kind, request.action.tool, request.title) == (Kind.INPUT, "user", "user: first")
    assert request.action.arguments == {"question": "first", "from": "writer"}
    assert request.allowed == (Reply.ANSWER, Reply.CANCEL)
    run = await at.answer(run, answering("shorter"))
    run = await at.answer(run, answering("still shorter"))
    assert [each.title for each in run.pending] == ["user: third"]
    run = await at.answer(run, answering("APPROVE"))
    done(run, "APPROVE")
    once(model, calls=3)
    assert heard(model)[1:] == ["write", "first", "shorter", "second", "still shorter"]


async def test_selector(desk: Made, plays: Plays) -> None:
    chief = [
        Rule(when=When(user="user: go on"), say="writer"),
        Rule(when=When(user="writer: hm"), say="user"),
        Rule(when=When(user="Who?"), say="writer"),
    ]
    model = plays(cast_of(chief=chief, writer=["hm", "done"]))

    def build() -> SelectorGroupChat:
        members: list[Any] = [assistant(model, "writer"), user()]
        return SelectorGroupChat(
            members,
            client(model, "chief"),
            termination_condition=TextMentionTermination("done"),
            selector_prompt="Who? {roles} {participants} {history}",
            allow_repeated_speaker=True,
        )

    at = desk(build)
    run = await at.answer(await at.start("write"), answering("go on"))
    done(run, "done")
    once(model, calls=5)


async def test_swarm_with_a_person_who_takes_several_turns(desk: Made, plays: Plays) -> None:
    model = plays(cast_of(clerk=[Step(call=(Call(name="transfer_to_user"),)), "TERMINATE"]))

    def build() -> Swarm:
        members: list[Any] = [assistant(model, "clerk", handoffs=["user"]), user()]
        return Swarm(members, termination_condition=TextMentionTermination("TERMINATE", sources=["clerk"]))

    at = desk(build)
    run = await at.start("refund me")
    assert [(each.kind, each.allowed) for each in run.pending] == [
        (Kind.HANDOFF, (Reply.TAKE_OVER, Reply.HAND_BACK, Reply.CANCEL))
    ]
    run = await at.answer(run, taking_over("I look into it"))
    run = await at.answer(run, taking_over("It is fine"))
    assert len({run.pending[0].call}) == 1
    run = await at.answer(run, handing_back("go on"))
    done(run, "TERMINATE")
    once(model, calls=2)
    said = heard(model, -1)
    assert said[-3:] == ["I look into it", "It is fine", "go on"]


async def test_swarm_that_ends_by_a_handoff_to_somebody_outside(desk: Made, plays: Plays) -> None:
    """As in AutoGen's own tutorial: the app would be run again with a HandoffMessage."""
    model = plays(cast_of(clerk=[Step(call=(Call(name="transfer_to_user"),)), "TERMINATE"]))

    def build() -> Swarm:
        stop = HandoffTermination("user") | TextMentionTermination("TERMINATE", sources=["clerk"])
        return Swarm([assistant(model, "clerk", handoffs=["user"])], termination_condition=stop)

    at = desk(build)
    run = await at.start("refund me")
    assert [(each.kind, each.action.tool) for each in run.pending] == [(Kind.HANDOFF, "user")]
    run = await at.answer(run, taking_over("order A"))
    run = await at.answer(run, handing_back("of yesterday", to="nobody"))
    run = await at.answer(run, handing_back("of yesterday", to="clerk"))
    done(run, "TERMINATE")
    once(model, calls=2)
    assert heard(model, -1)[-1] == "order A\nof yesterday"


def graph(*members: Any) -> GraphFlow:
    a, b, person, c = members
    make = DiGraphBuilder().add_node(a).add_node(b).add_node(person).add_node(c)
    make.add_edge(a, b).add_edge(a, person).add_edge(b, c).add_edge(person, c)
    return GraphFlow([a, b, person, c], make.build())


async def test_graph_with_parallel_branches(desk: Made, plays: Plays) -> None:
    """The other branch finishes while the person is asked, and the join sees both."""
    model = plays(cast_of(a=["split"], b=[Step(say="b is slow", delay_ms=80)], c=["joined"]))
    at = desk(lambda: graph(assistant(model, "a"), assistant(model, "b"), user(), assistant(model, "c")))
    run = await at.start("go")
    assert (len(run.pending), len(model.calls)) == (1, 2)
    run = await at.answer(run, answering("mine"))
    assert (run.state, len(model.calls)) == (RunState.COMPLETED, 3)
    said = set(heard(model, -1))
    assert {"b is slow", "mine"} <= said
    once(model, calls=3)


async def test_graph_with_two_people_at_once(desk: Made, plays: Plays) -> None:
    model = plays(cast_of(a=["split"], c=["joined"]))
    at = desk(lambda: graph(assistant(model, "a"), user("left"), user("right"), assistant(model, "c")))
    run = await at.start("go")
    assert {each.action.tool for each in run.pending} == {"left", "right"}
    by_name = {each.action.tool: each for each in run.pending}
    await at.say(by_name["right"].answer("R", by="ann"))
    run = await at.answer(await at.look(run), answering("L"))
    assert run.state is RunState.COMPLETED
    said = heard(model, -1)
    assert {"L", "R"} <= set(said)
    once(model, calls=2)


async def test_graph_with_a_cycle(desk: Made, plays: Plays) -> None:
    model = plays(cast_of(writer=["v1", "v2", "v3"], printer=["printed"]))

    def build() -> GraphFlow:
        writer, person, printer = assistant(model, "writer"), user("reader"), assistant(model, "printer")
        make = DiGraphBuilder().add_node(writer).add_node(person).add_node(printer)
        make.add_edge(writer, person)
        make.add_edge(person, writer, condition=lambda message: "no" in message.to_text())
        make.add_edge(person, printer, condition=lambda message: "no" not in message.to_text())
        make.set_entry_point(writer)
        return GraphFlow([writer, person, printer], make.build(), termination_condition=MaxMessageTermination(20))

    at = desk(build)
    run = await at.start("go")
    for said in ("no", "no again", "yes"):
        run = await at.answer(run, answering(said))
    assert run.state is RunState.COMPLETED
    once(model, calls=4)


def ledger(speaker: str, *, satisfied: bool = False) -> str:
    yes, no = {"reason": "r", "answer": True}, {"reason": "r", "answer": False}
    entry = {
        "is_request_satisfied": yes if satisfied else no,
        "is_in_loop": no,
        "is_progress_being_made": yes,
        "next_speaker": {"reason": "r", "answer": speaker},
        "instruction_or_question": {"reason": "r", "answer": f"{speaker}, please"},
    }
    return json.dumps(entry)


def chief() -> list[Step | str]:
    """The orchestrator: facts, a plan, one step each for the writer and the person, and the final answer."""
    recall = "Recall we are working"
    return [
        Rule(when=When(user="Here is the pre-survey"), say="facts"),
        Rule(when=When(user="Fantastic. To address"), say="plan"),
        Rule(when=When(user="We have completed the task"), say="all done"),
        Rule(when=When(user=recall, turn=1), say=ledger("writer")),
        Rule(when=When(user=recall, turn=2), say=ledger("user")),
        Rule(when=When(user=recall, turn=3), say=ledger("user", satisfied=True)),
    ]


async def test_magentic_one(desk: Made, plays: Plays) -> None:
    model = plays(cast_of(chief=chief(), writer=["drafted"]))
    at = desk(lambda: MagenticOneGroupChat([assistant(model, "writer"), user()], client(model, "chief")))
    run = await at.start("write")
    assert [each.title for each in run.pending] == ["user: user, please"]
    assert len(model.calls) == 5
    run = await at.answer(run, answering("fine"))
    done(run, "all done")
    once(model, calls=7)


# ── teams inside teams, and inside agents ────────────────────────────────────────────────────────────────────


async def test_a_team_in_a_team(desk: Made, plays: Plays) -> None:
    model = plays(cast_of(inner=["inner says"], writer=["w1", "w2"]))

    def build() -> RoundRobinGroupChat:
        inside = RoundRobinGroupChat([assistant(model, "inner"), user()], name="inside", max_turns=2)
        return RoundRobinGroupChat([assistant(model, "writer"), inside], max_turns=3)

    at = desk(build)
    run = await at.start("go")
    assert [(each.kind, each.action.origin.path, each.title) for each in run.pending] == [
        (Kind.INPUT, ("inside",), "user: inner says")
    ]
    run = await at.answer(run, answering("well"))
    done(run, "w2")
    once(model, calls=3)
    said = heard(model, -1)
    assert said[-3:] == ["w1", "inner says", "well"]


async def test_a_team_behind_one_voice(desk: Made, plays: Plays) -> None:
    model = plays(cast_of(inner=["inner says"], voice=["summed up"]))

    def build() -> SocietyOfMindAgent:
        inside = RoundRobinGroupChat([assistant(model, "inner"), user()], name="inside", max_turns=2)
        return SocietyOfMindAgent("society", inside, client(model, "voice"))

    at = desk(build)
    run = await at.answer(await at.start("go"), answering("well"))
    done(run, "summed up")
    once(model, calls=2)


async def refund(order: str, amount: float) -> str:
    """Pay back."""
    record("refund", order=order, amount=amount)
    return f"paid {amount} for {order}"


async def look_up(order: str) -> str:
    """Look at an order."""
    record("looked", order=order)
    return f"{order} cost 12"


def tool_call(name: str, **arguments: Any) -> Step:
    return Step(call=(Call(name=name, arguments=arguments),))


@pytest.mark.parametrize("in_a_team", [False, True])
async def test_an_agent_as_a_tool_keeps_its_memory(desk: Made, plays: Plays, in_a_team: bool) -> None:
    model = plays(
        cast_of(
            boss=[tool_call("clerk", task="refund A"), tool_call("clerk", task="refund B"), "all done"],
            clerk=[
                tool_call("refund", order="A", amount=5),
                "paid A",
                tool_call("refund", order="B", amount=6),
                "paid B",
            ],
        )
    )

    def build() -> Any:
        clerk = assistant(model, "clerk", tools=[refund], max_tool_iterations=5)
        boss = assistant(model, "boss", tools=[AgentTool(clerk)], max_tool_iterations=5)
        return RoundRobinGroupChat([boss], max_turns=1) if in_a_team else boss

    at = desk(build)
    run = await at.start("go")
    assert [each.action.origin.path for each in run.pending] == [("boss", "clerk")]
    run = await at.answer(run, approve)
    run = await at.answer(run, approve)
    done(run, "all done")
    assert [each["order"] for each in recorded()] == ["A", "B"]
    once(model, calls=7)


async def test_a_team_as_a_tool(desk: Made, plays: Plays) -> None:
    model = plays(cast_of(boss=[tool_call("inside", task="ask"), "all done"], inner=["inner says"]))

    def build() -> AssistantAgent:
        inside = RoundRobinGroupChat([assistant(model, "inner"), user()], name="inside", max_turns=2)
        tool = TeamTool(inside, "inside", "a team", return_value_as_last_message=True)
        return assistant(model, "boss", tools=[tool], max_tool_iterations=3)

    at = desk(build)
    run = await at.start("go")
    assert [each.action.origin.path for each in run.pending] == [("boss", "inside")]
    run = await at.answer(run, answering("well"))
    done(run, "all done")
    once(model, calls=3)
    assert heard(model, -1)[-1] == "well"


async def test_a_filtered_agent_keeps_its_memory(desk: Made, plays: Plays) -> None:
    model = plays(cast_of(writer=["w1", "w2"]))

    def build() -> RoundRobinGroupChat:
        only = MessageFilterConfig(per_source=[PerSourceFilter(source="user", position="last", count=1)])
        wrapped = MessageFilterAgent("filtered", assistant(model, "writer"), filter=only)
        return RoundRobinGroupChat([wrapped, user()], max_turns=3)

    at = desk(build)
    run = await at.answer(await at.start("go"), answering("more"))
    done(run, "w2")
    said = heard(model, -1)[1:]
    assert said == ["go", "w1", "more"]


async def test_gated_tools_and_a_person_in_parallel(desk: Made, plays: Plays) -> None:
    """Two agents wait for approvals and a person is asked, all at once; the call that needs nobody runs meanwhile."""
    both = Step(
        call=(
            Call(name="look_up", arguments={"order": "A"}),
            Call(name="refund", arguments={"order": "A", "amount": 1}),
        )
    )
    model = plays(
        cast_of(
            start=["split"],
            left=[both, "left done"],
            right=[tool_call("refund", order="B", amount=2), "right done"],
            end=["e"],
        )
    )

    def build() -> GraphFlow:
        first, last = assistant(model, "start"), assistant(model, "end")
        tools: dict[str, Any] = {"tools": [look_up, refund], "max_tool_iterations": 3}
        middle = [assistant(model, "left", **tools), assistant(model, "right", **tools), user()]
        make = DiGraphBuilder().add_node(first).add_node(last)
        for each in middle:
            make.add_node(each).add_edge(first, each).add_edge(each, last)
        return GraphFlow([first, *middle, last], make.build())

    at = desk(build)
    run = await at.start("go")
    assert sorted(each.action.tool for each in run.pending) == ["refund", "refund", "user"]
    assert at.effects == ["looked"]
    for each in run.pending:
        await at.say(answering("hello")(each) if each.kind is Kind.INPUT else approve(each))
    run = await at.resume(run)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["looked", "refund", "refund"])
    once(model, calls=6)


async def test_an_agent_of_the_apps_own(desk: Made, plays: Plays) -> None:
    model = plays(cast_of(writer=["w1", "w2"]))
    at = desk(lambda: RoundRobinGroupChat([Stranger(), assistant(model, "writer"), user()], max_turns=5))
    async with at.open() as hitl:
        levels = {(each.level, each.place.rpartition("/")[2]) for each in await hitl.attach()}
    assert levels == {("warn", "stranger"), ("note", "user")}
    run = await at.answer(await at.start("go"), answering("more"))
    done(run, "w2")
    assert recorded() == [{"effect": "stranger", "turn": 1}, {"effect": "stranger", "turn": 2}]


async def test_termination_counts_go_on(desk: Made, plays: Plays) -> None:
    """AutoGen does not save them: a limit of 6 messages would begin again at each pause."""
    model = plays(cast_of(writer=[f"w{n}" for n in range(9)]))

    def build() -> RoundRobinGroupChat:
        stop = MaxMessageTermination(6) & (TextMessageTermination("writer") | TextMessageTermination("user"))
        return RoundRobinGroupChat(
            [assistant(model, "writer"), user()], termination_condition=stop | MaxMessageTermination(8)
        )

    at = desk(build)
    run = await at.start("go")
    for said in ("a", "b", "c"):
        if run.pending:
            run = await at.answer(run, answering(said))
    assert run.state is RunState.COMPLETED
    assert len(model.calls) == 3


async def test_a_review_of_nobody_is_refused(desk: Made, plays: Plays) -> None:
    model = plays(cast_of(writer=["v1"]))
    at = desk(lambda: RoundRobinGroupChat([assistant(model, "writer")], max_turns=1), options={"review": ["wrlter"]})
    with pytest.raises(AppRefused, match="'wrlter'"):
        await at.start("go")


async def test_a_review_of_what_an_agent_wrote(desk: Made, plays: Plays) -> None:
    model = plays(cast_of(writer=["v1", "v2", "v3"], printer=["printed"]))
    at = desk(
        lambda: RoundRobinGroupChat([assistant(model, "writer"), assistant(model, "printer")], max_turns=3),
        options={"review": ["writer"]},
    )
    run = await at.start("go")
    assert [(each.kind, each.action.arguments) for each in run.pending] == [(Kind.REVIEW, {"content": "v1"})]
    run = await at.answer(run, revising("shorter"))
    assert [each.action.arguments for each in run.pending] == [{"content": "v2"}]
    run = await at.answer(run, editing(content="V2"))
    assert heard(model, 2)[-1] == "V2"
    said = heard(model, 3)[1:]
    assert said == ["go", "v1", "shorter", "V2", "printed"]
    run = await at.answer(run, lambda request: request.accept(by="ann"))
    done(run, "v3")
    once(model, calls=4)
