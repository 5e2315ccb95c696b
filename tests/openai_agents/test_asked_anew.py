"""A failed run whose people are asked anew: the answers that it was given count no more, what was begun stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hitl_core import AgentSpec, ModelSpec, Run
from hitl_core.protocol import PauseRequest, Response, RunState
from hitl_core.testing.scripted_model import Refuse, Step

from .desk import READS, Desk, answering, approve, reject
from .native import unchanged
from .specs import LOOK_UP, REFUND, calls, desk_spec, refund, says

Made = Callable[..., Desk]
WHOLE = ("refund", {"order": "A", "amount": 12.0, "note": ""})
ASK = ("ask_lead", {"question": "Shall we?"})


def breaks_once(say: str = "done: {{tool_result}}") -> Step:
    """The model refuses each conversation once."""
    return Step(say=say, fault=Refuse(status=400, times=1))


async def answered_anew(at: Desk, run: Run, said: Callable[[PauseRequest], Response]) -> Run:
    """Answer once more, with which the model breaks as before, and try again without asking."""
    run = await at.answer(run, said)
    assert run.state is RunState.FAILED
    return await at.resume(run)


async def test_an_answer_is_dropped_and_so_is_what_the_model_made_of_it(desk: Made) -> None:
    at = desk(desk_spec, calls(ASK), calls(LOOK_UP), breaks_once("all done"), policy=READS)
    run = await at.answer(await at.start(), answering("the first answer"))
    assert (run.state, at.effects) == (RunState.FAILED, ["look_up"])
    run = await at.resume(run, ask_again=True)
    assert [(each.action.tool, each.round) for each in run.pending] == [("ask_lead", 1)], run.error
    assert at.asked[0] == 3, "the model is not asked while people are"
    run = await answered_anew(at, run, answering("the second answer"))
    assert (run.state, run.output) == (RunState.COMPLETED, {"answer": "all done"}), run.error
    assert ["the second answer" in text for text in at.heard()] == [True, False]
    assert "the first answer" not in str(at.last)


async def test_without_it_the_answer_stands(desk: Made) -> None:
    at = desk(desk_spec, calls(ASK), breaks_once())
    run = await at.answer(await at.start(), answering("the answer"))
    run = await at.resume(run)
    assert (run.state, run.output) == (RunState.COMPLETED, {"answer": "done: the answer"}), run.error


@pytest.mark.parametrize("app", [desk_spec, unchanged], ids=["gated", "native"])
async def test_what_has_run_is_not_asked_about_and_not_run_again(desk: Made, app: Any) -> None:
    at = desk(app, calls(WHOLE if app is unchanged else REFUND), breaks_once())
    run = await at.answer(await at.start(), approve)
    assert (run.state, at.effects) == (RunState.FAILED, ["refund"])
    run = await at.resume(run, ask_again=True)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["refund"]), run.error


@pytest.mark.parametrize("app", [desk_spec, unchanged], ids=["gated", "native"])
async def test_a_refusal_can_become_an_approval(desk: Made, app: Any) -> None:
    at = desk(app, calls(WHOLE if app is unchanged else REFUND), breaks_once())
    run = await at.answer(await at.start(), reject)
    assert (run.state, at.effects) == (RunState.FAILED, [])
    run = await at.resume(run, ask_again=True)
    assert [(each.action.tool, each.round) for each in run.pending] == [("refund", 1)], run.error
    run = await answered_anew(at, run, approve)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["refund"]), run.error
    assert "paid 12.0 for A" in at.heard()[0]


async def test_of_several_only_what_has_not_run_is_asked_anew(desk: Made) -> None:
    at = desk(desk_spec, calls(REFUND, ASK), breaks_once("all done"))
    run = await at.answer(await at.start(), approve, answering("the first answer"))
    assert (run.state, at.effects) == (RunState.FAILED, ["refund"])
    run = await at.resume(run, ask_again=True)
    assert [each.action.tool for each in run.pending] == ["ask_lead"], run.error
    run = await answered_anew(at, run, answering("the second answer"))
    assert (run.state, at.effects) == (RunState.COMPLETED, ["refund"]), run.error
    assert [text for text in at.heard() if "answer" in text] == ["the second answer"]


async def test_a_persons_words_are_asked_for_anew(desk: Made) -> None:
    def spec(url: str) -> AgentSpec:
        return AgentSpec("bot", "You are a bot.", (refund,), ModelSpec("m", url), human="Support")

    at = desk(spec, calls(("transfer_to_support", {})), breaks_once("welcome back"))
    run = await at.answer(await at.start("hello"), lambda request: request.hand_back("wrong words", by="bob"))
    assert run.state is RunState.FAILED
    run = await at.resume(run, ask_again=True)
    assert [each.kind for each in run.pending] == ["handoff"], run.error
    run = await answered_anew(at, run, lambda request: request.hand_back("right words", by="bob"))
    assert (run.state, at.heard("user")) == (RunState.COMPLETED, ["hello", "[bob] right words"]), run.error


async def test_it_can_be_done_again(desk: Made) -> None:
    at = desk(desk_spec, calls(ASK), breaks_once())
    run = await at.start()
    for number in range(3):
        assert [each.round for each in run.pending] == [number], run.error
        run = await at.answer(run, answering(f"answer {number}"))
        run = await at.resume(run, ask_again=True)
    run = await answered_anew(at, run, answering("answer 3"))
    assert (run.output, at.heard()) == ({"answer": "done: answer 3"}, ["answer 3"]), run.error


async def test_a_run_that_never_paused_simply_goes_on(desk: Made) -> None:
    at = desk(desk_spec, breaks_once("hello"), says("unused"))
    run = await at.start()
    assert run.state is RunState.FAILED
    run = await at.resume(run, ask_again=True)
    assert run.output == {"answer": "hello"}
