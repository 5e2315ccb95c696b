"""P24, P61 with a directory: who somebody is, which roles count, whose business a run is, and who may stop and lift."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from hitl_core.commands import SetStop, Stop, StopScope
from hitl_core.errors import NotAuthorised, NotPermitted, ResponseRefused, RunNotFound
from hitl_core.lifecycle import RequestState
from hitl_core.people import Absence, Act, Authority, Directory, Person
from hitl_core.protocol import Allowance, Approve, Delegate, Responder, Response, Run, RunState
from hitl_core.runtime import Runtime, known_as
from tests.core.shop import Shop, decide, one_refund, only, policy, rule, trail

LEAD = rule("lead", level="confirm", approvers={"roles": ["lead"]})
STAFF = """
[people.ann]
roles = ["lead"]
[people.bob]
roles = ["clerk"]
groups = ["finance"]
[people.eve]
roles = ["lead"]
tenant = "elsewhere"
[people.root]
roles = ["lead"]
tenant = "*"
"""


async def test_it_is_said_where_people_are_looked_up(shop: Shop) -> None:
    async with shop.open(None) as hitl:
        assert hitl.directory is None
    shop.people(STAFF)
    async with shop.open(None) as hitl:
        assert hitl.directory is shop.directory


async def refused(hitl: Runtime, event: str) -> list[str]:
    return [f"{entry.actor}: {entry.body}" for entry in await trail(hitl, event)]


@pytest.mark.parametrize(
    ("by", "why"),
    [
        ("bob", "'bob' may not decide this; it needs role lead"),
        ("mallory", "'mallory' is not in the directory of people"),
        ("eve", "'eve' is of tenant 'elsewhere', and this is tenant 'default'"),
    ],
)
async def test_p24_roles_come_from_the_directory_and_not_from_who_claims_them(shop: Shop, by: str, why: str) -> None:
    shop.people(STAFF)
    shop.policy = policy(LEAD)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        with pytest.raises(NotAuthorised, match=why):
            await hitl.respond(only(run).approve(by=by, roles=("lead",)))
        assert (await hitl.resume(run.id)).state is RunState.PAUSED
        (line,) = await refused(hitl, "request.refused")
        assert line.startswith(f"{by}: ")
        assert shop.ledger.count() == 0
        await decide(hitl, run, "approve", by="ann")
    assert shop.ledger.count() == 1


@pytest.mark.parametrize(("asked", "by"), [("group:finance", "bob"), ("lead", "root")])
async def test_p24_groups_are_asked_and_somebody_of_every_tenant_decides(shop: Shop, asked: str, by: str) -> None:
    shop.people(STAFF)
    shop.policy = policy(rule("who", level="confirm", approvers={"roles": [asked]}))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        await decide(hitl, await hitl.start(None), "approve", by=by)
    assert shop.ledger.count() == 1


async def test_how_somebody_was_authenticated_is_recorded_as_it_is(shop: Shop) -> None:
    shop.people(STAFF)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        request = only(await hitl.start(None))
        who = Responder(id="ann", channel="web", authenticated_by="oidc")
        said = await hitl.respond(Response.to(request, Approve(), by=who))
        await hitl.stop(StopScope.ALL, by=who, reason="audit")
        await hitl.lift(StopScope.ALL, by="bob", reason="done")
        lines = {entry.event: entry.body for entry in await trail(hitl)}
    assert said.settled.response is not None
    assert said.settled.response.responder == who.model_copy(update={"roles": ("lead",)})
    assert '"authenticated_by":"oidc"' in lines["stop.set"]
    assert '"authenticated_by":"assertion"' in lines["stop.lifted"]


class Unreachable:
    async def person(self, id: str) -> Person | None:
        raise ConnectionError("no route to the directory")

    async def members(self, role: str) -> tuple[Person, ...]:
        raise ConnectionError("no route to the directory")

    async def delegators(self, id: str) -> tuple[Person, ...]:
        raise ConnectionError("no route to the directory")


async def test_while_the_directory_fails_nobody_decides(shop: Shop) -> None:
    shop.directory = Unreachable()
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        with pytest.raises(NotAuthorised, match="not in the directory"):
            await hitl.respond(only(run).approve(by="ann"))
        with pytest.raises(NotPermitted):
            await hitl.cancel(run.id, by="ann")
        assert (await hitl.resume(run.id)).state is RunState.PAUSED
    assert shop.ledger.count() == 0


class HalfReachable(Unreachable):
    async def person(self, id: str) -> Person | None:
        return Person(id)


async def test_while_the_directory_cannot_say_who_stands_in_nobody_does(shop: Shop) -> None:
    shop.directory = HalfReachable()
    shop.policy = policy(rule("ann", level="confirm", approvers={"users": ["ann"]}))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        with pytest.raises(NotAuthorised, match="it needs user ann"):
            await hitl.respond(only(run).approve(by="bob"))
        await decide(hitl, run, "approve", by="ann")
    assert shop.ledger.count() == 1


class GivesNoPeople(Unreachable):
    async def person(self, id: str) -> Any:
        return {"id": id, "roles": ["lead"]}

    async def members(self, role: str) -> Any:
        return ({"id": "ann", "roles": [role]},)

    async def delegators(self, id: str) -> Any:
        return [{"id": "ann", "delegate": id}]


class WithoutOffsets(Unreachable):
    """Its moments are as a database without time zones gives them."""

    async def person(self, id: str) -> Person | None:
        away = Absence(datetime.fromisoformat("2026-01-01 00:00"), datetime.fromisoformat("2026-01-02 00:00"))
        return Person(id, roles=("lead",), away=(away,))

    async def members(self, role: str) -> tuple[Person, ...]:
        ann = await self.person("ann")
        return () if ann is None else (ann,)


@pytest.mark.parametrize("directory", [GivesNoPeople(), WithoutOffsets()])
@pytest.mark.parametrize("assign", [False, True])
async def test_while_the_directory_gives_what_is_no_person_nobody_decides(
    shop: Shop, directory: Directory, assign: bool
) -> None:
    shop.directory = directory
    shop.policy = policy(rule("lead", level="confirm", approvers={"roles": ["lead"], "assign": assign}))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        assert only(run).approvers.roles == ("lead",)
        with pytest.raises(NotAuthorised, match="not in the directory"):
            await hitl.respond(only(run).approve(by="ann"))
    assert shop.ledger.count() == 0


class HalfKnown(GivesNoPeople):
    async def person(self, id: str) -> Person | None:
        return Person(id)


async def test_who_stands_in_for_what_is_no_person_does_not_decide(shop: Shop) -> None:
    shop.directory, shop.policy = HalfKnown(), policy(LEAD)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        with pytest.raises(NotAuthorised, match="it needs role lead"):
            await hitl.respond(only(run).approve(by="bob"))
    assert shop.ledger.count() == 0


class CarelessOfCase(Unreachable):
    """A directory that finds people however they are written, as many do."""

    async def person(self, id: str) -> Person | None:
        return Person(id.lower()) if id.lower() in ("ann", "bob") else None

    async def delegators(self, id: str) -> tuple[Person, ...]:
        return ()


@pytest.mark.parametrize("by", ["ann", "Ann", "ANN"])
async def test_p24_who_started_a_run_is_the_same_person_however_they_are_written(shop: Shop, by: str) -> None:
    shop.directory = CarelessOfCase()
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None, by="Ann")
        with pytest.raises(NotAuthorised, match="'ann' started this run"):
            await decide(hitl, run, "approve", by=by)
        assert shop.ledger.count() == 0
        await decide(hitl, run, "approve", by="BOB")
        assert (await hitl.start(None, by="a customer")).started_by == "a customer"
    assert shop.ledger.count() == 1


async def test_somebody_is_known_by_the_name_that_the_directory_has(shop: Shop) -> None:
    async with shop.open(one_refund(shop.ledger)) as hitl:
        assert await known_as(hitl, "Ann") == "Ann"
    shop.directory = CarelessOfCase()
    async with shop.open(one_refund(shop.ledger)) as hitl:
        assert [await known_as(hitl, name) for name in ("Ann", "Eve", None)] == ["ann", "Eve", None]


async def test_a_request_is_given_on_to_the_same_person_however_they_are_written(shop: Shop) -> None:
    shop.directory = CarelessOfCase()
    shop.policy = policy(rule("ann", level="confirm", approvers={"users": ["ann"]}))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        with pytest.raises(ResponseRefused, match="'ann' is who answers"):
            await hitl.respond(only(run).delegate("Ann", by="ann"))
        await hitl.respond(only(run).delegate("Bob", by="ann"))
        await decide(hitl, run, "approve", by="bob")
    assert shop.ledger.count() == 1


async def test_without_a_directory_nobody_says_that_they_act_for_another(shop: Shop) -> None:
    shop.policy = policy(rule("ann", level="confirm", approvers={"users": ["ann"]}))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        for_ann = Responder.model_validate({"id": "bob", "acting_for": {"id": "ann"}})
        with pytest.raises(NotAuthorised):
            await hitl.respond(Response.to(only(run), Approve(), by=for_ann))
    assert shop.ledger.count() == 0


# ── authority ────────────────────────────────────────────────────────────────────────────────────────────────

ACTS: dict[Act, Callable[[Runtime, Run, Any], Awaitable[Any]]] = {
    Act.STOP: lambda hitl, run, by: hitl.stop(StopScope.RUN, run.id, by=by, reason="audit"),
    Act.LIFT: lambda hitl, run, by: hitl.lift(StopScope.TENANT, "default", by=by, reason="done"),
    Act.STEER: lambda hitl, run, by: hitl.steer(run.id, "ask for the receipt", by=by),
    Act.CANCEL: lambda hitl, run, by: hitl.cancel(run.id, by=by, reason="wrong"),
    Act.REVOKE: lambda hitl, run, by: hitl.revoke(only(run).id, by=by, reason="wrong"),
    Act.UNDO: lambda hitl, run, by: hitl.undo(run.id, by=by, reason="wrong"),
    Act.REWIND: lambda hitl, run, by: hitl.rewind(run.id, by=by, reason="wrong"),
    Act.GRANT: lambda hitl, run, by: hitl.grant(Allowance(tool="refund"), by=by, lasts=timedelta(hours=1)),
    Act.OVERRIDE: lambda hitl, run, by: hitl.override(run.id, "denied", by=by, reason="wrong"),
}
acts = pytest.mark.parametrize("act", ACTS, ids=str)


@acts
@pytest.mark.parametrize("by", ["bob", "mallory", "eve"])
async def test_whoever_may_not_changes_nothing_and_that_is_recorded(shop: Shop, act: Act, by: str) -> None:
    shop.people(STAFF)
    shop.authority = Authority({act: ("lead",)})
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.store.apply(SetStop(Stop(StopScope.TENANT, "default", "audit", "root", shop.clock.now())))
        before = (await hitl.run(run.id), await hitl.stops(), await hitl.request(only(run).id))
        with pytest.raises(NotPermitted):
            await ACTS[act](hitl, run, Responder(id=by, roles=("lead",)))
        assert (await hitl.run(run.id), await hitl.stops(), await hitl.request(only(run).id)) == before
        (line,) = await refused(hitl, "act.refused")
    assert line.startswith(f'{by}: {{"act":"{act}"')
    assert shop.ledger.count() == 0


@pytest.mark.parametrize("by", ["ann", "root"])
async def test_whoever_may_does(shop: Shop, by: str) -> None:
    shop.people(STAFF)
    shop.authority = Authority(dict.fromkeys(Act, ("lead",)))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        request = only(run)
        await hitl.respond(request.approve(by=by))
        assert (await hitl.revoke(request.id, by=by)).state is RequestState.REVOKED
        await hitl.stop(StopScope.RUN, run.id, by=by, reason="audit")
        assert (await hitl.cancel(run.id, by=by)).state is RunState.CANCELLED
    assert shop.ledger.count() == 0


async def test_a_stop_is_put_in_force_before_its_run_is_there(shop: Shop) -> None:
    shop.people(STAFF)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        await hitl.stop(StopScope.RUN, "to-come", by="eve", reason="audit")
        assert [stop.target for stop in await hitl.stops()] == ["to-come"]
        with pytest.raises(RunNotFound):
            await hitl.cancel("to-come", by="ann")


async def test_p61_a_stop_is_lifted_by_another_person(shop: Shop) -> None:
    shop.people(STAFF)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start(None)
        await hitl.stop(StopScope.ALL, by="ann", reason="audit")
        with pytest.raises(NotPermitted, match="another person has to lift it"):
            await hitl.lift(StopScope.ALL, by="ann", reason="all fine")
        assert len(await hitl.stops()) == 1
        (line,) = await refused(hitl, "act.refused")
        assert line.startswith('ann: {"act":"lift"')
        await hitl.lift(StopScope.ALL, by="bob", reason="all fine")
        await decide(hitl, run, "approve", by="ann")
    assert shop.ledger.count() == 1


async def test_p61_who_put_it_in_force_is_read_where_it_is_lifted(shop: Shop) -> None:
    """Two stop and lift at once: whoever's stop is in force at the end, nobody has lifted their own."""
    shop.people(STAFF)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        for _ in range(10):
            await hitl.stop(StopScope.ALL, by="ann", reason="audit")
            again = hitl.stop(StopScope.ALL, by="bob", reason="audit")
            await asyncio.gather(again, hitl.lift(StopScope.ALL, by="bob", reason="fine"), return_exceptions=True)
        put = ""
        for entry in await trail(hitl):
            if entry.event == "stop.set":
                put = entry.actor
            assert entry.event != "stop.lifted" or entry.actor != put


@pytest.mark.parametrize(
    ("directory", "said", "alone"), [(False, None, True), (False, True, False), (True, False, True)]
)
async def test_p61_whether_it_takes_another_is_a_setting(
    shop: Shop, directory: bool, said: bool | None, alone: bool
) -> None:
    if directory:
        shop.people(STAFF)
    shop.authority = Authority(lift_by_another=said)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        await hitl.stop(StopScope.ALL, by="ann", reason="audit")
        if alone:
            await hitl.lift(StopScope.ALL, by="ann", reason="fine")
        else:
            with pytest.raises(NotPermitted):
                await hitl.lift(StopScope.ALL, by="ann", reason="fine")
        assert len(await hitl.stops()) == (0 if alone else 1)


# ── grants and drafts ────────────────────────────────────────────────────────────────────────────────────────

REFUNDS = Allowance(tool="refund", times=1)
HOUR = timedelta(hours=1)


async def test_a_grant_is_of_the_roles_that_the_directory_knows(shop: Shop) -> None:
    shop.people(STAFF)
    shop.policy = policy(LEAD)
    async with shop.open(one_refund(shop.ledger, reversible=True)) as hitl:
        await hitl.grant(REFUNDS, by=Responder(id="bob", roles=("lead",)), lasts=HOUR)
        run = await hitl.start(None)
        assert "bob may not decide this" in only(run).because.why
        assert shop.ledger.count() == 0
        grant = await hitl.grant(REFUNDS, by="ann", lasts=HOUR)
        assert grant.by.roles == ("lead",)
        assert (await hitl.start(None)).state is RunState.COMPLETED
    assert shop.ledger.count() == 1


@pytest.mark.parametrize("by", ["mallory", "eve", "bob"])
async def test_a_grant_is_given_with_an_answer_and_taken_back_by_who_may(shop: Shop, by: str) -> None:
    shop.people(STAFF)
    shop.authority = Authority({Act.GRANT: ("lead",), Act.REVOKE: ("lead",)})
    async with shop.open(one_refund(shop.ledger, reversible=True)) as hitl:
        run = await hitl.start(None)
        with pytest.raises(NotPermitted):
            await hitl.respond_and_grant(only(run).approve(by=by, roles=("lead",)), REFUNDS, lasts=HOUR)
        grant = await hitl.grant(REFUNDS, by="ann", lasts=HOUR)
        with pytest.raises(NotPermitted):
            await hitl.revoke_grant(grant.id, by=by)
        assert (await hitl.run(run.id)).pending == run.pending
        assert await hitl.grants() == (grant,)
        assert [line.split(":")[0] for line in await refused(hitl, "act.refused")] == [by, by]
        assert (await hitl.revoke_grant(grant.id, by="ann")).revoked_by == "ann"
    assert shop.ledger.count() == 0


@pytest.mark.parametrize(("by", "why"), [("bob", "it needs role lead"), ("mallory", "not in the directory")])
async def test_a_draft_is_changed_by_whom_the_directory_knows(shop: Shop, by: str, why: str) -> None:
    shop.people(STAFF)
    shop.policy = policy(rule("lead", level="collaborate", approvers={"roles": ["lead"]}))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        request = only(await hitl.start(None))
        less = {**request.action.arguments, "amount": 5}
        with pytest.raises(NotAuthorised, match=why):
            await hitl.change_draft(request.id, less, base=1, by=Responder(id=by, roles=("lead",)))
        made = await hitl.change_draft(request.id, less, base=1, by="ann")
        assert made.by is not None
        assert (made.number, made.by.roles) == (2, ("lead",))
        assert len(await refused(hitl, "request.refused")) == 1
    assert shop.ledger.count() == 0


async def test_who_gave_a_draft_on_does_not_change_it(shop: Shop) -> None:
    shop.people(STAFF)
    shop.policy = policy(rule("lead", level="collaborate", approvers={"roles": ["lead"]}))
    async with shop.open(one_refund(shop.ledger)) as hitl:
        request = only(await hitl.start(None))
        await hitl.respond(Response.to(request, Delegate(to="bob"), by="ann"))
        less = {**request.action.arguments, "amount": 5}
        with pytest.raises(NotAuthorised, match="given on to 'bob'"):
            await hitl.change_draft(request.id, less, base=1, by="ann")
        assert (await hitl.change_draft(request.id, less, base=1, by="bob")).number == 2
    assert shop.ledger.count() == 0


@pytest.mark.parametrize("by", ["bob", "eve", "mallory"])
async def test_who_may_not_erase_leaves_a_run_as_it_is(shop: Shop, by: str) -> None:
    shop.people(STAFF)
    shop.authority = Authority({Act.ERASE: ("lead",)})
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start({"order": "A-1"})
        await hitl.cancel(run.id, by="ann")
        with pytest.raises(NotPermitted):
            await hitl.erase(run.id, by=by, reason="asked to")
        with pytest.raises(NotPermitted):
            await hitl.retain(older_than=timedelta(0), by=by)
        assert (await hitl.run(run.id)).input == {"order": "A-1"}
        assert len(await refused(hitl, "act.refused")) == 2


async def test_retention_reaches_every_tenant_so_it_is_for_somebody_of_all(shop: Shop) -> None:
    shop.people(STAFF)
    async with shop.open(one_refund(shop.ledger)) as hitl:
        run = await hitl.start({"order": "A-1"})
        await hitl.cancel(run.id, by="ann")
        shop.clock.advance(seconds=1)
        with pytest.raises(NotPermitted, match="'ann' is of tenant 'default'"):
            await hitl.retain(older_than=timedelta(0), by="ann")
        assert (await hitl.run(run.id)).input == {"order": "A-1"}
        assert await hitl.retain(older_than=timedelta(0), by="root") == 1
        assert (await hitl.run(run.id)).input is None
