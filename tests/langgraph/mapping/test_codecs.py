"""Codecs that the user registers, in Python and in hitl.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from langgraph.types import interrupt

from hitl_adapters.langgraph.mapping import (
    Codec,
    Codecs,
    CustomCodec,
    NativePause,
    boolean,
    fields,
    lift,
    lower,
    raw,
    templates,
    text,
    words,
)
from hitl_core.errors import ConfigError, PauseAmbiguous, ResponseRefused
from hitl_core.protocol import Answer, Approve, Choose, Decision, Edit, Json, Kind, Reject, Reply

from ..desk import advised
from .driving import Run, State, one_node, play, request_from

NO = Reject(message="not today")


def opaque(state: State) -> State:
    reply = interrupt({"payload": [1, 2], "question": "?"})
    return {"out": repr(_external(reply))}


_external: Any = type("External", (), {"__call__": lambda self, reply: reply})()

READY: list[tuple[Codec, Decision, Json]] = [
    (boolean(), Approve(), True),
    (boolean(), NO, False),
    (words(), Approve(), "yes"),
    (words("ship it", "hold"), NO, "hold"),
    (fields(), Approve(), {"approved": True, "feedback": ""}),
    (fields("ok", "why"), NO, {"ok": False, "why": "not today"}),
    (fields("ok", None), NO, {"ok": False}),
    (
        fields(edited="args"),
        Edit(arguments={"payload": [3]}),
        {"approved": True, "feedback": "", "args": {"payload": [3]}},
    ),
    (text(), Answer(value="hello"), "hello"),
    (raw(), Answer(value={"any": [1, None]}), {"any": [1, None]}),
    (templates({"approve": {"go": 1}, "reject": ["no", {"$": "message"}]}), NO, ["no", "not today"]),
]


@pytest.mark.parametrize(("codec", "decision", "value"), READY)
def test_ready_codecs(codec: Codec, decision: Decision, value: Json) -> None:
    assert play(opaque, decision, codecs=Codecs({"ask": codec})) == repr(value)


def test_without_one_it_is_refused_and_with_the_advised_lines_it_is_answered(tmp_path: Path) -> None:
    with pytest.raises(PauseAmbiguous) as caught:
        play(opaque, Approve())
    codecs = Codecs.from_options(advised(str(caught.value), tmp_path)["codecs"])
    assert play(opaque, Approve(), codecs=codecs) == repr(True)
    assert play(opaque, NO, codecs=codecs) == repr(False)


def test_a_registered_codec_comes_before_everything_else() -> None:
    """§3.4: explicit registration > response_schema > protocol > inference."""
    pause = NativePause("i", "ask", value="?", response_schema={"type": "boolean"})
    found = lift(pause, Codecs({"ask": words()}))
    assert isinstance(found, tuple)
    assert (found[0].codec["name"], found[0].allowed) == ("words", (Reply.APPROVE, Reply.REJECT))


def test_what_a_registered_codec_sends_must_fit_the_schema_all_the_same() -> None:
    def node(state: State) -> State:
        return {"out": interrupt("?", response_schema={"type": "boolean"})}

    with pytest.raises(ResponseRefused, match="'yes' is not of type 'boolean'"):
        play(node, Approve(), codecs=Codecs({"ask": words()}))


def test_the_more_exact_registration_wins() -> None:
    codecs = Codecs({"ask": raw(), "sub/ask": text()})
    codecs.register(node="ask", payload_type="approval", codec=boolean())
    codecs.register(node="ask", payload_type="str", codec=words())
    values: list[tuple[tuple[str, ...], Json]] = [((), {"type": "approval"}), ((), "?"), ((), 3), (("sub",), 3)]
    found = [codecs.find(NativePause("i", "ask", path, value=value)) for path, value in values]
    assert [codec.name if codec else None for codec in found] == ["boolean", "words", "raw", "text"]


def test_options_of_a_payload_are_offered_by_the_text_codec() -> None:
    pause = NativePause("i", "ask", value={"question": "?", "options": ["a", "b"]})
    found = lift(pause, Codecs({"ask": text()}))
    assert isinstance(found, tuple)
    assert (found[0].kind, found[0].allowed) == (Kind.CHOICE, (Reply.CHOOSE,))


def test_a_codec_with_nothing_to_offer_here_is_ambiguous() -> None:
    only = templates({"choose": {"$": "chosen"}})
    with pytest.raises(PauseAmbiguous, match="no reply that fits"):
        lift(NativePause("i", "ask", value="?"), Codecs({"ask": only}))


@pytest.mark.parametrize(
    ("reply", "template", "said"),
    [
        ("approve", {"$": "value"}, "nothing fills the hole 'value' there; 'approve' fills arguments, argument"),
        ("reject", ["no", {"because": {"$": "chosen"}}], "'reject' fills arguments, argument, message"),
        ("edit", {"$": "argument"}, "needs the name of one"),
        ("answer", {"$": ["value"]}, "is not a hole"),
    ],
)
def test_a_hole_that_nothing_fills_is_refused_before_anybody_is_asked(reply: str, template: Json, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Codecs.from_options({"ask": {reply: template}})


def test_an_answer_that_leaves_out_what_the_code_takes_is_refused_by_name() -> None:
    codec = templates({"approve": True, "edit": {"$": "argument", "name": "payload"}})
    assert play(opaque, Edit(arguments={"payload": [3]}), codecs=Codecs({"ask": codec})) == repr([3])
    other = templates({"approve": {"$": "argument", "name": "amount"}})
    with pytest.raises(ResponseRefused, match=r"decision\.arguments\.amount: is missing"):
        play(opaque, Approve(), codecs=Codecs({"ask": other}))


# ── two functions ────────────────────────────────────────────────────────────────────────────────────────────


def _lower(decision: Decision, payload: Json) -> Json:
    if isinstance(decision, Reject):
        raise KeyError("no way to say no")
    assert isinstance(payload, dict)
    return {"seen": payload["payload"], "by": decision.type}


CUSTOM = CustomCodec("mine", _lower, show=lambda payload: {"shown": True}, version=2)


def test_two_functions() -> None:
    codecs = Codecs({"ask": CUSTOM})
    assert play(opaque, Approve(), codecs=codecs) == repr({"seen": [1, 2], "by": "approve"})
    (lifted,) = Run(one_node(opaque), codecs=codecs).lifted()
    assert lifted.arguments == {"shown": True}
    assert (lifted.codec["name"], lifted.codec["version"]) == ("mine", 2)


def test_a_failing_function_refuses_before_anything_is_resumed() -> None:
    run = Run(one_node(opaque), codecs=Codecs({"ask": CUSTOM}))
    with pytest.raises(PauseAmbiguous, match="'mine' failed: KeyError"):
        run.answer(NO)
    with pytest.raises(ResponseRefused, match="'answer' cannot be told"):
        run.answer(Answer(value=1))
    assert len(run.pauses) == 1


def test_another_process_must_know_it_too() -> None:
    run = Run(one_node(opaque), codecs=Codecs({"ask": CUSTOM}))
    stale = CustomCodec("mine", _lower, version=3)
    (lifted,) = run.lifted()
    with pytest.raises(PauseAmbiguous, match="'mine' version 2 is not registered"):
        lower(lifted.codec, [(request_from(lifted), Approve())], codecs=Codecs({"ask": stale}))


# ── hitl.toml ────────────────────────────────────────────────────────────────────────────────────────────────

TOML = """
review = "boolean"
"sub/ask" = { approve = "yes", reject = "no" }
publish = { use = "fields", approved = "ok", reason = "why" }
nested = { approve = { go = true }, reject = { go = false, note = { "$" = "message" } } }
own = "tests.langgraph.mapping.test_codecs:CUSTOM"
made = "tests.langgraph.mapping.test_codecs:make"
"""


def make() -> Codec:
    return words("da", "nyet")


def test_from_hitl_toml() -> None:
    codecs = Codecs.from_options(tomllib.loads(TOML))
    assert codecs.places() == {"review", "sub/ask", "publish", "nested", "own", "made"}
    made: Any = {p: codecs.find(NativePause("i", p.split("/")[-1], tuple(p.split("/")[:-1]))) for p in codecs.places()}
    assert made["review"].replies == boolean().replies
    assert made["sub/ask"].replies == {Reply.APPROVE: "yes", Reply.REJECT: "no"}
    assert made["publish"].replies[Reply.APPROVE] == {"ok": True, "why": ""}
    assert made["nested"].replies[Reply.REJECT] == {"go": False, "note": {"$": "message"}}
    assert made["own"].name == "mine"
    assert made["made"].replies[Reply.REJECT] == "nyet"


def test_every_fault_of_hitl_toml_at_once() -> None:
    table: dict[str, Json] = {
        "a": "bool",
        "b": 3,
        "c": {"approve": {"$": "wish"}, "agree": 1},
        "d": {"use": "words", "maybe": "m"},
        "e": "no_such_module:x",
        "f": "tests.langgraph.mapping.test_codecs:TOML",
        "g": {},
    }
    with pytest.raises(ConfigError) as caught:
        Codecs.from_options(table)
    paths = [fault.path for fault in caught.value.faults]
    assert [path.removeprefix("backend.options.codecs.") for path in paths] == ["a", "b", "c", "c", "d", "e", "f", "g"]
    assert "boolean, words, fields, text, raw" in str(caught.value)


def test_chosen_values_are_sent_exactly_as_listed() -> None:
    def node(state: State) -> State:
        return {"out": _external(interrupt({"question": "?", "options": [1, 2.5, "x"]}))}

    assert play(node, Choose(option="2.5"), codecs=Codecs({"ask": text()})) == 2.5
