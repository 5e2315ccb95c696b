"""How a request looks, and the question about an effect in doubt. Pure."""

from __future__ import annotations

from typing import Any, cast

import pytest

from hitl_core.commands import Effect, Settled
from hitl_core.contracts import Store
from hitl_core.gate import ABORT, HAPPENED, NOT_HAPPENED, OFFERED, Form, Surroundings
from hitl_core.gate.doubt import RULING, doubt_form, is_about, resolve
from hitl_core.gate.forms import DEFAULT_FORM, compose, offered, preview
from hitl_core.lifecycle import ActionEvent, ActionState, RequestState
from hitl_core.policy import Policy
from hitl_core.protocol import (
    Approvers,
    EffectMode,
    Kind,
    Level,
    OnTimeout,
    PauseRequest,
    Preview,
    Proceed,
    Refuse,
    Reply,
    Ruling,
    Substitute,
)
from hitl_core.testing.clock import START, ManualClock
from hitl_core.tools import Catalogue, Tool, Traits
from tests.core import desk

UNKNOWN = Traits()


def ruling(**fields: Any) -> Ruling:
    return Ruling(rule="r", version="7", why="because", **fields)


def composed(ruled: Ruling, *, form: Form = DEFAULT_FORM, traits: Traits = UNKNOWN, **fields: Any) -> PauseRequest:
    around = Surroundings(
        store=cast("Store", None),
        policy=lambda: Policy(),
        clock=ManualClock(),
        catalogue=Catalogue([Tool("refund", "Pay.", traits=traits)]),
    )
    run = desk.run(started_by="cleo")
    return compose(around, run, desk.REFUND, call="refund#1", round=0, form=form, ruling=ruled)


# ── composing ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_request_binds_the_digest_of_its_action() -> None:
    request = composed(ruling(approvers=Approvers(roles=("lead",))))
    assert (request.run_id, request.call, request.digest) == ("run-1", "refund#1", desk.REFUND.digest)
    assert (request.because.rule, request.because.version, request.because.why) == ("r", "7", "because")
    assert (request.approvers.roles, request.requested_for, request.created_at) == (("lead",), "cleo", START)
    assert (request.deadline, request.on_timeout, request.veto) == (None, OnTimeout.REFUSE, False)


@pytest.mark.parametrize(
    ("form", "traits", "title"),
    [
        (Form(title="Really?"), Traits(title="Pay back"), "Really?"),
        (Form(), Traits(title="Pay back"), "Pay back"),
        (Form(), Traits(), "Refund"),
    ],
)
def test_the_title_is_the_forms_the_tools_or_its_name(form: Form, traits: Traits, title: str) -> None:
    assert composed(ruling(), form=form, traits=traits).title == title


def given(request: PauseRequest) -> str:
    """The time that people have."""
    assert request.deadline is not None
    return str(request.deadline - request.created_at)


def test_a_deadline_has_its_declared_outcome() -> None:
    request = composed(ruling(deadline_seconds=60, on_timeout=OnTimeout.CANCEL_RUN))
    assert (given(request), request.on_timeout) == ("0:01:00", OnTimeout.CANCEL_RUN)


def test_where_people_lead_silence_does_not_let_it_run() -> None:
    ruled = ruling(level=Level.HUMAN_LEADS, deadline_seconds=60, on_timeout=OnTimeout.PROCEED)
    assert composed(ruled).on_timeout is OnTimeout.REFUSE


def test_a_veto_window_proceeds_at_its_end() -> None:
    request = composed(ruling(level=Level.NOTIFY, veto_seconds=60, deadline_seconds=5))
    assert (given(request), request.on_timeout, request.veto) == ("0:01:00", OnTimeout.PROCEED, True)


TOGETHER = (
    *(Reply.ACCEPT, Reply.APPROVE, Reply.EDIT, Reply.REVISE),
    *(Reply.REJECT, Reply.ANSWER, Reply.ASK, Reply.CANCEL),
)


@pytest.mark.parametrize(
    ("form", "ruled", "replies"),
    [
        (Form(), ruling(), OFFERED[Kind.APPROVAL]),
        (Form(allowed=(Reply.REJECT,)), ruling(level=Level.HUMAN_LEADS), (Reply.REJECT,)),
        (
            Form(allowed=(Reply.APPROVE, Reply.EDIT, Reply.ACCEPT, Reply.ANSWER, Reply.CANCEL)),
            ruling(level=Level.HUMAN_LEADS),
            (Reply.ANSWER, Reply.CANCEL),
        ),
        (Form(), ruling(level=Level.HUMAN_LEADS), (Reply.REPORT, Reply.ASK, Reply.REJECT, Reply.CANCEL)),
        (Form(), ruling(level=Level.NOTIFY, veto_seconds=1), (Reply.APPROVE, Reply.REJECT, Reply.CANCEL)),
        (Form(), ruling(level=Level.COLLABORATE), TOGETHER),
        (Form(allowed=(Reply.APPROVE,)), ruling(level=Level.COLLABORATE), (Reply.APPROVE,)),
        (Form(kind=Kind.CHOICE), ruling(level=Level.HUMAN_LEADS), OFFERED[Kind.CHOICE]),
        (Form(kind=Kind.NOTICE), ruling(), ()),
    ],
    ids=[
        "approval",
        "as the form says",
        "people lead a native pause",
        "people lead",
        "veto",
        "together",
        "together, natively",
        "a choice",
        "a notice",
    ],
)
def test_what_a_request_offers(form: Form, ruled: Ruling, replies: tuple[Reply, ...]) -> None:
    assert offered(form, ruled) == replies


def test_every_kind_offers_something_or_is_a_notice() -> None:
    assert OFFERED.keys() == set(Kind)
    assert [kind for kind, replies in OFFERED.items() if not replies] == [Kind.NOTICE]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ("pays 5 EUR", Preview(effect="pays 5 EUR", reversible=False)),
        (Preview(effect="pays", reversible=True), Preview(effect="pays", reversible=True)),
        ({"effect": "pays", "cost": "5 EUR"}, Preview(effect="pays", cost="5 EUR", reversible=False)),
    ],
    ids=["text", "preview", "data"],
)
def test_a_preview_is_made_by_the_tools_own_code(made: Any, expected: Preview) -> None:
    assert preview(Traits(reversible=False, preview=lambda arguments: made), desk.REFUND) == expected


def test_without_a_preview_there_is_still_its_reversibility() -> None:
    assert preview(Traits(reversible=True), desk.REFUND) == Preview(reversible=True)


BROKEN = {"raises": lambda arguments: 1 / 0, "is none": lambda arguments: {"effect": 5}}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_preview_that_fails_says_so_instead_of_hiding_the_request(broken: Any) -> None:
    for reversible, known in ((True, None), (None, None), (False, False)):
        found = preview(Traits(reversible=reversible, preview=broken), desk.REFUND)
        assert "The preview failed" in found.warnings[0]
        assert found.reversible is known


# ── in doubt ─────────────────────────────────────────────────────────────────────────────────────────────────


def effect(**fields: Any) -> Effect:
    given: dict[str, Any] = {"attempts": 2, "fence": 1, "request_id": "request-1"}
    return Effect("refund#1", desk.REFUND, ActionState.IN_DOUBT, EffectMode.LEDGER, **(given | fields))


def asked(about: Effect) -> PauseRequest:
    return composed(RULING, form=doubt_form(about))


def answered(decision: dict[str, Any] | None, **details: Any) -> Settled:
    request = asked(effect())
    response = None if decision is None else desk.response(request, decision, **details)
    return Settled(request, RequestState.DECIDED, response)


def test_the_question_offers_three_ways_out() -> None:
    request = asked(effect())
    assert (request.kind, request.in_doubt, request.level) == (Kind.CHOICE, True, Level.CONFIRM)
    assert request.options == (HAPPENED, NOT_HAPPENED, ABORT)
    assert request.title == "Did refund happen? Its process died while it ran."


def test_the_question_is_about_one_attempt() -> None:
    assert is_about(asked(effect(attempts=2)), effect(attempts=2))
    assert not is_about(asked(effect(attempts=2)), effect(attempts=3))
    assert not is_about(desk.request(), effect())


def test_it_happened() -> None:
    found = resolve(effect(), answered({"type": "choose", "option": "happened"}, reason="see bank"), note="edited")
    assert (found.event, found.by, found.result) == (ActionEvent.CONFIRM_HAPPENED, "ann", "see bank")
    assert found.verdict == Substitute("see bank", note="edited")


def test_it_did_not_happen() -> None:
    word = answered({"type": "choose", "option": "not_happened"})
    found = resolve(effect(), word, note="edited")
    assert found.event is ActionEvent.CONFIRM_NOT_HAPPENED
    assert found.verdict == Proceed(desk.REFUND, call="refund#1", request_id=word.request.id, note="edited")


@pytest.mark.parametrize(
    "decision",
    [{"type": "choose", "option": "abort"}, {"type": "choose", "option": "maybe"}, {"type": "reject"}, None],
    ids=str,
)
def test_no_clear_word_means_that_it_does_not_run(decision: dict[str, Any] | None) -> None:
    found = resolve(effect(), answered(decision))
    assert found.event is ActionEvent.ABANDON
    assert isinstance(found.verdict, Refuse)
    assert ("nobody" if decision is None else "ann") in found.verdict.text
