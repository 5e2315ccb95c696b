"""A person asks the agent before deciding: the next request shows what the agent has answered, by effects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent, CodeExecutorAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_agentchat.tools import AgentTool

from hitl_core.protocol import Run, RunState
from hitl_core.testing.scripted_model import Call, Script, ScriptedModel, Step
from tests.people import asking, shown

from .desk import ALL_GO, Desk, approve, recorded, reject
from .teams import assistant, cast_of, client
from .test_code import Shell
from .test_own_agents import SAFE, bench, holding
from .test_spec_agent import look_up as neutral_look_up
from .test_spec_agent import refund as neutral_refund
from .test_spec_agent import spec
from .test_teams import refund, tool_call

Made = Callable[..., Desk]
Plays = Callable[[Script], ScriptedModel]

WHICH = "Which invoice?"
SEVEN = "It is invoice 7."


def saying(words: str, name: str = "refund", **arguments: Any) -> Step:
    return Step(say=words, call=(Call(name=name, arguments=arguments or {"order": "A", "amount": 12}),))


async def watched(at: Desk, run: Run | None) -> Run:
    async with at.open() as hitl:
        stream = hitl.stream("go") if run is None else hitl.stream_resume(run.id)
        return await hitl.run([event async for event in stream][-1].run_id)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("say", "ran"), [(approve, ["looked", "refund"]), (reject, ["looked"])])
async def test_the_answer_is_shown_and_decided_on(
    desk: Made, plays: Plays, streamed: bool, say: Any, ran: list[str]
) -> None:
    steps = (saying("I pay."), saying(SEVEN, "look_up", order="A"), saying("So I pay."), Step(say="done"))
    model = plays(Script.of(*steps))
    at = desk(spec(model, neutral_look_up, neutral_refund))
    run = await watched(at, None) if streamed else await at.start()
    await at.say(asking(WHICH)(run.pending[0]))
    run = await watched(at, run) if streamed else await at.resume(run)
    (request,) = run.pending
    assert (shown(request), request.context.message) == ([(WHICH, f"{SEVEN}\n\nSo I pay.")], "So I pay.")
    assert at.effects == ["looked"]
    run = await at.answer(run, say)
    assert (run.state, at.effects, len(model.calls)) == (RunState.COMPLETED, ran, 4)


async def test_an_answer_of_a_turn_before_belongs_to_it(desk: Made, plays: Plays) -> None:
    """AutoGen's own agents end their turn after a call; what they say in the next one is in a turn that has ended."""
    model = plays(cast_of(clerk=[saying("I pay."), SEVEN, saying("So I pay."), "done"], other=["hm", "hm", "hm"]))

    def build() -> RoundRobinGroupChat:
        members: list[Any] = [assistant(model, "clerk", tools=[refund]), assistant(model, "other")]
        return RoundRobinGroupChat(members, max_turns=6)

    at = desk(build)
    run = await at.answer(await at.start("go"), asking(WHICH))
    assert shown(run.pending[0]) == [(WHICH, f"{SEVEN}\n\nSo I pay.")]
    run = await at.answer(run, approve)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["refund"])


async def test_an_agent_in_a_tool_goes_on_where_it_was_asked(desk: Made, plays: Plays) -> None:
    """An AgentTool keeps one conversation from call to call."""
    again = saying("It is 8.", "clerk", task="say which")
    boss: list[Step | str] = [saying("Pay A.", "clerk", task="pay A"), again, "all done"]
    model = plays(cast_of(boss=boss, clerk=[saying("I pay."), saying(SEVEN), "paid"]))

    def build() -> AssistantAgent:
        return assistant(
            model, "boss", tools=[AgentTool(assistant(model, "clerk", tools=[refund]))], max_tool_iterations=5
        )

    at = desk(build)
    run = await at.answer(await at.start("go"), asking(WHICH))
    (request,) = run.pending
    assert (request.action.origin.agent, shown(request)) == ("clerk", [(WHICH, SEVEN)])
    run = await at.answer(run, reject)
    assert (run.state, at.effects) == (RunState.COMPLETED, [])


CODE = "```python\nprint({})\n```"


@pytest.mark.filterwarnings("ignore:No approval function")
async def test_code_is_asked_about_and_its_author_answers(desk: Made, plays: Plays) -> None:
    """A CodeExecutorAgent with a model writes its code into what it says, and says more when it has run, or has not."""
    model = plays(cast_of(coder=[CODE.format(1), SEVEN, f"So I print.\n{CODE.format(2)}", "It printed 2."]))

    def build() -> RoundRobinGroupChat:
        coder = CodeExecutorAgent("coder", Shell(), model_client=client(model, "coder"), approval_func=None)
        return RoundRobinGroupChat([coder], max_turns=2)

    at = desk(build)
    run = await at.answer(await at.start("go"), asking(WHICH))
    (request,) = run.pending
    assert shown(request) == [(WHICH, f"{SEVEN}\n\nSo I print.\n{CODE.format(2)}")]
    await at.answer(run, approve)
    assert [each["code"] for each in recorded()] == ["print(2)"]


async def test_what_an_agent_of_the_apps_own_says_is_not_made_up(desk: Made) -> None:
    at = desk(holding(benches=lambda: [bench()]), options=SAFE)
    run = await at.answer(await at.start("go"), asking(WHICH))
    (request,) = run.pending
    assert (shown(request), request.context.message, at.effects) == ([(WHICH, "")], "", [])


async def test_an_agent_that_does_not_call_again_has_run_nothing(desk: Made, plays: Plays) -> None:
    model = plays(Script.of(tool_call("refund", order="A", amount=12), Step(say=SEVEN)))
    at = desk(spec(model, neutral_refund), policy=ALL_GO.replace("autonomous", "confirm"))
    run = await at.answer(await at.start(), asking(WHICH))
    assert (run.state, run.output, at.effects) == (RunState.COMPLETED, {"answer": SEVEN}, [])
