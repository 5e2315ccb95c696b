"""For any payload and any decision: a value, or a refusal by name. And no refusal is ever true where truth decides."""

from __future__ import annotations

from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from hitl_adapters.langgraph.mapping import (
    Codecs,
    Expired,
    Gated,
    NativePause,
    Sites,
    boolean,
    fields,
    lift,
    lower,
    words,
)
from hitl_core.errors import PauseAmbiguous, ResponseRefused
from hitl_core.protocol import Json, OnTimeout, Reject, canonical, decision_of

from . import existing_nodes as nodes
from .driving import one_node, request_from

TEXT = st.text(max_size=12)
KEYS = st.sampled_from(
    [
        *("type", "question", "message", "options", "choices", "tool", "tools", "args", "action", "tool_call", "draft"),
        *("content", "name", "action_requests", "review_configs", "action_request", "config", "description"),
        *("tool_call_id", "approved", "hitl_core/request", "$", "id"),
    ]
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | TEXT | st.sampled_from(["approval", "tool_approval", "yes"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | TEXT, inner, max_size=4),
    max_leaves=12,
)
ARGUMENTS = st.dictionaries(TEXT, JSON, max_size=3)
DECISIONS: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([{"type": t} for t in ("approve", "accept", "hand_back", "cancel")]).map(decision_of),
    TEXT.map(lambda text: decision_of({"type": "reject", "message": text})),
    TEXT.map(lambda text: decision_of({"type": "revise", "feedback": text})),
    JSON.map(lambda value: decision_of({"type": "answer", "value": value})),
    TEXT.filter(bool).map(lambda text: decision_of({"type": "choose", "option": text})),
    ARGUMENTS.map(lambda arguments: decision_of({"type": "edit", "arguments": arguments})),
    st.sampled_from([Expired(on_timeout) for on_timeout in OnTimeout]),
)
NODES = [value for name, value in vars(nodes).items() if name.split("_")[0] in ("truth", "word", "record", "text")]
SITES = {node.__name__: Sites(one_node(node)) for node in NODES}
REGISTERED = [boolean(), words(), fields()]


@given(JSON, st.lists(DECISIONS, min_size=1, max_size=3), st.sampled_from(sorted(SITES)), st.booleans())
def test_any_payload_with_any_decision(value: Json, decisions: list[Any], name: str, registered: bool) -> None:
    pause = NativePause("i", "ask", value=value)
    codecs = Codecs({"ask": REGISTERED[len(name) % 3]}) if registered else Codecs()
    try:
        found = lift(pause, codecs, SITES[name])
    except PauseAmbiguous:
        return
    if isinstance(found, Gated):
        return
    settled = [(request_from(part), decision) for part, decision in zip(found, decisions * 3, strict=False)]
    try:
        canonical(lower(found[0].codec, settled, codecs=codecs))
    except (PauseAmbiguous, ResponseRefused):
        return


def _inferred(name: str) -> Any:
    """The node's own payload, as its example shows it, lifted with what its source says."""
    sites = SITES[name]
    (place,) = sites.places
    _, site = next(iter(place.sites))
    try:
        found = lift(place.example(site), sites=sites)
    except PauseAmbiguous:
        return None
    assert isinstance(found, tuple)
    return found[0]


@given(TEXT | st.sampled_from(["yes", " YES", "approve", "ok", "True", "y"]), st.sampled_from(sorted(SITES)))
def test_no_refusal_is_a_yes(message: str, name: str) -> None:
    lifted = _inferred(name)
    assume(lifted is not None and "reject" in lifted.codec.get("replies", {}))
    yes = lifted.codec["replies"]["approve"]
    refusal = lower(lifted.codec, [(request_from(lifted), Reject(message=message))])
    assert refusal != yes
    if isinstance(yes, bool):
        assert not refusal
    if isinstance(yes, str):
        assert str(refusal).strip().casefold() not in {w.casefold() for w in lifted.codec["reserved"]} - {
            str(lifted.codec["replies"]["reject"]).casefold(),
            _default(lifted.codec["replies"]["reject"]),
        }
    if isinstance(yes, dict):
        deciding = {key for key, part in yes.items() if isinstance(part, bool)}
        assert isinstance(refusal, dict)
        assert all(refusal[key] is not yes[key] for key in deciding)


def _default(template: Json) -> str:
    return str(template.get("default")).casefold() if isinstance(template, dict) else ""
