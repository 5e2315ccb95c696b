"""An AgentSpec, built as AutoGen's own agent, over HTTP to a scripted model: every kind of request, every decision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import pytest
from autogen_agentchat.teams import RoundRobinGroupChat
from pydantic import Field

from hitl_adapters.autogen import as_autogen
from hitl_adapters.autogen.mapping import kept_result, recalled, said
from hitl_core import AgentSpec, ModelSpec, choice, current_call, question, review, tool
from hitl_core.protocol import Executed, Kind, RunState
from hitl_core.testing.scripted_model import Call, Script, ScriptedModel, Step, repeated_calls
from hitl_core.tools import RETURNED
from tests.desk import ALL_GO_AND_BACK

from .desk import (
    Desk,
    accepting,
    answering,
    approve,
    choosing,
    editing,
    record,
    recorded,
    reject,
    revising,
)
from .teams import assistant, cast_of

Made = Callable[..., Desk]
Plays = Callable[[Script], ScriptedModel]


@tool(reversible=True)
async def look_up(order: str) -> str:
    """Look at an order."""
    record("looked", order=order)
    return f"{order} cost 12"


@tool
def refund(order: str, amount: Annotated[float, Field(gt=0)]) -> str:
    """Pay back."""
    record("refund", order=order, amount=amount, key=current_call().key)
    return f"paid {amount} for {order}"


@tool
def breaks(order: str) -> str:
    """Raises after it has had its effect."""
    record("breaks", order=order)
    raise RuntimeError("the bank is closed")


ask_lead = question("ask_lead", "Ask the lead")
carrier = choice("carrier", "Choose who picks it up", ["post", "courier"])
show = review("show", "Show a draft")


def spec(model: ScriptedModel, *tools: Any, agents: tuple[AgentSpec, ...] = (), **more: Any) -> AgentSpec:
    return AgentSpec("desk", "You are a desk.", tools, ModelSpec("m", model.base_url), agents, **more)


def calling(name: str, **arguments: Any) -> Step:
    return Step(call=(Call(name=name, arguments=arguments),))


def together(*calls: Call) -> Step:
    return Step(call=calls)


SAYS = Step(say="done: {{tool_result}}")


async def test_an_agent_that_asks_nobody(desk: Made, plays: Plays) -> None:
    model = plays(Script.of(calling("look_up", order="A"), SAYS))
    at = desk(spec(model, look_up))
    run = await at.start({"order": "A"})
    assert (run.state, run.output) == (RunState.COMPLETED, {"answer": "done: A cost 12"})
    assert (at.effects, len(model.calls)) == (["looked"], 2)


@pytest.mark.parametrize(
    ("say", "refunds", "told"),
    [
        (approve, [12], "paid 12.0 for A"),
        (editing(amount=7.5), [7.5], "A person changed this call"),
        (reject, [], "too risky"),
        (answering("paid by hand"), [], "paid by hand"),
    ],
    ids=["approve", "edit", "reject", "respond"],
)
async def test_a_gated_call(desk: Made, plays: Plays, say: Any, refunds: list[float], told: str) -> None:
    model = plays(Script.of(calling("look_up", order="A"), calling("refund", order="A", amount=12), SAYS))
    at = desk(spec(model, look_up, refund))
    run = await at.start()
    [request] = run.pending
    assert (request.kind, request.action.tool, request.action.arguments) == (
        Kind.APPROVAL,
        "refund",
        {"order": "A", "amount": 12},
    )
    assert (request.action.origin.agent, request.action.origin.path) == ("desk", ("desk",))
    assert at.effects == ["looked"]
    run = await at.answer(run, say)
    assert (run.state, run.error) == (RunState.COMPLETED, "")
    assert [each["amount"] for each in recorded()[1:]] == refunds
    assert told in str(run.output)
    assert (len(model.calls), repeated_calls(model.calls)) == (3, ())


async def test_the_model_by_its_usual_name(desk: Made, plays: Plays) -> None:
    """AutoGen warns if a server gives back the name that it was asked for; warnings are errors here."""
    model = plays(Script.of(Step(say="hello")))
    run = await desk(AgentSpec("desk", "You are a desk.", model=ModelSpec(base_url=model.base_url))).start()
    assert (run.state, run.output) == (RunState.COMPLETED, {"answer": "hello"})


async def test_a_question_a_choice_and_a_draft_in_rounds(desk: Made, plays: Plays) -> None:
    script = Script.of(
        calling("ask_lead", question="Is that all right?"),
        calling("carrier", question="Who?"),
        calling("show", content="Dear"),
        calling("show", content="Dear Ada"),
        SAYS,
    )
    model = plays(script)
    at = desk(spec(model, ask_lead, carrier, show))
    run = await at.start()
    assert [(each.kind, each.title) for each in run.pending] == [(Kind.INPUT, "Is that all right?")]
    run = await at.answer(run, answering("yes"))
    assert [option.id for option in run.pending[0].options] == ["post", "courier"]
    run = await at.answer(run, choosing("courier"))
    assert run.pending[0].kind is Kind.REVIEW
    run = await at.answer(run, revising("name her"))
    run = await at.answer(run, accepting)
    assert (run.state, len(model.calls)) == (RunState.COMPLETED, 5)
    assert '"outcome": "accepted"' in str(run.output)


async def test_parallel_and_identical_calls(desk: Made, plays: Plays) -> None:
    pay = Call(name="refund", arguments={"order": "A", "amount": 12})
    look = Call(name="look_up", arguments={"order": "A"})
    model = plays(Script.of(together(pay, look, pay), SAYS, call_ids="repeat"))
    at = desk(spec(model, look_up, refund))
    run = await at.start()
    assert ([each.action.tool for each in run.pending], at.effects) == (["refund", "refund"], ["looked"])
    assert len({each.call for each in run.pending}) == 2
    run = await at.answer(run, reject, editing(amount=3))
    assert [each.get("amount") for each in recorded()] == [None, 3]
    assert (run.state, len(model.calls)) == (RunState.COMPLETED, 2)


async def test_an_answer_to_one_of_two_redoes_nothing(desk: Made, plays: Plays) -> None:
    calls = [Call(name="refund", arguments={"order": order, "amount": 1}) for order in "AB"]
    model = plays(Script.of(together(*calls), SAYS))
    at = desk(spec(model, refund))
    run = await at.start()
    await at.say(approve(run.pending[1]))
    run = await at.look(run)
    assert [each.action.arguments["order"] for each in run.pending] == ["A"]
    run = await at.answer(run, approve)
    assert (sorted(each["order"] for each in recorded()), len(model.calls)) == (["A", "B"], 2)


async def test_a_tool_that_raises_is_told_to_the_model_and_not_tried_again(desk: Made, plays: Plays) -> None:
    model = plays(Script.of(calling("breaks", order="A"), calling("ask_lead", question="?"), SAYS))
    at = desk(spec(model, breaks, ask_lead))
    run = await at.answer(await at.start(), approve)
    run = await at.answer(run, answering("never mind"))
    assert (run.state, at.effects, len(model.calls)) == (RunState.COMPLETED, ["breaks"], 3)
    body: Any = model.calls[1].body
    assert body["messages"][-1]["content"] == "This call was tried and failed: the bank is closed"


async def test_arguments_that_the_tool_would_not_take_ask_nobody(desk: Made, plays: Plays) -> None:
    bad: list[dict[str, Any]] = [{"order": "A"}, {"order": "A", "amount": -1}, {"order": "A", "amount": 1, "to": "me"}]
    script = Script.of(
        *(calling("refund", **each) for each in bad), Step(call=(Call(name="refund", arguments="[1]"),)), SAYS
    )
    model = plays(script)
    at = desk(spec(model, refund))
    run = await at.start()
    assert (run.state, run.pending, at.effects) == (RunState.COMPLETED, (), [])
    assert len(model.calls) == 5


def sub(model: ScriptedModel, name: str, *tools: Any) -> AgentSpec:
    return AgentSpec(name, f"You are the {name}.", tools, ModelSpec(name, model.base_url))


async def test_sub_agents_pause_with_their_lineage_also_two_at_once(desk: Made, plays: Plays) -> None:
    from hitl_core.testing.scripted_model import Conversation

    ask = [Call(name="clerk", arguments={"task": f"refund {each}"}) for each in "AB"]
    clerk = Conversation(name="clerk", model="clerk", steps=(calling("refund", order="{{input}}", amount=5), SAYS))
    model = plays(Script(conversations=(clerk,), steps=(together(*ask), SAYS)))
    at = desk(spec(model, agents=(sub(model, "clerk", refund),)))
    run = await at.start()
    assert [each.action.origin.path for each in run.pending] == [("desk", "clerk")] * 2
    assert {each.action.arguments["order"] for each in run.pending} == {"refund A", "refund B"}
    run = await at.answer(run, approve, reject)
    assert (run.state, len(recorded()), len(model.calls)) == (RunState.COMPLETED, 1, 6)
    assert repeated_calls(model.calls) == ()


async def unpay(receipt: dict[str, Any]) -> str:
    record("unpay", **receipt)
    return "taken back"


async def note_back(receipt: str) -> str:
    record("unpay", text=receipt)
    return "taken back"


@tool(undo=unpay)
async def reserve(order: str) -> dict[str, Any]:
    """Reserve a room."""
    return {"order": order, "room": 7}


async def native(order: str) -> str:
    """Pay back."""
    return f"paid for {order}"


@pytest.mark.parametrize(
    ("tool", "undo", "receipt"),
    [(as_autogen(reserve), {}, {"order": "A", "room": 7}), (native, {"native": note_back}, {"text": "paid for A"})],
    ids=["neutral", "native"],
)
async def test_the_undo_of_a_tool_in_a_team_of_the_apps_own_is_given_what_it_returned(
    desk: Made, plays: Plays, tool: Any, undo: Any, receipt: Any
) -> None:
    name = getattr(tool, "name", "native")
    model = plays(cast_of(clerk=[Step(call=(Call(name=name, arguments={"order": "A"}),)), "done"]))

    def build() -> RoundRobinGroupChat:
        return RoundRobinGroupChat([assistant(model, "clerk", tools=[tool], reflect_on_tool_use=True)], max_turns=1)

    at = desk(build, policy=ALL_GO_AND_BACK, undo=undo)
    run = await at.start("go")
    assert run.state is RunState.COMPLETED, run.error
    async with at.open() as hitl:
        undoing = await hitl.undo(run.id, by="ann")
    assert undoing.whole, undoing.calls
    assert recorded() == [{"effect": "unpay", **receipt}]


def test_of_a_neutral_tool_what_it_returned_is_kept_and_beside_it_what_was_made_of_that_on_the_way() -> None:
    plain, masked = said("refund", {"id": 7}), said("refund", "***")
    assert kept_result(plain, "changed", returned=[{"id": 7}]) == Executed({"id": 7})
    made = kept_result(masked, returned=[{"id": 7}])
    assert isinstance(made, Executed)
    assert isinstance(made.result, dict)
    assert made.result[RETURNED] == {"id": 7}
    assert recalled("refund", made.result).to_text() == "***"
