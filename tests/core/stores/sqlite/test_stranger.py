"""Which texts name a person, and what stands there instead."""

from __future__ import annotations

import json

import pytest

from hitl_core.protocol import ActingFor, Responder, Response, decision_of
from hitl_core.stores.sqlite.tables import Stranger
from hitl_core.testing.clock import START

ANN = Stranger("ann", "erased-person-1")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("ann", "erased-person-1"),
        ("'ann' may not. Ask ann.", "'erased-person-1' may not. Ask erased-person-1."),
        ("ann's", "erased-person-1's"),
        ("@ann: see -ann-", "@erased-person-1: see -erased-person-1-"),
        ("joann, annabel, ann@example.org, x@ann, x.ann, ann-b, ann.b", None),
        ("", None),
    ],
)
def test_a_name_is_found_as_a_word_and_not_inside_another(text: str, left: str | None) -> None:
    assert ANN.words(text) == (text if left is None else left)


@pytest.mark.parametrize("id", ["a+b@example.org", "x(y", "José", "back\\1slash", '"quoted"'])
def test_an_id_may_have_any_characters(id: str) -> None:
    stranger = Stranger(id, "X")
    assert stranger.words(f"by {id}, said") == "by X, said"
    assert stranger.because(f"the run was cancelled by {id}: I,\n{id}") == "the run was cancelled by X: (erased)"
    assert stranger.may_be_in(json.dumps({"by": id}, ensure_ascii=False))


def test_marks_of_a_run_are_changed_and_else_left_byte_for_byte() -> None:
    assert ANN.marks('{"mine": "ann"}') == '{"mine": "ann"}'
    marks = {"overridden": {"by": "ann", "reason": ""}, "erased": {"by": "bob", "at": "t"}, "mine": "ann"}
    assert json.loads(ANN.marks(json.dumps(marks))) == marks | {"overridden": {"by": "erased-person-1", "reason": ""}}


def response(by: Responder, **decision: object) -> Response:
    made = decision_of({"type": "edit", "arguments": {"to": "ann"}, **decision})
    return Response(request_id="q", digest="d", decision=made, responder=by, reason="ann", decided_at=START)


def test_for_whom_somebody_stood_in_is_named_as_long_as_they_are_not_the_one() -> None:
    dee = Responder(id="dee", acting_for=ActingFor(id="ann", roles=("lead",)))
    changed = ANN.response(response(dee))
    assert changed.responder.acting_for == ActingFor(id="erased-person-1")
    assert changed.decision.model_dump() == {"type": "edit", "arguments": {"to": "ann"}}
    own = ANN.response(response(Responder(id="ann", acting_for=ActingFor(id="bob"))))
    assert own.responder == Responder(id="erased-person-1", acting_for=ActingFor(id="bob"))
    assert own.decision.model_dump() == {"type": "edit", "arguments": {}}
    assert (own.reason, changed.reason) == ("", "erased-person-1")
