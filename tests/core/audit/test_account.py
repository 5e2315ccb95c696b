"""The account of a run, and the trail as a table."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hitl_core.audit import COLUMNS, Account, account, cells
from hitl_core.commands import Effect, Settled
from hitl_core.lifecycle import ActionState, RequestState
from hitl_core.protocol import (
    Action,
    Approve,
    AuditEntry,
    Because,
    EffectMode,
    Guidance,
    Kind,
    Level,
    PauseRequest,
    Reply,
    Responder,
    Response,
    Run,
    RunState,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ACTION = Action(tool="refund", arguments={"order": "A-1", "amount": 40})
REQUEST = PauseRequest(
    id="q-1",
    run_id="r-1",
    call="refund#1",
    kind=Kind.APPROVAL,
    level=Level.CONFIRM,
    title="Pay money back",
    action=ACTION,
    digest=ACTION.digest,
    allowed=(Reply.APPROVE, Reply.EDIT),
    because=Because(rule="big-refunds", version="v7", why="more than 30 EUR"),
    created_at=NOW,
    deadline=NOW,
)


def line(body: str = "{}", actor: str = "alice") -> AuditEntry:
    return AuditEntry(seq=7, at=NOW, event="request.decided", subject="q-1", actor=actor, body=body, mac="00")


def of(*asked: Settled, effects: tuple[Effect, ...] = ()) -> Account:
    run = Run(id="r-1", state=RunState.COMPLETED, backend="plain", app="shop:agent", thread="t", created_at=NOW,
              updated_at=NOW, started_by="carol", input={"do": "pay"})  # fmt: skip
    by = Responder(id="dana", authenticated_by="oidc")
    told = Guidance(id="g", run_id="r-1", text="be kind", by=by, given_at=NOW, place="model#2")
    return account(run, asked, effects, [told], [line(actor="")])


def effect(state: ActionState, request: str | None = None) -> Effect:
    return Effect("refund#1", ACTION, state, EffectMode.LEDGER, 1, 1, request_id=request)


def test_it_says_who_what_when_why_what_was_shown_and_decided() -> None:
    answer = REQUEST.edit({"order": "A-1", "amount": 30}, by="alice", roles=("lead",), reason="half", at=NOW, batch="b")
    vote = Response.to(REQUEST, Approve(), by=Responder(id="bob", authenticated_by="oidc"), reason="due", at=NOW)
    silent = Response.to(REQUEST, Approve(), by=Responder(id="eve", authenticated_by="oidc"), at=NOW)
    told = of(
        Settled(REQUEST, RequestState.CONSUMED, answer, (vote, silent)), effects=(effect(ActionState.EXECUTED, "q-1"),)
    )
    facts = {fact.name: fact.value for fact in told.decisions[0].facts}
    assert json.loads(facts["Shown: its arguments"]) == {"order": "A-1", "amount": 40}
    assert json.loads(facts["In these words"]) == {"arguments": {"order": "A-1", "amount": 30}}
    assert facts["Why it was asked"] == "more than 30 EUR (rule big-refunds, version v7)"
    assert facts["Decided by"] == "alice, as lead, who merely stated this name, through library"
    said = "known by oidc, through library said approve at 2026-01-02 03:04:05.000000 UTC"
    assert facts["Votes before the decision"] == f"bob, {said}: due; eve, {said}"
    assert facts["Deadline"] == "2026-01-02 03:04:05.000000 UTC, then refuse"
    assert facts["Who could decide"] == "1 of anybody"
    assert facts["Reason given"] == "half"
    assert facts["Together with others"] == "yes, in one gesture named b"
    done = {fact.name: fact.value for fact in told.actions[0].facts}
    assert (done["Allowed by"], done["What happened"]) == ("request q-1", "it ran and reported success")


def test_it_says_what_it_cannot_know() -> None:
    answer = REQUEST.approve(by="alice", at=NOW)
    told = of(Settled(REQUEST, RequestState.CONSUMED, answer), effects=(effect(ActionState.IN_DOUBT),))
    assert any("Whether alice really answered" in each for each in told.unknown)
    assert any("Whether refund at refund#1 happened" in each for each in told.unknown)
    plain = of(Settled(REQUEST.model_copy(update={"deadline": None}), RequestState.EXPIRED))
    assert not any("alice" in each or "refund#1" in each for each in plain.unknown)
    assert {"Decided": "by nobody; the request is expired", "Deadline": "none"}.items() <= {
        fact.name: fact.value for fact in plain.decisions[0].facts
    }.items()


def test_an_action_that_nobody_was_asked_about() -> None:
    granted = replace(effect(ActionState.EXECUTED), grant_id="g-1")
    told = of(effects=(effect(ActionState.EXECUTED), granted, effect(ActionState.REFUSED)))
    allowed = [{fact.name: fact.value for fact in each.facts}["Allowed by"] for each in told.actions]
    assert allowed == [
        "the policy, without asking",
        "standing grant g-1, without asking again",
        "nobody: it did not run",
    ]


def test_every_state_of_an_action_has_its_words() -> None:
    for state in ActionState:
        assert of(effects=(effect(state),)).actions


def test_the_document_has_all_of_it() -> None:
    document = of(Settled(REQUEST, RequestState.OPEN), effects=(effect(ActionState.EXECUTING),)).document()
    assert document.keys() == {"title", "summary", "decisions", "actions", "guidance", "lines", "unknown"}
    assert document["lines"] == [
        {"name": "7 · 2026-01-02 03:04:05.000000 UTC", "value": "request.decided by nobody named: {}"}
    ]
    assert "be kind" in json.dumps(document["guidance"])


def test_the_columns_are_those_of_a_line() -> None:
    assert dict(zip(COLUMNS, cells(line()), strict=True)) == {
        "seq": "7", "at": "2026-01-02T03:04:05+00:00", "event": "request.decided", "subject": "q-1",
        "actor": "alice", "body": "{}", "mac": "00",
    }  # fmt: skip


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff20", "  =", "'"])
def test_no_cell_is_a_formula(begin: str) -> None:
    assert cells(line(actor=f"{begin}HYPERLINK(1)"))[4] == f"'{begin}HYPERLINK(1)"


def test_other_cells_stay_as_they_are() -> None:
    assert cells(line(actor="a=b"))[4] == "a=b"
