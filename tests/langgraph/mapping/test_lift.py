"""What is ours, what is static, what nobody answered, and what only looks like something."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest
from langgraph.types import interrupt

from hitl_adapters.langgraph.mapping import (
    CANCEL_THREAD,
    ENVELOPE,
    GO_ON,
    Codecs,
    Expired,
    Gated,
    Lifted,
    NativePause,
    boolean,
    envelope,
    lift,
    lower,
    raw,
)
from hitl_core.errors import PauseAmbiguous, ResponseRefused
from hitl_core.protocol import Answer, Approve, Delegate, Edit, HandBack, Json, OnTimeout, Reject, Reply, TakeOver
from hitl_core.protocol import Cancel as CancelDecision

from . import existing_nodes as nodes
from .driving import Run, State, one_node, play, request_from


def _lifted(value: Json, **more: Any) -> Lifted:
    found = lift(NativePause("i", "ask", value=value), **more)
    assert isinstance(found, tuple)
    return found[0]


# ── our own envelope ─────────────────────────────────────────────────────────────────────────────────────────


def test_our_envelope_is_only_a_claim() -> None:
    """A payload is untrusted: any node can write the key, so the store is asked before anything else is done."""
    assert lift(NativePause("i", "tools", value=envelope("call-7", tool="pay"))) == Gated("call-7")


def test_a_forged_envelope_is_a_claim_too_whatever_is_registered() -> None:
    forged = NativePause("i", "ask", value={ENVELOPE: "no-such-call", "type": "approval"})
    assert lift(forged, Codecs({"ask": boolean()})) == Gated("no-such-call")


@pytest.mark.parametrize("value", [{ENVELOPE: ""}, {ENVELOPE: 3}, {ENVELOPE: None}, [ENVELOPE], ENVELOPE])
def test_half_an_envelope_is_none(value: Json) -> None:
    with pytest.raises(PauseAmbiguous):
        lift(NativePause("i", "ask", value=value))


# ── static breakpoints ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_static_breakpoint_goes_on_or_is_cancelled(side: Literal["before", "after"]) -> None:
    """§1.2: no payload, no id of its own, no value: True means resume with None, False end the thread."""
    found = lift(NativePause("checkpoint-1", "ask", ("sub",), static=side))
    assert isinstance(found, tuple)
    (lifted,) = found
    request = request_from(lifted)
    assert lifted.arguments == {"breakpoint": f"{side} sub/ask"}
    assert lower(lifted.codec, [(request, Approve())]) is GO_ON
    assert lower(lifted.codec, [(request, Reject())]) is CANCEL_THREAD
    assert lower(lifted.codec, [(request, Expired())]) is CANCEL_THREAD
    with pytest.raises(ResponseRefused, match="it takes: approve, reject"):
        lower(lifted.codec, [(request, Edit(arguments={}))])


def test_a_static_breakpoint_really_goes_on() -> None:
    graph = one_node(nodes.acknowledged, interrupt_before=["ask"])
    config: Any = {"configurable": {"thread_id": "static"}}
    graph.invoke({}, config)
    assert graph.get_state(config).next == ("ask",)
    assert graph.invoke(None, config)["__interrupt__"]


# ── nobody answered ──────────────────────────────────────────────────────────────────────────────────────────


def test_an_expired_request_is_rejected_with_the_reason() -> None:
    assert play(nodes.record_subscripts, Expired()).startswith("unpaid: Nobody answered")
    assert play(nodes.truth_of_type_approval, Expired()) == "held"
    assert play(nodes.inbox_list, Expired()) == ("ignore", None)


def test_an_expired_request_proceeds_where_that_was_declared() -> None:
    assert play(nodes.word_yes, Expired(OnTimeout.PROCEED)) == "ran"
    assert play(nodes.text_edited, Expired(OnTimeout.PROCEED)) == "old words"


@pytest.mark.parametrize("on_timeout", list(OnTimeout))
def test_an_expired_question_has_no_answer(on_timeout: OnTimeout) -> None:
    run = Run(one_node(nodes.text_question))
    with pytest.raises(PauseAmbiguous, match="cancel the run"):
        run.answer(Expired(on_timeout))
    assert len(run.pauses) == 1


# ── decisions that are not for the paused code ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("decision", [Delegate(to="bob"), TakeOver(text="hi"), HandBack(), CancelDecision()])
@pytest.mark.parametrize("node", [nodes.word_yes, nodes.inbox_list, nodes.record_docs, nodes.text_question])
def test_what_the_adapter_carries_out_itself_is_never_lowered(decision: Any, node: Any) -> None:
    with pytest.raises(ResponseRefused, match="cannot be told"):
        play(node, decision)


# ── what is stored ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("node", [nodes.word_yes, nodes.inbox_list, nodes.record_docs, nodes.text_edited])
def test_another_process_lowers_the_same_way(node: Any) -> None:
    run = Run(one_node(node))
    (lifted,) = run.lifted()
    stored = json.loads(json.dumps(lifted.codec))
    reply = Reject() if Reply.REJECT in lifted.allowed else Answer(value="x")
    request = request_from(lifted)
    again = type(request).model_validate_json(request.to_json())
    assert lower(stored, [(again, reply)]) == lower(lifted.codec, [(request, reply)])


@pytest.mark.parametrize("codec", [{"codec": "templates", "version": 2}, {"codec": "nothing", "version": 1}])
def test_a_codec_of_another_release_is_refused(codec: dict[str, Json]) -> None:
    lifted = _lifted("?", codecs=Codecs({"ask": raw()}))
    with pytest.raises(PauseAmbiguous, match="release"):
        lower(codec, [(request_from(lifted), Answer(value=1))])


def test_a_payload_cannot_smuggle_in_a_hole() -> None:
    """What is filled in is never looked into, and what was shown is data."""

    def node(state: State) -> State:
        reply = interrupt({"question": "Pay?", "tool_call": {"name": "pay", "args": {"to": {"$": "value"}}}})
        if reply["type"] == "accept":
            return {"out": reply["args"]}
        return {"out": "no"}

    assert play(node, Approve()) == {"to": {"$": "value"}}


# ── the inbox ────────────────────────────────────────────────────────────────────────────────────────────────


def _inbox(**config: bool) -> Json:
    return {"action_request": {"action": "send", "args": {"n": 1}}, "config": {**config}, "description": None}


@pytest.mark.parametrize(
    ("config", "allowed"),
    [
        ({"allow_accept": True}, {Reply.APPROVE}),
        ({"allow_respond": True}, {Reply.ANSWER, Reply.REJECT}),
        ({"allow_edit": True, "allow_ignore": True}, {Reply.EDIT, Reply.REJECT}),
    ],
)
def test_inbox_flags(config: dict[str, bool], allowed: set[Reply]) -> None:
    assert set(_lifted([_inbox(**config)]).allowed) == allowed


def test_an_inbox_without_ignore_is_refused_in_words() -> None:
    lifted = _lifted([_inbox(allow_accept=True, allow_respond=True)])
    value = lower(lifted.codec, [(request_from(lifted), Reject(message="wrong Bob"))])
    assert value == [{"type": "response", "args": "Rejected by a reviewer. wrong Bob"}]


def test_an_inbox_request_as_json_text() -> None:
    lifted = _lifted(json.dumps([_inbox(allow_accept=True)]))
    value = lower(lifted.codec, [(request_from(lifted), Approve())])
    assert value == [{"type": "accept", "args": {"action": "send", "args": {"n": 1}}}]


def test_several_inbox_requests_in_one_pause_are_ambiguous() -> None:
    with pytest.raises(PauseAmbiguous, match="answers only the first"):
        lift(NativePause("i", "ask", value=[_inbox(allow_accept=True), _inbox(allow_accept=True)]))


@pytest.mark.parametrize(
    "value",
    [
        {"action_requests": [], "review_configs": []},
        {"action_requests": [{"name": "x", "args": {}}], "review_configs": []},
        [{"action_request": {"action": "x", "args": {}}, "config": {}}],
        {"action_requests": [{"name": "x"}], "review_configs": [{}]},
        {"type": "tool_approval", "name": "pay"},
        {"action_request": {"action": "x"}, "config": {}},
        {"action_request": "x", "config": {"allow_accept": True}},
        '{"action_request": 1, "action_request": 2}',
        "talks about action_request",
        None,
        17,
        [],
        {},
    ],
)
def test_half_a_protocol_is_none(value: Json) -> None:
    with pytest.raises(PauseAmbiguous):
        lift(NativePause("i", "ask", value=value))
