"""Following the trail: each line with the run and the tenant that it is about, forwards and from its end."""

from __future__ import annotations

from datetime import timedelta

from hitl_core.commands import (
    FollowAudit,
    Followed,
    GiveGrant,
    LiftStop,
    Note,
    RevokeGrant,
    SetStop,
    Stop,
    StopScope,
    WriteNote,
)
from hitl_core.contracts import every
from hitl_core.protocol import Allowance, AuditEvent, Grant, Responder
from tests.core.stores.world import World


async def test_each_line_says_whose_it_is(world: World) -> None:
    run, (request,) = await world.paused()
    refused = Note(AuditEvent.REQUEST_REFUSED, request.id, "bob", {"code": "HITL-R07"})
    await world.store.apply(WriteNote(refused, world.now))
    acted = Note(AuditEvent.ACT_REFUSED, run.id, "bob", {"act": "cancel"})
    await world.store.apply(WriteNote(acted, world.now))
    found = [each async for each in every(world.store, FollowAudit())]
    assert [each.entry.event for each in found][-2:] == ["request.refused", "act.refused"]
    assert {(each.run_id, each.tenant) for each in found} == {(run.id, "default")}


async def test_what_is_no_run_s_own_has_no_run(world: World) -> None:
    allows, until = Allowance(tool="refund"), world.now + timedelta(hours=1)
    grant = Grant(
        id="grant-1", allows=allows, tenant="south", by=Responder(id="ann"), given_at=world.now, expires_at=until
    )
    await world.store.apply(GiveGrant(grant, world.now))
    await world.store.apply(RevokeGrant("grant-1", "ann", "", world.now))
    await world.store.apply(SetStop(Stop(StopScope.TOOL, "refund", "why", "ann", world.now)))
    await world.store.apply(LiftStop(StopScope.TOOL, "refund", "why", "bob", world.now))
    found = (await world.store.fetch(FollowAudit())).items
    assert [(each.entry.event, each.run_id, each.tenant) for each in found] == [
        ("grant.given", None, "south"),
        ("grant.revoked", None, "south"),
        ("stop.set", None, None),
        ("stop.lifted", None, None),
    ]


async def test_forwards_and_from_the_end_the_pages_meet(world: World) -> None:
    await world.paused(count=3)
    forwards = [each async for each in every(world.store, FollowAudit())]
    backwards: list[Followed] = []
    after = 0
    while page := (await world.store.fetch(FollowAudit(after=after, limit=2, newest=True))).items:
        backwards += page
        after = page[-1].entry.seq
    assert [each.entry.seq for each in forwards] == [1, 2, 3, 4, 5]
    assert backwards == forwards[::-1]


async def test_the_lines_of_one_run(world: World) -> None:
    run, (request,) = await world.paused()
    await world.paused()
    found = (await world.store.fetch(FollowAudit(run_id=run.id))).items
    assert [each.entry.event for each in found] == ["run.started", "request.opened", "run.paused"]
    assert found[1].entry.subject == request.id
    assert (await world.store.fetch(FollowAudit(run_id="run-nobody-knows"))).items == ()
