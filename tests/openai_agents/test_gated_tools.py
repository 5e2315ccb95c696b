"""Neutral agents: every call of a tool goes to the policy and to people, and the store decides (P01-P08, P30, P31)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hitl_core.protocol import Json, RunState

from .desk import READS, Desk, answering, approve, choosing, editing, recorded, reject
from .specs import LOOK_UP, REFUND, calls, desk_spec, says

END = says("done: {{tool_result}}")


@pytest.mark.parametrize(
    ("say", "effects", "told"),
    [
        (approve, [12], "paid 12.0 for A"),
        (editing(amount=7.5), [7.5], "A person changed this call"),
        (reject, [], "too risky"),
        (answering("paid by hand"), [], "paid by hand"),
    ],
    ids=["approve", "edit", "reject", "respond"],
)
async def test_a_call_is_decided(desk: Callable[..., Desk], say: Any, effects: list[float], told: str) -> None:
    at = desk(desk_spec, calls(REFUND), END)
    run = await at.start({"order": "A"})
    (request,) = run.pending
    assert (run.state, request.kind, request.action.tool, at.effects) == (RunState.PAUSED, "approval", "refund", [])
    assert (request.action.origin.agent, request.action.origin.path) == ("desk", ("desk",))
    run = await at.answer(run, say)
    assert (run.state, at.asked) == (RunState.COMPLETED, (2, 0)), run.error
    assert [each["amount"] for each in recorded()] == effects
    assert told in at.heard()[0]
    assert run.output == {"answer": f"done: {at.heard()[0]}"}


async def test_an_edit_keeps_its_types_and_the_model_reads_the_note_and_the_result(desk: Callable[..., Desk]) -> None:
    at = desk(desk_spec, calls(REFUND), END)
    run = await at.start()
    with pytest.raises(ValueError, match=r"arguments\.amount"):
        await at.say(editing(amount="seven")(run.pending[0]))
    await at.answer(run, editing(amount=7.5))
    assert at.heard()[0].endswith("paid 7.5 for A")


async def test_an_autonomous_call_runs_without_a_pause(desk: Callable[..., Desk]) -> None:
    at = desk(desk_spec, calls(LOOK_UP), END, policy=READS)
    run = await at.start()
    assert (run.output, at.effects, at.asked) == ({"answer": "done: A cost 12"}, ["look_up"], (2, 0))


@pytest.mark.parametrize(
    ("call", "kind", "say", "told"),
    [
        (("ask_lead", {"question": "Why?"}), "input", answering("because"), "because"),
        (("choose_carrier", {"question": "Who?"}), "choice", choosing("courier"), "courier"),
        (("show_draft", {"content": "Dear A"}), "review", lambda r: r.accept(by="ann"), '"outcome": "accepted"'),
        (("show_draft", {"content": "Dear A"}), "review", lambda r: r.revise("shorter", by="ann"), "shorter"),
        (("show_draft", {"content": "Dear A"}), "review", editing(content="Dear B"), "Dear B"),
    ],
    ids=["question", "choice", "accept", "revise", "edit"],
)
async def test_people_are_asked(desk: Callable[..., Desk], call: Any, kind: str, say: Any, told: str) -> None:
    at = desk(desk_spec, calls(call), END)
    run = await at.start()
    assert [each.kind for each in run.pending] == [kind]
    run = await at.answer(run, say)
    assert (run.state, at.asked) == (RunState.COMPLETED, (2, 0)), run.error
    assert told in at.heard()[0]


async def test_parallel_calls_wait_together_while_the_free_one_runs(desk: Callable[..., Desk]) -> None:
    other = ("refund", {"order": "B", "amount": 3.0})
    at = desk(desk_spec, calls(REFUND, LOOK_UP, other, ("ask_lead", {"question": "?"})), END, policy=READS)
    run = await at.start()
    assert ([each.action.tool for each in run.pending], at.effects) == (["refund", "refund", "ask_lead"], ["look_up"])
    first, second, asked = run.pending
    await at.say(answering("yes")(asked), reject(second))
    run = await at.resume(run)
    assert [each.id for each in run.pending] == [first.id]
    await at.say(approve(first))
    run = await at.resume(run)
    assert (run.state, at.asked) == (RunState.COMPLETED, (2, 0)), run.error
    assert [(each["effect"], each["order"]) for each in recorded()] == [("look_up", "A"), ("refund", "A")]


async def test_two_equal_calls_have_two_places(desk: Callable[..., Desk]) -> None:
    at = desk(desk_spec, calls(REFUND, REFUND), END)
    run = await at.start()
    first, second = run.pending
    assert first.call != second.call
    run = await at.answer(run, approve, reject)
    assert (run.state, len(recorded())) == (RunState.COMPLETED, 1)
    assert ["paid" in text for text in at.heard()] == [True, False]


async def test_a_tool_that_raises_is_told_to_the_model_and_not_tried_again(desk: Callable[..., Desk]) -> None:
    at = desk(desk_spec, calls(("breaks", {"order": "A"})), END)
    run = await at.answer(await at.start(), approve)
    assert (run.state, at.effects) == (RunState.COMPLETED, ["breaks"])
    assert "the bank is closed" in at.heard()[0]
    async with at.open() as hitl:
        assert [each.state for each in await hitl.effects(run.id)] == ["failed"]


async def test_invalid_arguments_are_told_to_the_model_and_nobody_is_asked(desk: Callable[..., Desk]) -> None:
    at = desk(desk_spec, calls(("refund", {"order": "A", "amount": -1}), ("refund", {"order": "A"})), END)
    run = await at.start()
    assert (run.state, at.effects) == (RunState.COMPLETED, [])
    assert all("nothing was run" in text for text in at.heard())


async def test_arguments_that_are_not_json_are_told_to_the_model(desk: Callable[..., Desk]) -> None:
    from hitl_core.testing.scripted_model import Call, Step

    at = desk(desk_spec, Step(call=(Call(name="refund", arguments="{amount:"),)), END)
    run = await at.start()
    assert (run.state, at.effects) == (RunState.COMPLETED, [])
    assert "did not run" in at.heard()[0]


async def test_structured_results_are_read_as_json(desk: Callable[..., Desk]) -> None:
    at = desk(desk_spec, calls(("tell", {"order": "A"})), END)
    await at.answer(await at.start(), approve)
    assert at.heard() == ['{"told": "A"}']


@pytest.mark.parametrize(
    ("given", "seen"),
    [("hello", "hello"), ({"order": "A", "n": 1}, "order: A, n: 1"), ({"messages": [["user", "hi"]]}, "hi"), (7, "7")],
    ids=str,
)
async def test_any_input_becomes_the_users_message(desk: Callable[..., Desk], given: Json, seen: str) -> None:
    at = desk(desk_spec, says("hello"))
    assert (await at.start(given)).output == {"answer": "hello"}
    assert at.heard("user") == [seen]
