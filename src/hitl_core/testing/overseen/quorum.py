"""Two of three have to agree, and whoever the agent runs for is not one of them."""

from __future__ import annotations

from ...commands import Settled
from ...protocol import AuditEvent, PauseRequest, Run, RunState
from ..conformance.expect import expect, expect_in, expect_that
from ..conformance.scenes import Scene, pay
from ..conformance.world import only, rule
from .desk import OWNER, Desk
from .story import Office, story

_TWO = rule("two-of-three", level="confirm", approvers={"users": ["ann", "bob", "cyn"], "quorum": 2})
_BOBS, _CYNS = "the invoice is right", "I have called them"


@story("quorum")
def two_of_three_decide(office: Office) -> None:
    """It runs once, when two others have agreed; the owner is refused by name, and nobody counts twice."""
    with office.desk(Scene.of(pay())) as desk:
        desk.rules(_TWO)
        run = desk.leaves(by=OWNER)
        request = only(run)
        _its_owner_is_refused(desk, request)
        _one_counts_once(desk, request)
        expect("the turns of a worker before the second vote", desk.works(), 0)
        expect("what happened before the second vote", desk.ledger(), [])
        expect(
            "the exit status of the second vote", desk.answers("cyn", request, "approve", "--message", _CYNS).code, 0
        )
        expect("the turns of the worker", desk.works(), 1)
        expect("the turns of the next worker", desk.works(), 0)
        expect("the run", desk.run(run).state, RunState.COMPLETED)
        paid = {"tool": "pay", **pay().arguments, "key": f"{run.id}:{request.call}"}
        expect("what happened", desk.ledger(), [paid])
        _it_is_all_recorded(desk, run, desk.request(request))
        desk.thought_once()
        desk.verified()


def _its_owner_is_refused(desk: Desk, request: PauseRequest) -> None:
    tried = desk.answers(OWNER, request, "approve", "--message", "it is mine")
    desk.refused(tried, code="HITL-D06", says=f"{OWNER!r} started this run; somebody else has to approve it")
    outsider = desk.answers("lia", request, "approve")
    desk.refused(outsider, code="HITL-D06", says="'lia' may not decide this; it needs user ann or user bob or user cyn")


def _one_counts_once(desk: Desk, request: PauseRequest) -> None:
    for replayed in (False, True):
        said = desk.answers("bob", request, "approve", "--message", _BOBS)
        expect("the exit status of Bob's vote", said.code, 0)
        expect("whether it was known", said.json["replayed"], replayed)
        shown = desk.hitl("show", request.id, "--json").json
        expect("the request", (shown["state"], len(shown["votes"])), ("open", 1))
        expect_in("who is missing", "1 of user ann or user bob or user cyn", shown["still_needed"])


def _it_is_all_recorded(desk: Desk, run: Run, settled: Settled) -> None:
    """Who was refused, who agreed, why and when, before it began."""
    request, events = settled.request, (AuditEvent.REQUEST_REFUSED, AuditEvent.REQUEST_DECIDED)
    lines = [(entry.event, entry.actor) for entry in desk.trail(*events, about=request.id)]
    refused, decided = events
    expect("the trail", lines, [(refused, OWNER), (refused, "lia"), (decided, "bob"), (decided, "cyn")])
    assert settled.response is not None
    votes = [*settled.votes, settled.response]
    said = [(vote.responder.id, vote.reason, vote.responder.authenticated_by) for vote in votes]
    expect("the votes", said, [("bob", _BOBS, "assertion"), ("cyn", _CYNS, "assertion")])
    opened, begun = request.created_at, desk.trail(AuditEvent.EFFECT_STARTED, about=request.call)
    expect("how often it began", len(begun), 1)
    times = [opened, *(vote.decided_at for vote in votes), begun[0].at]
    expect_that(f"asked, agreed, agreed, began is the order of {times}", times == sorted(times))
    told = desk.hitl("audit", "report", run.id).said
    for part in ("request.refused by ann", "bob", _BOBS, "cyn", _CYNS):
        expect_in("the account of the run", part, told)
