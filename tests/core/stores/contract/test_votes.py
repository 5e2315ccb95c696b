"""Votes: several people decide one request; each counts once, in its turn, and for one and the same action."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from hitl_core.commands import Claimed, GiveGrant, ListRequests, RevokeGrant
from hitl_core.errors import AlreadyDecided, HitlError, NotAuthorised
from hitl_core.lifecycle import RequestState
from hitl_core.protocol import (
    Action,
    Allowance,
    Approvers,
    AuditEvent,
    Edit,
    Grant,
    Json,
    Responder,
    RunState,
    Stage,
    new_id,
)
from tests.core.stores.world import REFUND, World


async def refused(world: World, error: type[HitlError], **how: Any) -> str:
    with pytest.raises(error) as caught:
        await world.answer(**how)
    return str(caught.value)


TWO = Approvers(quorum=2)
LESS: dict[str, Json] = {"order": "A-1042", "amount": 9.5}


async def test_votes_are_kept_and_leave_the_request_open(world: World) -> None:
    _, (request,) = await world.paused(approvers=Approvers(quorum=3))
    for voter in ("ann", "bob"):
        recorded = await world.answer(request.approve(by=voter))
    assert [vote.responder.id for vote in recorded.settled.votes] == ["ann", "bob"]
    assert (recorded.settled.state, recorded.run_state) == (RequestState.OPEN, RunState.PAUSED)
    (listed,) = (await world.store.fetch(ListRequests())).items
    assert listed.votes == recorded.settled.votes
    decided = await world.answer(request.approve(by="cid"))
    assert decided.run_state is RunState.READY
    assert len(decided.settled.votes) == 2


async def test_a_person_votes_once(world: World) -> None:
    _, (request,) = await world.paused(approvers=TWO)
    await world.answer(request.approve(by="ann"))
    assert (await world.answer(request.approve(by="ann"))).replayed
    same = request.edit(dict(REFUND.arguments), by="ann")
    assert "has voted" in await refused(world, AlreadyDecided, response=same)
    assert len((await world.settled(request)).votes) == 1


@pytest.mark.parametrize("by", ["ann", "bob"])
async def test_one_no_decides_whoever_agreed_before(world: World, by: str) -> None:
    _, (request,) = await world.paused(approvers=TWO)
    await world.answer(request.approve(by="ann"))
    recorded = await world.answer(request.reject(by=by))
    assert (recorded.settled.state, recorded.run_state) == (RequestState.DECIDED, RunState.READY)


async def test_a_vote_on_what_is_decided_is_refused(world: World) -> None:
    _, (request,) = await world.paused(approvers=TWO)
    for voter in ("ann", "bob"):
        await world.answer(request.approve(by=voter))
    await refused(world, AlreadyDecided, response=request.approve(by="cid"))


async def test_votes_for_something_else_are_dropped_and_may_be_given_again(world: World) -> None:
    _, (request,) = await world.paused(approvers=TWO)
    await world.answer(request.approve(by="ann"))
    recorded = await world.answer(request.edit(LESS, by="bob"))
    assert [vote.responder.id for vote in recorded.settled.votes] == ["bob"]
    recorded = await world.answer(request.approve(by="ann"))
    assert [vote.responder.id for vote in recorded.settled.votes] == ["ann"]
    await world.answer(request.edit(LESS, by="ann"))
    decided = await world.answer(request.edit(LESS, by="bob"))
    assert decided.settled.state is RequestState.DECIDED
    assert decided.settled.response is not None
    assert decided.settled.response.decision == Edit(arguments=LESS)
    lines = [json.loads(entry.body) for entry in await world.trail() if entry.event == AuditEvent.REQUEST_DECIDED]
    assert [(line["agreed"], line.get("dropped"), line.get("vote", False)) for line in lines] == [
        (["ann"], None, True),
        (["bob"], 1, True),
        (["ann"], 1, True),
        (["ann"], 1, True),
        (["ann", "bob"], None, False),
    ]
    assert {line["version"] for line in lines} == {"7"}


async def test_stages_are_asked_in_their_order_and_stand_in_the_inbox_of_their_people(world: World) -> None:
    async def seen(role: str) -> int:
        return len((await world.store.fetch(ListRequests(roles=(role,)))).items)

    stages = (Stage(roles=("lead",), quorum=2), Stage(roles=("finance",)))
    _, (request,) = await world.paused(approvers=Approvers(stages=stages))
    early = request.approve(by="fay", roles=("finance",))
    assert "it needs role lead" in await refused(world, NotAuthorised, response=early)
    assert (await seen("lead"), await seen("finance")) == (1, 0)
    for lead in ("mia", "ben"):
        await world.answer(request.approve(by=lead, roles=("lead",)))
    assert (await seen("lead"), await seen("finance")) == (0, 1)
    both = request.approve(by="mia", roles=("lead", "finance"))
    assert (await world.answer(both)).replayed, "who has agreed at one stage does not count at the next"
    assert (await world.answer(early)).run_state is RunState.READY


async def test_of_many_votes_at_once_each_counts_and_the_last_one_decides(world: World) -> None:
    _, (request,) = await world.paused(approvers=Approvers(quorum=5))
    votes = (world.answer(request.approve(by=f"person-{number}")) for number in range(5))
    results = await asyncio.gather(*votes)
    assert sorted(result.settled.state for result in results) == ["decided", "open", "open", "open", "open"]


async def test_who_let_one_call_run_does_not_let_the_other(world: World) -> None:
    claimed = await world.open()
    mail = Action(tool="mail")
    first = world.request(claimed, "mail#1", mail)
    second = world.request(claimed, approvers=Approvers(separate_from=("mail",)))
    await world.pause(claimed, first, second)
    await world.answer(first.approve(by="ann"))
    assert "let 'mail' run, or voted for it" in await refused(world, NotAuthorised, response=second.approve(by="ann"))
    assert (await world.answer(second.approve(by="bob"))).run_state is RunState.READY


async def test_a_vote_that_waits_for_others_keeps_apart_too(world: World) -> None:
    claimed = await world.open()
    first = world.request(claimed, "mail#1", Action(tool="mail"), approvers=TWO)
    second = world.request(claimed, approvers=Approvers(separate_from=("mail",)))
    await world.pause(claimed, first, second)
    await world.answer(first.approve(by="ann"))
    assert "or voted for it" in await refused(world, NotAuthorised, response=second.approve(by="ann"))
    await world.answer(first.reject(by="bob"))
    assert (await world.answer(second.approve(by="ann"))).run_state is RunState.READY


async def test_who_refused_one_call_may_let_the_other_run(world: World) -> None:
    claimed = await world.open()
    first = world.request(claimed, "mail#1", Action(tool="mail"))
    second = world.request(claimed, approvers=Approvers(separate_from=("mail",)))
    await world.pause(claimed, first, second)
    await world.answer(first.reject(by="ann"))
    assert (await world.answer(second.approve(by="ann"))).run_state is RunState.READY


async def mail_under_a_grant(world: World, claimed: Claimed) -> Grant:
    """A mail that has begun under a grant by ann."""
    now, by = world.now, Responder(id="ann")
    until = now + timedelta(hours=1)
    allows = Allowance(tool="mail")
    grant = Grant(id=new_id(now), allows=allows, tenant="default", by=by, given_at=now, expires_at=until)
    await world.store.apply(GiveGrant(grant, now))
    await world.begin(claimed.lease, "mail#1", Action(tool="mail"), grant_id=grant.id)
    return grant


@pytest.mark.parametrize("revoked", [False, True])
async def test_who_gave_the_grant_that_one_call_ran_under_does_not_let_the_other(world: World, revoked: bool) -> None:
    claimed = await world.open()
    grant = await mail_under_a_grant(world, claimed)
    if revoked:
        await world.store.apply(RevokeGrant(grant.id, "bob", "enough", world.now))
    request = world.request(claimed, approvers=Approvers(separate_from=("mail",)))
    await world.pause(claimed, request)
    assert "let 'mail' run, or voted for it" in await refused(world, NotAuthorised, response=request.approve(by="ann"))
    assert (await world.answer(request.approve(by="bob"))).run_state is RunState.READY


async def test_a_grant_keeps_nobody_apart_from_a_run_that_did_not_use_it(world: World) -> None:
    await mail_under_a_grant(world, await world.open())
    claimed = await world.open()
    request = world.request(claimed, approvers=Approvers(separate_from=("mail",)))
    await world.pause(claimed, request)
    assert (await world.answer(request.approve(by="ann"))).run_state is RunState.READY
