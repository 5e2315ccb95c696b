"""Erasing what a run has said: it is gone from the file, that it ran stays, and the trail verifies."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hitl_adapters.plain import Refused, gate
from hitl_core.audit import account
from hitl_core.commands import EraseRun, ListRequests, ReadAudit, ReopenRun
from hitl_core.errors import OverrideRefused, RunBusy, RunFinished, RunNotFound
from hitl_core.lifecycle import ActionState, RequestState
from hitl_core.protocol import PauseRequest, Run, RunState, UndoState
from hitl_core.runtime import Runtime, record_of
from tests.core.shop import Shop, policy, rule, trail
from tests.core.stores.columns import written

PRIVATE = "PRIVATE"
TWO = policy(rule("two", level="confirm", approvers={"users": ["PRIVATE-ann", "PRIVATE-bob"], "quorum": 2}))
ALL_FREE = policy(
    rule("free", match={"tool": "pay"}, level="autonomous", allow_irreversible="a test"),
    rule("undos", match={"tool": "undo:pay"}, level="confirm"),
)
TOGETHER = policy(rule("together", match={"tool": "pay"}, level="collaborate"))


@gate.guard
async def refund(order: str, meta: dict[str, str]) -> str:
    if order.endswith("lost"):
        raise ValueError(f"{order} is dead")
    return f"paid {order}"


async def app(given: Any) -> object:
    await gate.step(lambda: "PRIVATE-step")
    try:
        return {"done": await refund(given["order"], {"to": "PRIVATE-meta"})}
    except Refused as exc:
        return {"refused": str(exc)}


async def said(hitl: Runtime, request: PauseRequest, decision: str, *fields: Any) -> None:
    for name in ("PRIVATE-ann", "PRIVATE-bob"):
        answer = getattr(request, decision)(*fields, by=name, reason="PRIVATE-reason")
        await hitl.respond(answer)


async def ended(hitl: Runtime, order: str = "PRIVATE-1", decision: str = "approve", *fields: Any) -> Run:
    run = await hitl.start({"order": order}, by="PRIVATE-carol", thread="PRIVATE-thread")
    await hitl.steer(run.id, "PRIVATE-words", by="PRIVATE-dan")
    await said(hitl, run.pending[0], decision, *fields)
    return await hitl.resume(run.id)


def in_bodies_and_rows(folder: Path) -> str:
    """All that the database holds beside the trail and what it keeps once for many."""
    return written(folder / "shop.db", beside=("hitl_audit", "hitl_audiences"))


EDITED = {"order": "PRIVATE-2", "meta": {"to": "PRIVATE-else"}}


@pytest.mark.parametrize(
    ("order", "decision", "fields"),
    [
        ("PRIVATE-1", "approve", ()),
        ("PRIVATE-1", "edit", (EDITED,)),
        ("PRIVATE-lost", "approve", ()),
    ],
)
async def test_what_a_run_has_said_is_gone(shop: Shop, order: str, decision: str, fields: tuple[Any, ...]) -> None:
    shop.policy = TWO
    async with shop.open(app) as hitl:
        run = await ended(hitl, order, decision, *fields)
        assert run.state is RunState.COMPLETED
    assert PRIVATE in in_bodies_and_rows(shop.folder)
    async with shop.open(app) as hitl:
        erased = await hitl.erase(run.id, by="dora", reason="asked for")
        again = await hitl.erase(run.id, by="eve", reason="once more")
        assert again == erased
        (asked,) = (await hitl.store.fetch(ListRequests(tuple(RequestState), run_id=run.id))).items
        assert asked.response is not None
        assert (asked.response.decision.type, asked.response.responder.id) == (decision, "(erased)")
        assert asked.request.digest == asked.response.digest
        (effect,) = await hitl.effects(run.id)
        assert (effect.action.tool, effect.action.arguments, effect.result) == ("refund", {}, None)
        assert effect.state is (ActionState.FAILED if order.endswith("lost") else ActionState.EXECUTED)
        entries = (await hitl.store.fetch(ReadAudit(run_id=run.id))).items
        assert [entry.actor for entry in entries if entry.event == "run.erased"] == ["dora"]
        told = account(await record_of(hitl.store, run.id))
        assert "by dora, by order" in next(fact.value for fact in told.summary.facts if fact.name == "Erased")
    assert PRIVATE not in in_bodies_and_rows(shop.folder)
    assert b"PRIVATE-meta" not in (shop.folder / "shop.db").read_bytes()
    assert (await shop.verified()).findings == ()


@pytest.mark.parametrize(("value", "left"), [("PRIVATE-words", "(erased)"), (5, None), (["PRIVATE"], [])])
async def test_what_a_person_answered_is_gone_whatever_it_was(shop: Shop, value: Any, left: Any) -> None:
    async with shop.open(app) as hitl:
        run = await hitl.start({"order": "A"})
        await hitl.respond(run.pending[0].answer(value, by="PRIVATE-ann"))
        await hitl.resume(run.id)
        await hitl.erase(run.id, by="dora", reason="")
        answer = (await hitl.request(run.pending[0].id)).response
        assert answer is not None
        assert answer.decision.model_dump() == {"type": "answer", "value": left}
    assert PRIVATE not in in_bodies_and_rows(shop.folder).replace("PRIVATE-step", "")


async def test_only_a_run_that_is_over_is_erased(shop: Shop) -> None:
    async with shop.open(app) as hitl:
        run = await hitl.start({"order": "A"})
        with pytest.raises(RunBusy, match="cancel it first"):
            await hitl.erase(run.id, by="dora", reason="")
        with pytest.raises(RunNotFound):
            await hitl.erase("nowhere", by="dora", reason="")
        assert run.pending == (await hitl.run(run.id)).pending


async def test_what_is_erased_does_not_go_on(shop: Shop) -> None:
    async with shop.open(app) as hitl:
        run = await hitl.start({"order": "A"})
        await hitl.respond(run.pending[0].approve(by="ann"))
        await hitl.resume(run.id)
        await hitl.erase(run.id, by="dora", reason="")
        with pytest.raises(RunFinished, match="is erased"):
            await hitl.store.apply(ReopenRun(run.id, "w", 30, "eve", "", shop.clock.now()))


@gate.guard(undo=lambda receipt, arguments: f"took back {receipt}")
async def pay(order: str) -> str:
    return f"paid {order}"


async def paying(given: Any) -> str:
    return await pay(order=given["order"])


async def test_with_a_run_its_undos_are_erased_and_what_was_put_in_the_place_of_its_output(shop: Shop) -> None:
    shop.policy = ALL_FREE
    async with shop.open(paying) as hitl:
        run = await hitl.start({"order": "PRIVATE-1"})
        await hitl.override(run.id, "PRIVATE-new", by="PRIVATE-ann", reason="PRIVATE-reason")
        undo = (await hitl.undo(run.id, by="PRIVATE-bob", reason="PRIVATE-why")).run
        with pytest.raises(RunBusy, match="which undoes"):
            await hitl.erase(run.id, by="dora", reason="")
        shop.clock.advance(7200)
        assert await hitl.retain(older_than=timedelta(hours=1), by="cron") == 0
        await hitl.respond(undo.pending[0].approve(by="ann"))
        assert (await hitl.resume(undo.id)).state is RunState.COMPLETED
        await hitl.erase(run.id, by="dora", reason="asked for")
        assert (await hitl.run(undo.id)).undoes == run.id
        assert await hitl.overrides(run.id) == ()
        with pytest.raises(OverrideRefused, match="is erased"):
            await hitl.override(run.id, "again", by="ann")
        (left,) = (await hitl.undo(run.id, by="ann")).calls
        assert left.state is UndoState.UNDONE
    assert PRIVATE not in in_bodies_and_rows(shop.folder)
    assert (await shop.verified()).findings == ()


async def test_an_undo_that_was_erased_before_its_run_stays_erased_once(shop: Shop) -> None:
    shop.policy = ALL_FREE
    async with shop.open(paying) as hitl:
        run = await hitl.start({"order": "PRIVATE-1"})
        undo = (await hitl.undo(run.id, by="bob")).run
        await hitl.respond(undo.pending[0].approve(by="ann"))
        await hitl.resume(undo.id)
        await hitl.erase(undo.id, by="dora", reason="asked for")
        await hitl.erase(run.id, by="dora", reason="asked for")
        assert [entry.subject for entry in await trail(hitl, "run.erased")] == [undo.id, run.id]


async def test_the_versions_of_a_draft_are_erased_and_what_the_agent_was_asked(shop: Shop) -> None:
    shop.policy = TOGETHER
    async with shop.open(paying) as hitl:
        run = await hitl.start({"order": "PRIVATE-1"})
        (request,) = run.pending
        made = await hitl.change_draft(
            request.id, {"order": "PRIVATE-2"}, base=1, by="PRIVATE-ann", note="PRIVATE-note"
        )
        await hitl.respond(request.accept(made, by="PRIVATE-ann"))
        assert (await hitl.resume(run.id)).output == "paid PRIVATE-2"
        await hitl.erase(run.id, by="dora", reason="asked for")
        assert await hitl.draft(request.id) == ()
        assert (await hitl.request(request.id)).state is RequestState.CLOSED
    assert PRIVATE not in in_bodies_and_rows(shop.folder)
    assert (await shop.verified()).findings == ()


async def test_what_is_erased_cannot_be_undone(shop: Shop) -> None:
    shop.policy = ALL_FREE
    async with shop.open(paying) as hitl:
        run = await hitl.start({"order": "PRIVATE-1"})
        await hitl.erase(run.id, by="dora", reason="asked for")
        (left,) = (await hitl.undo(run.id, by="ann")).calls
        assert (left.state, "no receipt" in left.why) == (UndoState.NOT_UNDOABLE, True)


async def test_retention_takes_what_is_over_for_long_enough(shop: Shop) -> None:
    async with shop.open(app) as hitl:
        old, waits = await hitl.start({"order": "A"}), await hitl.start({"order": "B"})
        await hitl.cancel(old.id, by="ann")
        shop.clock.advance(3600)
        young = await hitl.start({"order": "C"})
        await hitl.cancel(young.id, by="ann")
        shop.clock.advance(1800)
        assert await hitl.retain(older_than=timedelta(hours=1), by="cron") == 1
        assert await hitl.retain(older_than=timedelta(hours=1), by="cron") == 0
        erased = [each.id for each in (await hitl.runs()).items if (each.model_extra or {}).get("erased")]
        assert erased == [old.id]
        assert (await hitl.run(waits.id)).input == {"order": "B"}
        told = account(await record_of(hitl.store, old.id))
        assert any("because of its age" in fact.value for fact in told.summary.facts)
    assert (await shop.verified()).findings == ()


async def test_what_is_damaged_is_erased_too(shop: Shop) -> None:
    async with shop.open(app) as hitl:
        run = await hitl.start({"order": "PRIVATE-1"})
        await hitl.cancel(run.id, by="ann")
    with sqlite3.connect(shop.folder / "shop.db") as connection:
        connection.execute("UPDATE hitl_bodies SET digest = x'00' WHERE key IN (SELECT body FROM hitl_requests)")
    connection.close()
    async with shop.open(app) as hitl:
        await hitl.store.apply(EraseRun(run.id, "dora", "", shop.clock.now()))
    assert "PRIVATE-1" not in in_bodies_and_rows(shop.folder)


def test_every_table_that_belongs_to_runs_is_known_to_erasing(tmp_path: Path) -> None:
    """A table that is added has to be thought of: is anything private in it?"""
    from hitl_core.stores.sqlite.file import connect, migrate
    from hitl_core.stores.sqlite.file.location import Location

    location = Location(tmp_path / "new.db")
    connection = connect(location, writes=True, create=True)
    migrate(connection, location)
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    emptied = {
        *("hitl_runs", "hitl_requests", "hitl_votes", "hitl_effects", "hitl_journal", "hitl_guidance"),
        *("hitl_overrides", "hitl_drafts", "hitl_comments", "hitl_bodies", "hitl_apart", "hitl_grants", "hitl_slips"),
        "hitl_said",
    }
    holds_nothing_private = {"hitl_past", "hitl_timers", "hitl_undone", "hitl_woken", "hitl_grant_uses"}
    of_no_run = {
        "hitl_apps",
        "hitl_assigned",
        "hitl_audiences",
        "hitl_audit",
        "hitl_origins",
        "hitl_quotas",
        "hitl_stops",
        "hitl_store",
        "hitl_workers",
    }
    assert tables == emptied | holds_nothing_private | of_no_run
