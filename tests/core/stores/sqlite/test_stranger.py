"""Which texts name a person, and what stands there instead."""

from __future__ import annotations

import json

import pytest

from hitl_core.protocol import (
    ActingFor,
    Action,
    Approvers,
    Asked,
    Because,
    DraftVersion,
    Escalation,
    Guidance,
    Kind,
    Level,
    PauseRequest,
    Reply,
    Responder,
    Response,
    Role,
    Said,
    Stage,
    decision_of,
)
from hitl_core.stores.sql.tables import Stranger
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


def test_what_others_say_has_the_pseudonym_in_it_wherever_it_is() -> None:
    answer = decision_of({"type": "answer", "value": {"who": ["ann", 5]}})
    said = response(Responder(id="bob")).model_copy(update={"decision": answer})
    changed = ANN.response(said)
    assert changed.decision.model_dump() == {"type": "answer", "value": {"who": ["erased-person-1", 5]}}
    assert changed.responder == said.responder


def test_who_has_asked_the_agent_and_who_could_decide() -> None:
    asked = (
        Asked(request_id="q-0", by="ann", question="WORDS", answer="the agent's own"),
        Asked(request_id="q-0", by="bob", question="what does ann say?"),
    )
    staged = Approvers(stages=(Stage(users=("ann", "bob")), Stage(roles=("lead",))))
    request = PauseRequest(
        id="q-1",
        run_id="r",
        call="refund#1",
        kind=Kind.APPROVAL,
        level=Level.CONFIRM,
        title="Refund, as ann says",
        action=Action(tool="refund", arguments={"to": "ann"}),
        digest="d",
        allowed=(Reply.APPROVE,),
        because=Because(rule="r", version="1", why="ann looks at it"),
        created_at=START,
        requested_for="ann",
        approvers=staged,
        escalation=(Escalation(after_seconds=5, users=("ann", "joann")),),
        asked=asked,
    )
    changed = ANN.request(request)
    assert "ann" not in {changed.requested_for, *changed.approvers.stages[0].users, *changed.escalation[0].users}
    assert changed.escalation[0].users == ("erased-person-1", "joann")
    assert [(each.by, each.question, each.answer) for each in changed.asked] == [
        ("erased-person-1", "(erased)", "the agent's own"),
        ("bob", "what does erased-person-1 say?", ""),
    ]
    assert (changed.title, changed.because.why) == ("Refund, as erased-person-1 says", "erased-person-1 looks at it")
    assert (changed.digest, changed.action) == (request.digest, request.action)


def test_guidance_of_others() -> None:
    told = Guidance(id="g", run_id="r", text="ask ann", by=Responder(id="bob"), given_at=START)
    assert ANN.guidance(told).text == "ask erased-person-1"
    assert ANN.guidance(told.model_copy(update={"by": Responder(id="ann")})).text == "(erased)"


def test_what_the_agent_put_into_a_draft_is_the_runs() -> None:
    version = DraftVersion(draft="q", number=1, request_id="q", arguments={"to": "ann"}, digest="d", made_at=START)
    assert ANN.draft(version) == version
    dee = version.model_copy(update={"by": Responder(id="dee"), "note": "as ann said"})
    assert (ANN.draft(dee).note, ANN.draft(dee).arguments) == ("as erased-person-1 said", {"to": "ann"})


def test_what_was_said_in_a_thread() -> None:
    message = Said(id="m", run_id="r", role=Role.USER, text="pay ann", by="ann", at=START)
    own, others, agents = (ANN.said(message.model_copy(update={"by": by})) for by in ("ann", "bob", None))
    assert (own.text, own.by) == ("(erased)", "erased-person-1")
    assert (others.text, others.by) == ("pay erased-person-1", "bob")
    assert (agents.text, agents.by) == ("pay erased-person-1", None)
