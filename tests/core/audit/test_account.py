"""The account of a run, and the trail as a table."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hitl_core.audit import COLUMNS, Account, RunRecord, account, cells
from hitl_core.commands import Effect, Settled
from hitl_core.lifecycle import ActionState, RequestState
from hitl_core.protocol import (
    ActingFor,
    Action,
    Approve,
    Approvers,
    Asked,
    AuditEntry,
    Because,
    Comment,
    EffectMode,
    Escalation,
    Guidance,
    Kind,
    Level,
    PauseRequest,
    Reply,
    Responder,
    Response,
    Run,
    RunState,
    Stage,
    Undoing,
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


SAID = (
    Comment(id="c-1", request_id="q-1", text="she called", by=Responder(id="bob"), made_at=NOW),
    Comment(id="c-2", request_id="q-1", text="fraud 0.9", by=Responder(id="risk"), machine=True, made_at=NOW),
    Comment(id="c-3", request_id="q-2", text="of another request", by=Responder(id="bob"), made_at=NOW),
)


def of(*asked: Settled, effects: tuple[Effect, ...] = ()) -> Account:
    run = Run(id="r-1", state=RunState.COMPLETED, backend="plain", app="shop:agent", thread="t", created_at=NOW,
              updated_at=NOW, started_by="carol", input={"do": "pay"})  # fmt: skip
    by = Responder(id="dana", authenticated_by="oidc")
    told = Guidance(id="g", run_id="r-1", text="be kind", by=by, given_at=NOW, place="model#2")
    return account(RunRecord(run, asked, effects, guidance=(told,), comments=SAID, entries=(line(actor=""),)))


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
    assert facts["Who could decide"] == "any one person"
    assert facts["Reason given"] == "half"
    assert facts["Said beside deciding (no votes)"] == (
        "bob, who merely stated this name, through library said at 2026-01-02 03:04:05.000000 UTC: she called; "
        "risk, a machine (nobody checked it), said at 2026-01-02 03:04:05.000000 UTC: fraud 0.9"
    )
    assert facts["Together with others"] == "yes, in one gesture named b"
    done = {fact.name: fact.value for fact in told.actions[0].facts}
    assert (done["Allowed by"], done["What happened"]) == ("request q-1", "it ran and reported success")


@pytest.mark.parametrize(
    ("approvers", "told"),
    [
        (Approvers(), "any one person"),
        (Approvers(quorum=2), "any 2 people"),
        (Approvers(users=("ann",), roles=("lead",)), "1 of user ann or role lead"),
        (
            Approvers(stages=(Stage(roles=("lead",), quorum=2), Stage(users=("fay",)))),
            "2 of role lead, then 1 of user fay",
        ),
    ],
)
def test_it_says_how_many_of_whom_could_decide(approvers: Approvers, told: str) -> None:
    request = REQUEST.model_copy(update={"approvers": approvers})
    facts = {fact.name: fact.value for fact in of(Settled(request, RequestState.OPEN)).decisions[0].facts}
    assert facts["Who could decide"] == told


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
    chapters = {"decisions", "actions", "grants", "overrides", "undos", "guidance", "interventions"}
    assert document.keys() == {"title", "summary", *chapters, "lines", "unknown"}
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


def entry(event: str, body: str = "{}", *, seq: int = 8, subject: str = "q-1", actor: str = "eve") -> AuditEntry:
    return AuditEntry(seq=seq, at=NOW, event=event, subject=subject, actor=actor, body=body, mac="00")


def told_besides(*elsewhere: AuditEntry, own: tuple[AuditEntry, ...] = ()) -> list[tuple[str, dict[str, str]]]:
    run = Run(id="r-1", state=RunState.COMPLETED, backend="plain", app="a", thread="t", created_at=NOW, updated_at=NOW)
    made = account(RunRecord(run, (Settled(REQUEST, RequestState.OPEN),), entries=own, elsewhere=elsewhere))
    return [(each.title, {fact.name: fact.value for fact in each.facts}) for each in made.interventions]


def test_lines_that_somebody_has_written_into_are_told_as_far_as_they_can_be_read() -> None:
    odd = ("no json", "[1]", '{"scope": "moon"}', '{"scope": ["all"]}', '{"requests": "q-1"}')
    for event in ("stop.set", "stop.lifted", "batch.refused", "grant.revoked", "act.refused"):
        assert told_besides(*(entry(event, body, subject="x") for body in odd)) == []
    ((title, facts),) = told_besides(own=(entry("run.cancelled", "no json", actor=""),))
    assert (title, facts["By"]) == ("The run was cancelled", "nobody named")


def test_what_was_done_by_hand_to_one_request_is_no_stop_of_all() -> None:
    own = (entry("stop.set", '{"why": "look"}'), entry("stop.lifted", '{"why": "done"}', seq=9))
    found = told_besides(own=own)
    assert [title for title, _ in found] == ["One request was frozen by hand", "One request was thawed by hand"]
    assert [facts["Reason given"] for _, facts in found] == ["look", "done"]


def test_a_rewind_says_who_why_and_what_it_superseded() -> None:
    body = '{"reopened": "too soon", "superseded": ["q-1"], "authenticated_by": "oidc"}'
    ((title, facts),) = told_besides(own=(entry("run.claimed", body, subject="r-1"),))
    assert title == "It was taken back to its last pause, which asks again"
    assert (facts["By"], facts["Reason given"], facts["Requests that it superseded"]) == (
        "eve, known by oidc",
        "too soon",
        "q-1",
    )


def test_a_stop_is_told_if_it_was_in_force_between_the_first_and_the_last_line() -> None:
    first, last = entry("run.started", seq=10, subject="r-1"), entry("run.completed", seq=20, subject="r-1")
    cases = {(1, 9): 0, (1, 15): 2, (12, None): 1, (12, 30): 2, (21, 30): 0, (21, None): 0}
    for (begun, ended), count in cases.items():
        lines = [entry("stop.set", '{"scope": "all"}', seq=begun, subject="all")]
        if ended is not None:
            lines.append(entry("stop.lifted", '{"scope": "all"}', seq=ended, subject="all"))
        assert len(told_besides(*lines, own=(first, last))) == count, (begun, ended)
    assert told_besides(entry("stop.lifted", '{"scope": "all"}', seq=15, subject="all"), own=(first, last)) == []


def test_somebody_who_stands_in_says_for_whom_and_what_an_agent_did_not_hand_on_is_said() -> None:
    asked = Asked(request_id="q-0", by="ann", question="Why?")
    request = REQUEST.model_copy(
        update={"asked": (asked,), "escalation": (Escalation(after_seconds=60, reassign=True),)}
    )
    stands_in = Responder(id="bob", authenticated_by="oidc", acting_for=ActingFor(id="ann"))
    answer = Response.to(request, Approve(), by=stands_in, at=NOW)
    facts = {fact.name: fact.value for fact in of(Settled(request, RequestState.CONSUMED, answer)).decisions[0].facts}
    assert facts["Decided by"] == "bob, in the place of ann, who is away, known by oidc, through library"
    assert facts["Asked of the agent before"].endswith("(nothing that its framework handed on)")
    assert facts["Who was asked later"] == "after 60 s those whose turn it is next instead"


def test_an_answer_that_was_refused_says_why_or_at_least_by_which_code() -> None:
    bodies = ('{"faults": ["responder: is not asked"]}', '{"code": "HITL-D04"}', "{}")
    lines = tuple(entry("request.refused", body, seq=seq) for seq, body in enumerate(bodies))
    run = Run(id="r-1", state=RunState.PAUSED, backend="plain", app="a", thread="t", created_at=NOW, updated_at=NOW)
    made = account(RunRecord(run, (Settled(REQUEST, RequestState.OPEN),), entries=lines))
    facts = {fact.name: fact.value for fact in made.decisions[0].facts}
    at = "of eve at 2026-01-02 03:04:05.000000 UTC: "
    assert facts["Answers that were refused"] == f"{at}responder: is not asked; {at}HITL-D04; {at}no reason was kept"


def test_an_undo_that_says_no_reason() -> None:
    run = Run(id="u-1", state=RunState.COMPLETED, backend="plain", app="a", thread="t", created_at=NOW, updated_at=NOW,
              undoes="r-1")  # fmt: skip
    made = account(RunRecord(run, undos=(Undoing(run=run, undoes="r-1", calls=()),)))
    facts = {fact.name: fact.value for fact in made.undos[0].facts}
    assert ("Reason given" in facts, facts["Wanted by"]) == (False, "nobody was named")
