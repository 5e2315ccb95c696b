"""What travels comes back as it was: every form of an answer, and every body of a call."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hitl_core.commands import Settled
from hitl_core.errors import RequestClosed, ResponseRefused, RunNotFound
from hitl_core.people import Person
from hitl_core.policy import Explanation, Facts, Policy, explain
from hitl_core.protocol import Approve, Responder, Run
from hitl_core.runtime import Answered, Batch
from hitl_core.testing.clock import START
from hitl_core.wire import FORMS, Form, Known, Problem, forms, problem_of
from hitl_core.wire.batches import AnsweredForm
from hitl_core.wire.bodies import BODIES, Answering, AnsweringOne, Body
from tests.core import desk
from tests.core.wire.any_values import any_of

KINDS: dict[str, Any] = {"Batch": Batch, "Explanation": Explanation}
"""What is another value than its form says."""

some = settings(max_examples=5, suppress_health_check=list(HealthCheck), deadline=None)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
@some
@given(data=st.data())
def test_an_answer_comes_back_as_it_was(form: Form[Any], data: st.DataObject) -> None:
    value = data.draw(any_of(KINDS.get(form.name, form.kind)))
    written = form.write(value)
    back = form.read(written)
    assert form.write(back) == written
    assert type(back) is type(value)
    if form.name != "Batch":  # an error is never equal to another one
        assert back == value


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
@some
@given(data=st.data())
def test_a_body_comes_back_as_it_was(body: type[Body], data: st.DataObject) -> None:
    sent: Body = data.draw(any_of(body))
    assert body.model_validate_json(sent.model_dump_json(), strict=True) == sent


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_a_body_refuses_what_it_does_not_know(body: type[Body]) -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        body.model_validate_json(b'{"responder": {"id": "the boss"}}', strict=True)


def test_names_of_forms_are_unique() -> None:
    names = [each.name for each in FORMS] + [each.__name__ for each in BODIES]
    assert len(set(names)) == len(names)


def test_fields_of_a_newer_release_are_kept() -> None:
    text = json.loads(forms.RUN.write(desk.run()))
    assert forms.RUN.read(json.dumps(text | {"mood": "fine"})).model_extra == {"mood": "fine"}


def test_when_a_response_was_recorded_comes_back() -> None:
    told = Settled(desk.request(), desk.settled(desk.request()).state, recorded_at=START)
    assert forms.SETTLED.read(forms.SETTLED.write(told)).recorded_at == START


def test_what_is_in_the_store_is_told_as_it_is() -> None:
    broken = Run.model_construct(**{**desk.run().__dict__, "attempts": "many"})
    assert json.loads(forms.RUN.write(broken))["attempts"] == "many"


def test_an_explanation_of_a_policy_comes_back() -> None:
    policy = Policy.from_toml(
        '[[rules]]\nid = "small"\nwhy = "small sums"\nmatch = { tool = "refund" }\nlevel = "autonomous"\n'
        'allow_irreversible = "a test"\nwhen = { argument = "amount", below = 100 }\n'
    )
    found = explain(policy, desk.REFUND, facts=Facts(now=START))
    assert found.changes
    assert forms.EXPLANATION.read(forms.EXPLANATION.write(found)) == found


def test_an_answer_that_was_refused_in_a_batch_comes_back_with_its_error() -> None:
    given = desk.response(desk.request(), Approve())
    batch = Batch("b", (Answered(given, refused=RequestClosed("it is frozen")),))
    (back,) = forms.BATCH.read(forms.BATCH.write(batch)).answers
    assert type(back.refused) is RequestClosed
    assert back.refused.faults == RequestClosed("it is frozen").faults


def test_a_refusal_that_is_not_known_here_is_still_a_refusal() -> None:
    given = desk.response(desk.request(), Approve())
    assert AnsweredForm(response=given).answered() == Answered(given)
    told = AnsweredForm(response=given, refused=problem_of(RunNotFound("gone")))
    assert isinstance(told.answered().refused, ResponseRefused)
    newer = AnsweredForm(response=given, refused=Problem(title="Too late", status=409, code="HITL-D99"))
    assert isinstance(newer.answered().refused, ResponseRefused)


def test_who_answers_is_whoever_calls() -> None:
    given = desk.response(desk.request(), Approve(), by="the boss", idempotency_key="k", batch="b")
    caller = Responder(id="ann", channel="api", authenticated_by="token")
    assert Answering.of(given).response("request-1", caller, START) == given.model_copy(update={"responder": caller})
    assert AnsweringOne.of(given).request_id == "request-1"
    assert Answering(digest="d", decision=Approve()).response("r", caller, START).decided_at == START


def test_what_is_told_of_a_person_leaves_their_tenant_out() -> None:
    person = Person(id="ann", name="Ann", roles=("finance",), groups=("desk",), tenant="acme", delegate="ben")
    known = Known.of(person, away=True)
    assert (known.id, known.roles, known.away, known.delegate) == ("ann", ("finance", "group:desk"), True, "ben")
    assert "acme" not in known.model_dump_json()
