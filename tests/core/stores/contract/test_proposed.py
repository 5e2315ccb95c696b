"""What agents wanted to do: every action once, what came of it, in the order in which it was recorded; page by page."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hitl_core.commands import (
    EndEffect,
    EraseRun,
    FinishRun,
    GiveGrant,
    Lease,
    ListProposed,
    MoveEffect,
    Note,
    RecordRefusal,
    WriteNote,
)
from hitl_core.lifecycle import ActionEvent
from hitl_core.policy import Came, Proposed
from hitl_core.protocol import (
    Action,
    Allowance,
    AuditEvent,
    Executed,
    Grant,
    Kind,
    Level,
    Responder,
    RunState,
    new_id,
)
from tests.core.stores.world import REFUND, World

OTHER = Action(tool="refund", arguments={"order": "A-1042", "amount": 1})


async def listed(world: World, **query: Any) -> list[Proposed]:
    return list((await world.store.fetch(ListProposed(**query))).items)


async def came(world: World, **query: Any) -> list[Came]:
    return [each.came for each in await listed(world, **query)]


async def refuse(world: World, lease: Lease, call: str = "refund#1", **more: Any) -> None:
    body = {"call": call, "tool": "refund", "digest": REFUND.digest, "why": "no", **more}
    note = Note(AuditEvent.ACTION_REFUSED, lease.run_id, "policy", body)
    await world.store.apply(RecordRefusal(lease, call, REFUND, note, world.now))


async def test_everything_that_is_known_of_a_proposal(world: World) -> None:
    claimed = await world.open(tenant="shop", started_by="zoe")
    request = world.request(claimed)
    await world.pause(claimed, request)
    (entry,) = await listed(world)
    assert entry == Proposed(
        at=world.now,
        came=Came.ASKED,
        run=claimed.run.id,
        call="refund#1",
        tool="refund",
        tenant="shop",
        backend="plain",
        started_by="zoe",
        action=REFUND,
        level=Level.CONFIRM,
        rule="refunds",
        version="7",
        request=request.id,
    )


async def test_what_was_let_through_told_of_and_refused(world: World) -> None:
    lease = (await world.open()).lease
    await world.begin(lease, "refund#1")
    notice = world.request(await world.open(), "refund#2", kind=Kind.NOTICE, run_id=lease.run_id)
    await world.begin(lease, "refund#2", notice=notice)
    await refuse(world, lease, "refund#3", rule="no", version="7")
    found = await listed(world)
    assert [(each.came, each.call, each.level) for each in found] == [
        (Came.LET_THROUGH, "refund#1", Level.AUTONOMOUS),
        (Came.NOTIFIED, "refund#2", Level.NOTIFY),
        (Came.REFUSED, "refund#3", None),
    ]
    assert (found[2].rule, found[2].version, found[2].action) == ("no", "7", REFUND)


async def test_announced_and_questions(world: World) -> None:
    claimed = await world.open()
    announced = world.request(claimed, "refund#1", veto=True)
    question = world.request(claimed, "ask#1", kind=Kind.INPUT)
    await world.pause(claimed, announced, question)
    assert [(each.came, each.question) for each in await listed(world)] == [
        (Came.ANNOUNCED, False),
        (Came.ASKED, True),
    ]


async def test_what_was_asked_about_and_begins_is_proposed_once(world: World) -> None:
    lease, request = await world.approved()
    await world.begin(lease, request_id=request.id)
    assert await came(world) == [Came.ASKED, Came.BEGAN]


async def test_what_is_asked_about_again_is_proposed_once(world: World) -> None:
    lease, request = await world.approved()
    claimed = replace(await world.open(), lease=lease)
    again = world.request(claimed, round=1, run_id=request.run_id)
    other = world.request(claimed, round=2, run_id=request.run_id, action=OTHER, digest=OTHER.digest)
    await world.pause(claimed, again, other)
    found = await listed(world)
    assert [(each.came, each.request) for each in found] == [(Came.ASKED, request.id), (Came.ASKED, other.id)]


async def test_what_began_and_is_asked_about_or_begun_again_is_proposed_once(world: World) -> None:
    claimed = await world.open()
    for _ in range(2):
        await world.begin(claimed.lease)
        await world.store.apply(MoveEffect(claimed.lease, "refund#1", ActionEvent.SUSPEND, by="w", now=world.now))
    await world.pause(claimed, world.request(claimed), world.request(claimed, "refund#2", in_doubt=True))
    assert await came(world) == [Came.LET_THROUGH, Came.BEGAN]


async def test_what_ran_under_a_grant(world: World) -> None:
    by, until = Responder(id="ann"), world.now + timedelta(hours=1)
    allows, new = Allowance(tool="refund", times=1), new_id(world.now)
    grant = Grant(id=new, allows=allows, by=by, given_at=world.now, expires_at=until, tenant="default")
    await world.store.apply(GiveGrant(grant, world.now))
    await world.begin((await world.open()).lease, grant_id=grant.id)
    assert await came(world) == [Came.GRANTED]


async def test_a_refusal_that_is_no_ruling_is_no_proposal(world: World) -> None:
    lease = (await world.open()).lease
    await refuse(world, lease)
    note = Note(AuditEvent.ACTION_REFUSED, lease.run_id, "policy", {"call": "refund#9", "rule": "no"})
    await world.store.apply(WriteNote(note, world.now))
    asked, _ = await world.approved()
    await refuse(world, asked, rule="no", version="8")
    assert await came(world) == [Came.ASKED]


async def test_a_refusal_of_what_runs_already_is_no_proposal(world: World) -> None:
    claimed = await world.open()
    await world.begin(claimed.lease)
    await refuse(world, claimed.lease, "refund#1", rule="no", version="7")
    assert await came(world) == [Came.LET_THROUGH]


async def test_pages_hold_everything_once_and_in_order(world: World) -> None:
    lease = (await world.open()).lease
    for number in range(7):
        await world.begin(lease, f"refund#{number}")
        world.later(60)
    everything = await listed(world)
    assert [each.call for each in everything] == [f"refund#{number}" for number in range(7)]
    for size in (1, 2, 3, 7, 8):
        found: list[Proposed] = []
        cursor: str | None = None
        while True:
            page = await world.store.fetch(ListProposed(limit=size, cursor=cursor))
            found += page.items
            cursor = page.cursor
            if cursor is None:
                break
        assert found == everything
    for number, entry in enumerate(everything):
        assert await listed(world, since=entry.at) == everything[number:]
        assert await listed(world, since=entry.at + timedelta(seconds=1)) == everything[number + 1 :]


async def test_an_empty_store_and_other_tenants(world: World) -> None:
    assert await listed(world, since=world.now) == []
    for tenant in ("a", "b"):
        await world.begin((await world.open(tenant=tenant)).lease)
    assert [each.tenant for each in await listed(world, tenant="b")] == ["b"]
    assert len(await listed(world)) == 2


async def test_of_an_erased_run_the_kind_is_left(world: World) -> None:
    claimed = await world.open()
    await world.begin(claimed.lease)
    await world.store.apply(EndEffect(claimed.lease, "refund#1", Executed("paid"), world.now))
    await world.store.apply(FinishRun(claimed.lease, RunState.COMPLETED, world.now))
    await world.store.apply(EraseRun(claimed.run.id, "ann", "asked to", world.now))
    (entry,) = await listed(world)
    assert (entry.came, entry.tool, entry.action) == (Came.LET_THROUGH, "refund", None)
