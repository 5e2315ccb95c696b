"""Erasing a person: they are named nowhere any more, that it was one person stays, and the trail verifies."""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hitl_adapters.plain import Refused, gate
from hitl_core.commands import ErasedPerson, StopScope
from hitl_core.errors import NotPermitted, PersonNotErasable, PersonNotFound
from hitl_core.people import Act, Authority
from hitl_core.protocol import Allowance, Json, Run, RunState
from hitl_core.runtime import Runtime
from tests.core.shop import Shop, policy, rule, trail
from tests.core.stores.columns import without_a_row, written

ANN = "ann-4711"
TWO = policy(
    rule(
        "two",
        why=f"{ANN} and bob look at it",
        level="confirm",
        approvers={"users": [ANN, "bob", "carl"], "quorum": 2},
        escalate=[{"after": "1h", "users": [ANN]}],
    )
)
UNDOS = policy(rule("free", match={"tool": "pay"}, level="autonomous", allow_irreversible="a test"))
NOTES = policy(rule("together", match={"tool": "note"}, level="collaborate"))


@gate.guard(reversible=True)
async def refund(order: str) -> str:
    return f"paid {order}"


@gate.guard(reversible=True)
async def note(text: str) -> str:
    return f"noted {text}"


@gate.guard(undo=lambda receipt: f"took back {receipt}")
async def pay(order: str) -> str:
    return f"paid {order}"


async def app(given: Any) -> object:
    try:
        return await refund(given)
    except Refused as exc:
        return str(exc)


def everything(folder: Path) -> str:
    """All that the database holds, bodies unpacked."""
    return written(folder / "shop.db")


def raw(folder: Path) -> bytes:
    """The files of the store as they lie on the disk, the write-ahead log and its index too."""
    return b"".join(path.read_bytes() for path in sorted(folder.glob("shop.db*")))


async def voted(hitl: Runtime, order: str, *by: str, start: str = "carol") -> Run:
    """A run in which two of three people agreed."""
    run = await hitl.start(order, by=start)
    for name in by:
        await hitl.respond(run.pending[0].approve(by=name, reason=f"WORDS of {name}"))
    return await hitl.resume(run.id)


async def erased(hitl: Runtime) -> ErasedPerson:
    return await hitl.erase_person(ANN, by="dora", reason=f"asked for by {ANN}")


async def test_who_is_erased_is_named_nowhere_and_is_still_one_person(shop: Shop) -> None:
    shop.policy = TWO
    async with shop.open(app) as hitl:
        first = await voted(hitl, "A", "bob", "carl", start=ANN)
        second, third = await voted(hitl, "B", ANN, "bob"), await voted(hitl, "C", "carl", ANN)
        assert {run.state for run in (first, second, third)} == {RunState.COMPLETED}
        before = raw(shop.folder)
        done = await erased(hitl)
        assert (done.apart, done.records, done.inside) == (8, 8, 0)
        assert done.name.startswith("erased-person-")
        decided = await trail(hitl, "request.decided")
        who = ["bob", "carl", done.name, "bob", "carl", done.name]
        assert [entry.actor for entry in decided] == who
        assert [json.loads(entry.body)["agreed"] for entry in decided[1::2]] == [who[:2], who[2:4], who[4:]]
        assert (await hitl.run(first.id)).started_by == done.name
        (line,) = await trail(hitl, "person.erased")
        assert (line.actor, line.subject) == ("dora", done.name)
        told = {"authenticated_by": "assertion", "apart": 8, "records": 8, "inside": 0}
        assert json.loads(line.body) == {"reason": f"asked for by {done.name}", **told}
        with pytest.raises(PersonNotFound):
            await erased(hitl)
        assert ANN.encode() not in raw(shop.folder)
    assert ANN.encode() in before
    assert (ANN in everything(shop.folder), f"WORDS of {ANN}" in everything(shop.folder)) == (False, False)
    assert "WORDS of bob" in everything(shop.folder)
    assert (await shop.verified()).findings == ()


async def test_who_comes_back_is_somebody_else(shop: Shop) -> None:
    async with shop.open(app) as hitl:
        names = []
        for order in ("A", "B"):
            run = await hitl.start(order)
            await hitl.respond(run.pending[0].approve(by=ANN))
            await hitl.resume(run.id)
            names.append((await erased(hitl)).name)
        assert len(set(names)) == 2
        assert [entry.actor for entry in await trail(hitl, "request.decided")] == names
    assert (await shop.verified()).findings == ()


async def test_whoever_erases_themselves_is_not_named_by_that(shop: Shop) -> None:
    async with shop.open(app) as hitl:
        run = await hitl.start("A", by=ANN)
        await hitl.cancel(run.id, by=ANN, reason=f"WORDS: I, {ANN}, have had enough")
        done = await hitl.erase_person(ANN, by=ANN, reason="mine")
        left = await hitl.run(run.id)
        assert left.error == f"the run was cancelled by {done.name}: (erased)"
        (line,) = await trail(hitl, "person.erased")
        assert line.actor == done.name
        told = [(entry.event, entry.actor, entry.body) for entry in await trail(hitl)][-3:-1]
        assert told[0] == ("run.cancelled", done.name, '{"reason":"(erased)","authenticated_by":"assertion"}')
        assert told[1][1] == done.name
        assert json.loads(told[1][2])["why"] == "(erased)"
    assert "WORDS" not in everything(shop.folder)
    assert ANN not in everything(shop.folder)


async def noting(given: Any) -> object:
    try:
        return await note(text=given)
    except Refused as exc:
        return str(exc)


async def test_all_that_people_can_do_to_a_run_is_reached(shop: Shop) -> None:
    """Delegating, putting off, changing a draft, asking back, steering, replacing an output, stopping, granting."""
    shop.policy = NOTES
    async with shop.open(noting) as hitl:
        run = await hitl.start("A")
        (request,) = run.pending
        await hitl.steer(run.id, f"WORDS of {ANN}", by=ANN)
        await hitl.steer(run.id, f"bob says that {ANN} is away", by="bob")
        await hitl.defer(request.id, until=shop.clock.now() + timedelta(minutes=5), by=ANN)
        made = await hitl.change_draft(request.id, {"text": "B"}, base=1, by=ANN, note="WORDS in a note")
        made = await hitl.change_draft(request.id, {"text": "C"}, base=2, by="bob", note=f"as {ANN} said")
        await hitl.respond(request.delegate(ANN, by="bob", reason=f"{ANN} knows"))
        await hitl.respond(request.delegate("carl", by=ANN, reason="WORDS: no"))
        await hitl.respond(request.accept(made, by="carl"))
        assert (await hitl.resume(run.id)).output == "noted C"
        await hitl.override(run.id, "other", by=ANN, reason="WORDS of an override")
        await hitl.override(run.id, "another", by="bob", reason=f"{ANN} was wrong")
        await hitl.stop(StopScope.TOOL, "pay", by=ANN, reason="WORDS of a stop")
        await hitl.lift(StopScope.TOOL, "pay", by="bob", reason=f"{ANN} said so")
        done = await erased(hitl)
        told = await hitl.guidance(run.id)
        assert [(each.by.id, each.text) for each in told] == [
            (done.name, "(erased)"),
            ("bob", f"bob says that {done.name} is away"),
        ]
        assert [(each.by, each.reason) for each in await hitl.overrides(run.id)] == [
            (done.name, "(erased)"),
            ("bob", f"{done.name} was wrong"),
        ]
        overridden = (await hitl.run(run.id)).overridden
        assert overridden is not None
        assert (overridden.by, overridden.reason) == ("bob", f"{done.name} was wrong")
        notes = [(each.by and each.by.id, each.note, each.arguments) for each in await hitl.draft(request.id)]
        assert notes == [
            (None, "", {"text": "A"}),
            (done.name, "(erased)", {"text": "B"}),
            ("bob", f"as {done.name} said", {"text": "C"}),
        ]
        first, second = (await hitl.request(request.id)).votes
        assert (first.responder.id, first.decision.model_dump()["to"]) == ("bob", done.name)
        assert first.reason == f"{done.name} knows"
        assert (second.responder.id, second.reason) == (done.name, "")
        assert ANN.encode() not in raw(shop.folder)
    assert ANN not in everything(shop.folder)
    assert "WORDS" not in everything(shop.folder)
    assert (await shop.verified()).findings == ()


async def test_a_vote_that_others_voted_down_leaves_nothing_behind(shop: Shop) -> None:
    shop.policy = TWO
    async with shop.open(app) as hitl:
        run = await hitl.start("A")
        (request,) = run.pending
        await hitl.respond(request.approve(by=ANN, reason="WORDS of a vote"))
        for name in ("bob", "carl"):
            await hitl.respond(request.edit({"order": "B"}, by=name))
        assert (await hitl.resume(run.id)).output == "paid B"
        assert without_a_row(shop.folder / "shop.db") == 0
        await erased(hitl)
    assert "WORDS" not in everything(shop.folder)
    assert ANN not in everything(shop.folder)


@pytest.mark.parametrize(
    ("by", "reason", "left"),
    [(ANN, "WORDS", "(erased)"), (ANN, "", ""), ("bob", f"{ANN} said so", "{} said so"), ("bob", "mine", "mine")],
)
async def test_why_an_undo_was_wanted_is_reached(shop: Shop, by: str, reason: str, left: str) -> None:
    shop.policy = UNDOS
    async with shop.open(pay) as hitl:
        run = await hitl.start("A")
        undo = (await hitl.undo(run.id, by=by, reason=reason)).run
        if ANN in (by, *reason.split()):
            await untouched(shop, hitl, f"run {undo.id}")
        await hitl.cancel(undo.id, by="bob")
        await hitl.start("B", by=ANN)
        done = await erased(hitl)
        given = (await hitl.run(undo.id)).input
        assert given == {"calls": ["pay#1"], "reason": left.format(done.name)}
    assert ANN not in everything(shop.folder)


async def test_a_damaged_undo_does_not_keep_a_person_from_being_erased(shop: Shop) -> None:
    shop.policy = UNDOS
    async with shop.open(pay) as hitl:
        run = await hitl.start("A")
        for reason in (f"{ANN} said so", "mine"):
            await hitl.cancel((await hitl.undo(run.id, by="bob", reason=reason)).run.id, by=ANN)
    with sqlite3.connect(shop.folder / "shop.db") as connection:
        undos = "SELECT input FROM hitl_runs WHERE more IS NOT NULL"
        connection.execute(f"UPDATE hitl_bodies SET digest = x'00' WHERE key IN ({undos})")
    connection.close()
    async with shop.open(pay) as hitl:
        await erased(hitl)
    assert ANN.encode() not in raw(shop.folder)
    assert b'"reason":"mine"' in raw(shop.folder)


async def test_a_grant_that_has_ended_is_reached_with_its_condition(shop: Shop) -> None:
    async with shop.open(app) as hitl:
        own = await hitl.grant(
            Allowance(tool="refund", when={"argument": "order", "equals": f"{ANN}@example.org"}),
            by=ANN,
            lasts=timedelta(hours=1),
            reason="WORDS",
        )
        when: dict[str, Json] = {"argument": "order", "equals": ANN}
        other = await hitl.grant(
            Allowance(tool="refund", when=when), by="bob", lasts=timedelta(hours=1), reason=f"{ANN} asked"
        )
        with pytest.raises(PersonNotErasable) as refused:
            await erased(hitl)
        assert {fault.path for fault in refused.value.faults} == {f"grant {own.id}", f"grant {other.id}"}
        await hitl.revoke_grant(own.id, by="bob")
        await hitl.revoke_grant(other.id, by=ANN, reason="WORDS")
        done = await erased(hitl)
        grants = {each.id: each for each in await hitl.grants()}
        assert (grants[own.id].by.id, grants[own.id].reason) == (done.name, "(erased)")
        assert grants[own.id].allows.when == {"erased": True}
        assert (grants[other.id].by.id, grants[other.id].reason) == ("bob", f"{done.name} asked")
        assert (grants[other.id].allows.when, grants[other.id].revoked_by) == (
            {"argument": "order", "equals": done.name},
            done.name,
        )
    assert ANN not in everything(shop.folder)
    assert (await shop.verified()).findings == ()


async def test_a_grant_for_a_run_is_erased_with_it(shop: Shop) -> None:
    async with shop.open(app) as hitl:
        run = await hitl.start("A")
        allows = Allowance(tool="refund", run_id=run.id, when={"argument": "order", "equals": "PRIVATE"})
        given = await hitl.grant(allows, by=ANN, lasts=timedelta(hours=1), reason="PRIVATE")
        await hitl.revoke_grant(given.id, by=ANN, reason="PRIVATE")
        await hitl.cancel(run.id, by=ANN)
        await hitl.erase(run.id, by="dora", reason="asked for")
        (left,) = await hitl.grants()
        assert (left.by.id, left.reason, left.allows.when) == ("(erased)", "(erased)", {"erased": True})
        assert left.revoked_by == "(erased)"
        gone = [entry.actor for entry in await trail(hitl, "grant.given")]
        assert gone == ["(erased)"]


# ── what stands in the way ───────────────────────────────────────────────────────────────────────────────────


async def untouched(shop: Shop, hitl: Runtime, *named: str) -> None:
    """Erasing is refused with these places, and nothing is changed."""
    before, lines = everything(shop.folder), len(await trail(hitl))
    with pytest.raises(PersonNotErasable) as refused:
        await erased(hitl)
    assert [fault.path for fault in refused.value.faults] == list(named)
    assert all("first" in fault.problem for fault in refused.value.faults)
    assert (everything(shop.folder), len(await trail(hitl))) == (before, lines)


async def test_who_can_still_be_asked_is_not_erased(shop: Shop) -> None:
    shop.policy = TWO
    async with shop.open(app) as hitl:
        run = await hitl.start("A")
        await untouched(shop, hitl, f"run {run.id}")
        await hitl.respond(run.pending[0].approve(by="bob"))
        await hitl.respond(run.pending[0].approve(by=ANN))
        await untouched(shop, hitl, f"run {run.id}")
        await hitl.resume(run.id)
        await erased(hitl)
    assert ANN not in everything(shop.folder)


async def test_on_whose_behalf_a_run_goes_on_is_not_erased(shop: Shop) -> None:
    async with shop.open(app) as hitl:
        run = await hitl.start("A", by=ANN)
        await untouched(shop, hitl, f"run {run.id}")
        await hitl.cancel(run.id, by="bob")
        await erased(hitl)
        assert ANN not in everything(shop.folder)


async def test_an_answer_that_was_not_used_is_in_the_way(shop: Shop) -> None:
    async with shop.open(app) as hitl:
        run = await hitl.start("A")
        await hitl.respond(run.pending[0].approve(by=ANN))
        await untouched(shop, hitl, f"run {run.id}")


async def test_a_stop_in_force_is_in_the_way(shop: Shop) -> None:
    async with shop.open(app) as hitl:
        await hitl.stop(StopScope.ALL, by=ANN, reason="")
        await hitl.stop(StopScope.TOOL, "refund", by="bob", reason=f"as {ANN} says")
        await untouched(shop, hitl, "stop all", "stop tool:refund")
        await hitl.stop(StopScope.TOOL, "refund", by="bob", reason="by myself")
        await hitl.stop(StopScope.ALL, by="bob", reason="in their place")
        await erased(hitl)
        assert len(await hitl.stops()) == 2
    assert ANN not in everything(shop.folder)


async def test_a_grant_that_is_used_up_is_in_the_way_while_a_run_goes_on_under_it(shop: Shop) -> None:
    shop.policy = policy(rule("asks", match={"tool": "note"}, level="confirm"))

    async def twice(given: Any) -> object:
        await note(text=given)
        return await refund(given)

    async with shop.open(twice) as hitl:
        given = await hitl.grant(Allowance(tool="note", times=1), by=ANN, lasts=timedelta(hours=1))
        run = await hitl.start("A")
        (left,) = await hitl.grants()
        assert (left.used, left.state(shop.clock.now())) == (1, "used_up")
        await untouched(shop, hitl, f"grant {given.id}")
        await hitl.respond(run.pending[0].approve(by="bob"))
        assert (await hitl.resume(run.id)).output == "paid A"
        assert (await erased(hitl)).records == 1


async def test_what_is_damaged_does_not_keep_a_person_from_being_erased(shop: Shop) -> None:
    async with shop.open(app) as hitl:
        for order in ("A", "B"):
            run = await voted(hitl, order, ANN)
            assert run.state is RunState.COMPLETED
    damage = "UPDATE hitl_bodies SET {} = x'00' WHERE key = (SELECT {}(response) FROM hitl_requests)"
    with sqlite3.connect(shop.folder / "shop.db") as connection:
        connection.execute(damage.format("digest", "min"))
        connection.execute(damage.format("data", "max"))
    connection.close()
    async with shop.open(app) as hitl:
        done = await erased(hitl)
        assert [entry.actor for entry in await trail(hitl, "request.decided")] == [done.name] * 2
        assert done.records == 1
        assert ANN.encode() not in raw(shop.folder)


async def test_of_much_that_is_in_the_way_a_part_is_listed(shop: Shop) -> None:
    async with shop.open(app) as hitl:
        for order in range(52):
            await hitl.start(str(order), by=ANN)
        with pytest.raises(PersonNotErasable, match="2 things more") as refused:
            await erased(hitl)
        assert len(refused.value.faults) == 51


async def test_what_does_not_name_them_is_in_nobodys_way_and_stays_as_it_is(shop: Shop) -> None:
    """A stop, a grant, an override and a run of others, all in force."""
    async with shop.open(app) as hitl:
        given = await hitl.grant(Allowance(tool="note"), by="bob", lasts=timedelta(hours=1), reason="mine")
        run = await hitl.start("A", by="carol")
        done = await voted(hitl, "B", ANN)
        await hitl.override(done.id, "other", by="bob", reason="better")
        await hitl.stop(StopScope.TOOL, "pay", by="bob", reason="mine")
        left = (await hitl.overrides(done.id), await hitl.stops(), await hitl.run(run.id), await hitl.grants())
        await erased(hitl)
        now = (await hitl.overrides(done.id), await hitl.stops(), await hitl.run(run.id), await hitl.grants())
        assert now == left
        assert given in left[-1]


async def test_who_is_in_no_record_is_not_found(shop: Shop) -> None:
    async with shop.open(app) as hitl:
        run = await hitl.start("A", by=f"{ANN}0")
        with pytest.raises(PersonNotFound, match="named nowhere"):
            await erased(hitl)
        assert (await hitl.run(run.id)).started_by == f"{ANN}0"
        assert await trail(hitl, "person.erased") == []


async def test_erasing_a_person_is_for_somebody_of_every_tenant_with_the_role(shop: Shop) -> None:
    shop.people("""
[people.dora]
roles = ["privacy"]
tenant = "*"
[people.eve]
roles = ["privacy"]
[people.fred]
tenant = "*"
""")
    shop.authority = Authority({Act.ERASE: ("privacy",)})
    async with shop.open(app) as hitl:
        run = await hitl.start("A", by=ANN)
        await hitl.cancel(run.id, by="fred")
        for name, why in (("eve", "tenant"), ("fred", "needs role privacy"), ("mallory", "not in the directory")):
            with pytest.raises(NotPermitted, match=why):
                await hitl.erase_person(ANN, by=name, reason="")
        refused = await trail(hitl, "act.refused")
        assert [(line.actor, line.subject) for line in refused] == [
            ("eve", "person"),
            ("fred", "person"),
            ("mallory", "person"),
        ]
        assert (await hitl.run(run.id)).started_by == ANN
        assert (await erased(hitl)).records == 2


# ── the trail of a run that is erased ────────────────────────────────────────────────────────────────────────


async def test_with_a_run_the_names_and_reasons_of_its_trail_go(shop: Shop) -> None:
    async with shop.open(app) as hitl:
        run = await hitl.start("PRIVATE-1", by="PRIVATE-carol")
        await hitl.respond(run.pending[0].approve(by="PRIVATE-ann", reason="PRIVATE-reason"))
        await hitl.resume(run.id)
        other = await hitl.start("B", by="carol")
        await hitl.cancel(other.id, by="bob", reason="because of rain")
        await hitl.erase(run.id, by="dora", reason="asked for")
        lines = await trail(hitl)
        assert [line.actor for line in lines if line.event == "request.decided"] == ["(erased)"]
        assert [line.actor for line in lines if line.event == "run.cancelled"] == ["bob"]
        (line,) = [line for line in lines if line.event == "run.erased"]
        assert (line.actor, json.loads(line.body)["reason"], json.loads(line.body)["apart"]) == ("dora", "asked for", 3)
        assert json.loads(line.body)["authenticated_by"] == "assertion"
        assert b"PRIVATE" not in raw(shop.folder)
    assert (await shop.verified()).findings == ()
