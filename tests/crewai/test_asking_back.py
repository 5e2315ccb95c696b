"""A person asks the agent before deciding: the next request shows what the agent has answered, by effects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from crewai.llms.base_llm import BaseLLM
from openai.types.responses import Response

from hitl_adapters.crewai.mapping import before_action, words_in
from hitl_core.protocol import Run, RunState
from hitl_core.testing.scripted_model import Call, Step
from tests.people import asking, shown

from . import agents
from .desk import READS, Desk, accept, approve, calls, ended, reject, revising
from .test_native_pauses import TextOnly

Made = Callable[..., Desk]

WHICH = "Which invoice?"
SEVEN = "It is invoice 7."
REFUND: dict[str, Any] = {"order": "A", "amount": 12}
DONE = Step(say="done")


def saying(words: str, name: str = "refund", **arguments: Any) -> Step:
    return Step(say=words, call=(Call(name=name, arguments=arguments or REFUND),))


def streaming(url: str) -> Any:
    return agents.crew(agents.LookUp, agents.Refund, llm=agents.model(url, stream=True))(url)


APPS = {
    "spec": agents.spec(agents.look_up, agents.refund),
    "crew": agents.crew(agents.LookUp, agents.Refund),
    "streaming": streaming,
}


@pytest.mark.parametrize("app", APPS.values(), ids=APPS)
@pytest.mark.parametrize(("say", "ran"), [(approve, ["looked", "refund"]), (reject, ["looked"])])
async def test_the_answer_is_shown_and_decided_on(desk: Made, app: Any, say: Any, ran: list[str]) -> None:
    steps = (saying("I pay."), saying(SEVEN, "look_up", order="A"), saying("So I pay."), DONE)
    at = desk(app, *steps, policy=READS)
    run = await at.answer(await at.start(), asking(WHICH))
    (request,) = run.pending
    assert (shown(request), request.context.message) == ([(WHICH, f"{SEVEN}\n\nSo I pay.")], "So I pay.")
    assert at.effects == ["looked"]
    assert any(WHICH in text for text in at.told())
    ended(await at.answer(run, say), {"answer": "done"})
    assert (at.effects, len(at.calls)) == (ran, 4)


def acts(words: str) -> Step:
    return Step(say=f'Thought: {words}\nAction: refund\nAction Input: {{"order": "A", "amount": 12}}')


async def test_a_model_that_writes_its_calls_as_text_is_heard_before_them(desk: Made) -> None:
    at = desk(TextOnly.build(agents.Refund), acts("I pay."), acts(SEVEN), acts("Sure."), DONE)
    run = await at.answer(await at.start(), asking(WHICH))
    assert shown(run.pending[0]) == [(WHICH, SEVEN)]
    run = await at.answer(run, asking("Sure?"))
    assert shown(run.pending[0]) == [(WHICH, SEVEN), ("Sure?", "Sure.")]
    ended(await at.answer(run, approve))
    assert at.effects == ["refund"]


async def test_what_it_answers_as_its_result_is_shown_with_its_next_call(desk: Made) -> None:
    """A draft that is sent back lets the agent go on: the answer was in the draft."""
    app = agents.crew(agents.Refund, task={"human_input": True})
    at = desk(app, calls(("refund", REFUND)), Step(say=SEVEN), calls(("refund", REFUND)), DONE)
    run = await at.answer(await at.start(), asking(WHICH))
    run = await at.answer(run, revising("Then pay it."))
    assert shown(run.pending[0]) == [(WHICH, SEVEN)]
    ended(await at.answer(await at.answer(run, approve), accept))
    assert at.effects == ["refund"]


async def test_while_somebody_watches_it_is_the_same(desk: Made) -> None:
    at = desk(APPS["spec"], saying("I pay."), saying(SEVEN), DONE, policy=READS)

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


class OwnModel(BaseLLM):
    """A model of the app's own, which hands CrewAI its calls and nothing else."""

    def call(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
        asked = sum(message.get("role") == "assistant" for message in messages)
        call = {"name": "refund", "arguments": '{"order": "A", "amount": 12}'}
        return [{"id": f"call_{asked}", "type": "function", "function": call}] if asked < 2 else "done"

    def supports_function_calling(self) -> bool:
        return True


async def test_what_nobody_hands_on_is_not_made_up(desk: Made) -> None:
    at = desk(agents.crew(agents.Refund, llm=OwnModel(model="own")), DONE)
    run = await at.answer(await at.start(), asking(WHICH))
    assert (shown(run.pending[0]), run.pending[0].context.message) == ([(WHICH, "")], "")
    ended(await at.answer(run, approve), {"answer": "done"})
    assert at.effects == ["refund"]


# ── where the words are in a provider's answer ───────────────────────────────────────────────────────────────

RESPONSE: dict[str, Any] = {
    "id": "r",
    "created_at": 0,
    "model": "m",
    "object": "response",
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "output": [
        {"id": "i", "type": "reasoning", "summary": []},
        {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": SEVEN, "annotations": []}],
        },
        {"type": "function_call", "call_id": "c", "name": "refund", "arguments": "{}"},
    ],
}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Response.model_validate(RESPONSE), SEVEN),
        ({"choices": [{"message": {"content": SEVEN, "tool_calls": []}}]}, SEVEN),
        ({"choices": [{"message": {"content": None}}]}, ""),
        ({"choices": [{"delta": {"content": SEVEN}}]}, ""),
        ({"choices": []}, ""),
        ({"content": [{"type": "thinking"}, {"type": "text", "text": SEVEN}, {"type": "tool_use"}]}, SEVEN),
        ({"candidates": [{"content": {"parts": [{"text": "hm", "thought": True}, {"text": SEVEN}]}}]}, SEVEN),
        ({"output": {"message": {"content": [{"text": SEVEN}, {"toolUse": {}}]}}}, SEVEN),
        ({"unknown": SEVEN}, ""),
        (None, ""),
    ],
)
def test_where_the_words_are(answer: Any, words: str) -> None:
    assert words_in(answer) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"Thought: {SEVEN}\nAction: refund\nAction Input: {{}}", SEVEN),
        (f"{SEVEN}\n\nAction 1: refund", SEVEN),
        ("Action: refund", ""),
        ("A last word. Action: none", "A last word. Action: none"),
    ],
)
def test_what_is_said_before_a_call_that_is_text(text: str, words: str) -> None:
    assert before_action(text) == words
