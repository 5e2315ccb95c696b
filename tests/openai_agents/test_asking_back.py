"""A person asks the agent before deciding: the next request shows what the agent has answered, by effects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hitl_core.protocol import Run, RunState
from hitl_core.testing.scripted_model import Call, Conversation, Rule, Script, Step, When
from tests.desk import ALL_GO
from tests.people import asking, shown

from .desk import READS, Desk, approve, reject
from .native import unchanged
from .specs import REFUND, calls, desk_spec, says
from .test_sub_agents import family

Made = Callable[..., Desk]

WHICH = "Which invoice?"
SEVEN = "It is invoice 7."
NATIVE = {"order": "A", "amount": 12.0, "note": ""}


def saying(words: str, **arguments: Any) -> Step:
    return Step(say=words, call=(Call(name="refund", arguments=arguments or {"order": "A", "amount": 12.0}),))


@pytest.mark.parametrize(("app", "policy"), [(desk_spec, READS), (unchanged, READS), (unchanged, ALL_GO)])
@pytest.mark.parametrize(("say", "ran"), [(approve, ["refund"]), (reject, [])])
async def test_the_answer_is_shown_and_decided_on(desk: Made, app: Any, policy: str, say: Any, ran: list[str]) -> None:
    arguments = NATIVE if app is unchanged else {}
    at = desk(app, saying("I pay.", **arguments), saying(SEVEN, **arguments), says("done"), policy=policy)
    run = await at.answer(await at.start(), asking(WHICH))
    (request,) = run.pending
    assert (shown(request), request.context.message, at.effects) == ([(WHICH, SEVEN)], SEVEN, [])
    assert WHICH in at.heard()[0]
    run = await at.answer(run, say)
    assert (run.state, at.effects, at.asked) == (RunState.COMPLETED, ran, (3, 0)), run.error


async def test_a_model_that_uses_its_ids_again_has_its_own_answers(desk: Made) -> None:
    look_up = Step(say=SEVEN, call=(Call(name="look_up", arguments={"order": "A"}),))
    steps = (saying("I pay."), look_up, saying("Quite sure."), saying("Really."), says("done"))
    at = desk(desk_spec, Script.of(*steps, call_ids="repeat"), policy=READS)
    run = await at.answer(await at.start(), asking(WHICH))
    assert shown(run.pending[0]) == [(WHICH, f"{SEVEN}\n\nQuite sure.")]
    run = await at.answer(run, asking("Sure?"))
    assert shown(run.pending[0]) == [(WHICH, f"{SEVEN}\n\nQuite sure."), ("Sure?", "Really.")]
    assert (await at.answer(run, approve)).state is RunState.COMPLETED
    assert at.effects == ["look_up", "refund"]


async def test_streamed_it_is_the_same(desk: Made) -> None:
    at = desk(desk_spec, saying("I pay."), saying(SEVEN), says("done"), policy=READS)

    async def watched(run: Run | None) -> Run:
        async with at.open() as hitl:
            stream = hitl.stream("go") if run is None else hitl.stream_resume(run.id)
            return await hitl.run([event async for event in stream][-1].run_id)

    run = await watched(None)
    await at.say(asking(WHICH)(run.pending[0]))
    run = await watched(run)
    assert shown(run.pending[0]) == [(WHICH, SEVEN)]
    await at.say(approve(run.pending[0]))
    assert ((await watched(run)).state, at.effects) == (RunState.COMPLETED, ["refund"])


async def test_a_sub_agent_that_is_called_anew_is_shown_the_question_without_words(desk: Made) -> None:
    """It ends its work without an answer and is called again: what it says then is no answer to what it never heard."""
    anew = When(user="invoice 7", turn=0), When(user="invoice 7", turn=1)
    clerk = Conversation(
        name="clerk",
        system="a clerk",
        rules=(Rule(when=anew[0], **dict(saying("As I am told."))), Rule(when=anew[1], say="done")),
        steps=(saying("I pay."), says("They ask me which invoice.")),
    )
    boss = calls(("clerk", {"task": "pay A"})), calls(("clerk", {"task": "pay A, invoice 7"})), says("all done")
    script = Script(conversations=(clerk,), steps=boss)
    at = desk(family, script, policy=READS)
    run = await at.answer(await at.start(), asking(WHICH))
    (request,) = run.pending
    assert (shown(request), request.context.message) == ([(WHICH, "")], "As I am told.")
    assert ((await at.answer(run, approve)).state, at.effects) == (RunState.COMPLETED, ["refund"])


async def test_an_agent_that_does_not_call_again_has_run_nothing(desk: Made) -> None:
    at = desk(desk_spec, calls(REFUND), says(SEVEN), policy=READS)
    run = await at.answer(await at.start(), asking(WHICH))
    assert (run.state, run.output, at.effects) == (RunState.COMPLETED, {"answer": SEVEN}, [])
