"""Guidance: in every later call of an agent's model where it entered, and not in calls that no agent makes (P63)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crewai.flow.flow import Flow, listen, start

from hitl_core import Run
from hitl_core.protocol import GuidanceState, RunState
from hitl_core.testing.scripted_model import Conversation, Script, Step

from . import agents
from .desk import Desk, approve, calls

Made = Callable[..., Desk]
SAID = "Write to them in Portuguese."
END = Step(say="all done")


def refund(order: str) -> Step:
    return calls(("refund", {"order": order, "amount": 1}))


async def steer(at: Desk, run: Run) -> None:
    async with at.open() as hitl:
        await hitl.steer(run.id, SAID, by="bob")


async def states(at: Desk, run: Run) -> list[GuidanceState]:
    async with at.open() as hitl:
        return [each.state for each in await hitl.guidance(run.id)]


def places(at: Desk) -> list[list[int]]:
    """Where it stood in each call that the model got."""
    bodies: list[Any] = [call.body for call in at.calls]
    return [[n for n, each in enumerate(body["messages"]) if SAID in str(each["content"])] for body in bodies]


async def test_it_stays_where_it_entered(desk: Made) -> None:
    at = desk(agents.crew(agents.Refund), refund("A"), refund("B"), END)
    run = await at.start()
    await steer(at, run)
    run = await at.answer(run, approve)
    assert await states(at, run) == [GuidanceState.CONSUMED]
    run = await at.answer(run, approve)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["refund", "refund"]), run.error
    first, second, third = places(at)
    assert (first, len(second)) == ([], 1)
    assert third == second


async def test_a_call_that_no_agent_makes_is_not_told(desk: Made) -> None:
    def build(url: str) -> Callable[[], Any]:
        class Office(Flow[dict[str, Any]]):
            @start()
            def greets(self) -> str:
                return str(agents.model(url).call("Say hello."))

            @listen(greets)
            def pays(self) -> str:
                return agents.answer_of(agents.crew(agents.Refund)(url)())

            @listen(pays)
            def ends(self) -> str:
                return str(agents.model(url).call("Say good-bye."))

        return Office

    clerk = Conversation(name="clerk", system="You are clerk", steps=(refund("A"), END))
    at = desk(build, Script(conversations=(clerk,), steps=(Step(say="hello"),)))
    run = await at.start({})
    await steer(at, run)
    run = await at.answer(run, approve)
    assert run.state is RunState.COMPLETED, run.error
    assert [len(each) for each in places(at)] == [0, 0, 1, 0]
