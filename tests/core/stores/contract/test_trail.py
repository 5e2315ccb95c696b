"""What the audit trail says: every step has its line, with digests and names and no payloads."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from hitl_core.audit import Custody, verify
from hitl_core.commands import (
    CancelRun,
    EndEffect,
    FinishRun,
    LiftStop,
    MoveEffect,
    MoveRequest,
    Note,
    ReadAudit,
    RetryRun,
    StopScope,
    WriteNote,
)
from hitl_core.errors import AlreadyDecided, NotCanonical
from hitl_core.lifecycle import ActionEvent, RequestEvent
from hitl_core.protocol import Action, Approve, AuditEvent, Executed, Failed, Responder, Response, RunState
from tests.core.stores.world import REFUND, World

SECRET = "4111-1111"


async def test_one_decision_from_start_to_end(world: World) -> None:
    lease, request = await world.approved()
    await world.begin(lease, request_id=request.id)
    await world.store.apply(EndEffect(lease, "refund#1", Executed({"card": SECRET}), world.now))
    await world.store.apply(FinishRun(lease, RunState.COMPLETED, world.now, output=SECRET))
    assert await world.events() == [
        "run.started",
        "request.opened",
        "run.paused",
        "request.decided",
        "run.claimed",
        "effect.started",
        "effect.executed",
        "run.completed",
    ]


async def test_lines_name_who_what_and_which_rule(world: World) -> None:
    run, (request,) = await world.paused()
    who = Responder(id="ann", channel="web", authenticated_by="oidc")
    await world.answer(Response.to(request, Approve(), by=who))
    opened, decided = (await world.trail())[1], (await world.trail())[3]
    body = json.loads(opened.body)
    assert (opened.subject, body["run"], body["call"]) == (request.id, run.id, request.call)
    assert (body["digest"], body["rule"], body["version"]) == (REFUND.digest, "refunds", "7")
    said = json.loads(decided.body)
    assert (decided.actor, said["channel"], said["authenticated_by"]) == ("ann", "web", "oidc")
    assert (said["decision"], said["digest"]) == ("approve", REFUND.digest)


async def test_no_payload_reaches_the_trail(world: World) -> None:
    action = Action(tool="refund", arguments={"card": SECRET})
    run, (request,) = await world.paused(action=action, digest=action.digest)
    await world.answer(request.edit({"card": f"{SECRET}-1"}, by="ann", reason=SECRET))
    lease = (await world.claim(run)).lease
    edited = action.edited({"card": f"{SECRET}-1"})
    await world.begin(lease, action=edited, request_id=request.id)
    await world.store.apply(EndEffect(lease, "refund#1", Failed(f"no such card {SECRET}"), world.now))
    await world.store.apply(FinishRun(lease, RunState.FAILED, world.now, error=SECRET, checkpoint=SECRET))
    assert not [entry for entry in await world.trail() if SECRET in entry.body]


async def test_the_other_ways_of_a_run(world: World) -> None:
    claimed = await world.open()
    await world.begin(claimed.lease)
    world.later(31)
    second = await world.claim()
    await world.store.apply(MoveEffect(second.lease, "refund#1", ActionEvent.LOSE, "w", world.now))
    await world.store.apply(MoveEffect(second.lease, "refund#1", ActionEvent.ABANDON, "ann", world.now))
    await world.store.apply(FinishRun(second.lease, RunState.FAILED, world.now, error="e"))
    await world.store.apply(RetryRun(claimed.run.id, "ann", world.now))
    await world.store.apply(CancelRun(claimed.run.id, "ann", "enough", world.now))
    assert (await world.events(claimed.run))[1:] == [
        "effect.started",
        "run.claimed",
        "effect.in_doubt",
        "effect.settled",
        "run.failed",
        "run.retried",
        "run.cancelled",
    ]


async def test_stops_deadlines_and_withdrawals(world: World) -> None:
    _, (first, second) = await world.paused(count=2, deadline=world.now + timedelta(minutes=1))
    await world.store.apply(MoveRequest(first.id, RequestEvent.CANCEL, "ann", "moot", world.now))
    await world.stop(StopScope.TOOL, "refund")
    await world.store.apply(LiftStop(StopScope.TOOL, "refund", "fine", "boss", world.now))
    world.later(61)
    await world.fire()
    lines = [(entry.event, entry.subject) for entry in (await world.trail())[4:]]
    assert lines == [
        ("request.closed", first.id),
        ("stop.set", "tool:refund"),
        ("stop.lifted", "tool:refund"),
        ("request.expired", second.id),
    ]


async def test_the_trail_of_one_run_has_its_lines_only(world: World) -> None:
    one, (request,) = await world.paused()
    await world.paused()
    await world.answer(request.approve(by="ann"))
    with pytest.raises(AlreadyDecided):
        await world.answer(request.approve(by="bob"))
    assert await world.events(one) == [
        "run.started",
        "request.opened",
        "run.paused",
        "request.decided",
        "request.refused",
    ]
    assert len(await world.trail()) == 8


async def test_a_line_about_a_run_or_its_request_is_one_of_the_run(world: World) -> None:
    """Who was refused, and who was asked too, belongs to the account of the run."""
    run, (request,) = await world.paused()
    for subject in (run.id, request.id, "tool:refund"):
        await world.store.apply(WriteNote(Note(AuditEvent.ACT_REFUSED, subject, "mia", {}), world.now))
    assert [each.subject for each in await world.trail(run) if each.actor == "mia"] == [run.id, request.id]
    assert len([each for each in await world.trail() if each.actor == "mia"]) == 3


async def test_anybody_may_add_a_line(world: World) -> None:
    note = Note(AuditEvent.ACTION_REFUSED, "ünïcode", "policy", {"why": "✓"})
    await world.store.apply(WriteNote(note, world.now))
    (entry,) = await world.trail()
    assert (entry.event, entry.subject, entry.actor, entry.body) == (note.event, "ünïcode", "policy", '{"why":"✓"}')
    assert entry.at == world.now


async def test_a_line_that_cannot_be_kept_is_refused(world: World) -> None:
    for note in (Note(AuditEvent.STOP_SET, "\ud800", "x"), Note(AuditEvent.STOP_SET, "x", "x", {"n": float("nan")})):
        with pytest.raises(NotCanonical, match="audit line"):
            await world.store.apply(WriteNote(note, world.now))
    assert await world.trail() == []


async def test_what_a_store_has_sealed_verifies(world: World) -> None:
    await test_one_decision_from_start_to_end(world)
    custody = getattr(world.store, "custody", None)
    assert isinstance(custody, Custody)
    report = await verify(world.store, Custody(custody.secret, custody.origin, None))
    assert (report.exit_code, report.lines, report.findings) == (0, 8, ())


async def test_the_trail_by_events_page_by_page(world: World) -> None:
    run = (await world.open()).run
    await world.open()
    started, page = [], await world.store.fetch(ReadAudit(limit=1, events=("run.started",)))
    while page.items:
        started += [each.event for each in page.items]
        page = await world.store.fetch(ReadAudit(after=page.items[-1].seq, limit=1, events=("run.started",)))
    assert started == ["run.started"] * 2
    of_one = await world.store.fetch(ReadAudit(run_id=run.id, events=("run.started", "run.paused")))
    assert [each.subject for each in of_one.items] == [run.id]
