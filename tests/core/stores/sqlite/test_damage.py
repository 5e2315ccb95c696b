"""Bit rot: a damaged row is never used, the others go on, and it is said which one it was."""

from __future__ import annotations

import json
import logging
import random
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hitl_core.audit import verify
from hitl_core.commands import (
    BeginEffect,
    CancelRun,
    EndEffect,
    GetCheckpoint,
    GetRequest,
    GetRun,
    ListEffects,
    ListProposed,
    ListRequests,
    ListRuns,
    Look,
    OpenGroup,
    PerformEffect,
    Query,
    ReadLoad,
    Recall,
    RecordResponse,
    Remember,
    WriteNote,
)
from hitl_core.errors import DigestMismatch, ProtocolUnknown, RowCorrupt, StoreUnavailable
from hitl_core.lifecycle import ActionState, RequestState
from hitl_core.protocol import Action, Approvers, ClientTool, EffectMode, Executed, PauseRequest, Run, RunState
from hitl_core.stores.sql.dispatch import COMMANDS
from hitl_core.stores.sql.tables import Transaction, bodies
from hitl_core.stores.sql.tables.identity import column
from hitl_core.stores.sql.tables.settled import Understood
from hitl_core.stores.sqlite import SqliteStore
from tests.core.desk import request as desk_request
from tests.core.stores.world import REFUND, World


class Desk:
    """A store in a file, and a hand that changes bits in it."""

    def __init__(self, path: Path, store: SqliteStore) -> None:
        self.path = path
        self.store = store
        self.world = World(store)

    def flip(self, select: str, *given: Any) -> None:
        """Flip one bit in the body whose key `select` finds."""
        connection = sqlite3.connect(self.path)
        (key,) = connection.execute(select, given).fetchone()
        (data,) = connection.execute("SELECT data FROM hitl_bodies WHERE key = ?", (key,)).fetchone()
        place = random.randrange(len(data) * 8)
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        connection.execute("UPDATE hitl_bodies SET data = ? WHERE key = ?", (bytes(changed), key))
        connection.commit()
        connection.close()

    def rewrite(self, request: PauseRequest, column_name: str = "body", **fields: Any) -> None:
        """Let the stored request (or its response) say something else, with its digest in order."""
        connection = sqlite3.connect(self.path)
        select = f"SELECT {column_name} FROM hitl_requests WHERE id = ?"
        (key,) = connection.execute(select, (column(request.id),)).fetchone()
        (data,) = connection.execute("SELECT data FROM hitl_bodies WHERE key = ?", (key,)).fetchone()
        text = json.dumps({**json.loads(bodies.unpack(data)), **fields})
        body = bodies.pack_text(text, what="request", limit=bodies.REQUEST_LIMIT)
        connection.execute("UPDATE hitl_bodies SET digest = ?, data = ? WHERE key = ?", (*body, key))
        connection.commit()
        connection.close()

    def change(self, statement: str, *given: Any) -> None:
        connection = sqlite3.connect(self.path)
        connection.execute(statement, given)
        connection.commit()
        connection.close()

    def flip_request(self, request: PauseRequest, what: str = "body") -> None:
        self.flip(f"SELECT {what} FROM hitl_requests WHERE id = ?", column(request.id))

    def flip_run(self, run: Run, what: str) -> None:
        self.flip(f"SELECT {what} FROM hitl_runs WHERE id = ?", column(run.id))


@pytest.fixture
async def desk(tmp_path: Path) -> Any:
    store = await SqliteStore.open(tmp_path / "desk.db")
    yield Desk(tmp_path / "desk.db", store)
    await store.close()


async def test_a_damaged_request_is_not_used(desk: Desk) -> None:
    run, (request,) = await desk.world.paused()
    desk.flip_request(request)
    with pytest.raises(RowCorrupt, match=request.id):
        await desk.store.fetch(GetRequest(request.id))
    with pytest.raises(RowCorrupt):
        await desk.store.fetch(Look(run.id, request.call))
    with pytest.raises(RowCorrupt):
        await desk.world.answer(request.approve(by="ann"))
    assert "request.decided" not in await desk.world.events()


async def test_a_damaged_request_is_counted_and_its_age_is_not_known(desk: Desk) -> None:
    _, (request,) = await desk.world.paused()
    desk.flip_request(request)
    load = await desk.store.fetch(ReadLoad())
    assert (load.open, load.oldest, load.levels) == (1, None, (OpenGroup("confirm", 1),))


async def test_the_inbox_skips_a_damaged_request_and_notes_it_once(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    run, (first, bad, last) = await desk.world.paused(count=3)
    desk.flip_request(bad)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            page = await desk.store.fetch(ListRequests())
            assert [each.request.id for each in page.items] == [first.id, last.id]
    assert bad.id in caplog.text
    assert [each.id for each in (await desk.store.fetch(GetRun(run.id))).pending] == [first.id, last.id]
    await desk.world.open()
    damaged = [entry for entry in await desk.world.trail() if entry.event == "row.damaged"]
    assert [(entry.subject, entry.body) for entry in damaged] == [(bad.id, '{"what":"request"}')]


async def test_damage_that_could_not_be_noted_is_noted_when_it_is_read_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(txn: Transaction, command: WriteNote) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    _, (bad,) = await desk.world.paused()
    desk.flip_request(bad)
    with monkeypatch.context() as broken:
        broken.setitem(COMMANDS, WriteNote, fails)
        assert (await desk.store.fetch(ListRequests())).items == ()
        await desk.world.open()  # carried out behind the note
    assert "row.damaged" not in await desk.world.events()
    for _ in range(3):
        assert (await desk.store.fetch(ListRequests())).items == ()
        await desk.world.open()
    assert (await desk.world.events()).count("row.damaged") == 1


async def test_an_effect_that_reads_what_is_damaged_is_answered_and_it_is_noted_later(desk: Desk) -> None:
    """In an effect nothing can be noted: the writer would wait for itself."""
    _, (bad,) = await desk.world.paused()
    lease, _ = await desk.world.approved()
    desk.flip_request(bad)
    begin = BeginEffect(lease, "refund#1", REFUND, EffectMode.TRANSACTIONAL, desk.world.now)
    effect = PerformEffect(begin, lambda connection: len(desk.store.fetch_blocking(ListRequests()).items))
    performed = await desk.store.apply(effect)
    assert (performed.state, performed.result) == (ActionState.EXECUTED, 0)
    assert "row.damaged" not in await desk.world.events()
    await desk.store.fetch(ListRequests())
    await desk.world.open()
    assert (await desk.world.events()).count("row.damaged") == 1


async def test_a_damaged_response_or_vote_is_not_used(desk: Desk) -> None:
    _, (decided, voted) = await desk.world.paused(count=2, approvers=Approvers(quorum=2))
    for voter in ("bob", "ann"):
        await desk.world.answer(decided.approve(by=voter))
    await desk.world.answer(voted.approve(by="ann"))
    desk.flip_request(decided, "response")
    desk.flip("SELECT body FROM hitl_votes ORDER BY request DESC")
    for request in (decided, voted):
        with pytest.raises(RowCorrupt):
            await desk.store.fetch(GetRequest(request.id))
        with pytest.raises(RowCorrupt):
            await desk.store.apply(RecordResponse(request.approve(by="bob"), desk.world.now))


async def test_a_body_that_is_gone_is_damage_too(desk: Desk) -> None:
    _, (request,) = await desk.world.paused()
    claimed = await desk.world.open()
    desk.change("DELETE FROM hitl_bodies")
    with pytest.raises(RowCorrupt):
        await desk.store.fetch(GetRequest(request.id))
    with pytest.raises(RowCorrupt, match="missing"):
        await desk.store.fetch(GetRun(claimed.run.id))
    assert (await desk.store.fetch(ListRequests())).items == ()


async def test_tools_that_nobody_could_have_stored_are_damage(desk: Desk) -> None:
    claimed = await desk.world.open(tools=(ClientTool(name="pick"),))
    body = bodies.pack([{"name": "no name"}], what="tools", limit=bodies.RESULT_LIMIT)
    desk.change("UPDATE hitl_bodies SET digest = ?, data = ? WHERE key = (SELECT tools FROM hitl_runs)", *body)
    with pytest.raises(RowCorrupt, match=claimed.run.id):
        await desk.store.fetch(GetRun(claimed.run.id))


@pytest.mark.parametrize("state", ["'oqen'", "CAST(x'6fff' AS TEXT)", "7"])
async def test_a_state_that_does_not_exist_is_damage(desk: Desk, state: str) -> None:
    _, (request, other) = await desk.world.paused(count=2)
    desk.change(f"UPDATE hitl_requests SET state = {state} WHERE id = ?", column(request.id))
    with pytest.raises(RowCorrupt, match="state"):
        await desk.store.fetch(GetRequest(request.id))
    page = await desk.store.fetch(ListRequests(states=()))
    assert [each.request.id for each in page.items] == [other.id]


async def test_a_run_whose_checkpoint_is_damaged_fails_and_others_go_on(desk: Desk) -> None:
    bad, good = [(await desk.world.pause(await desk.world.open())) for _ in range(2)]
    desk.flip_run(bad, "checkpoint")
    with pytest.raises(RowCorrupt, match="checkpoint"):
        await desk.store.fetch(GetCheckpoint(bad.id))
    assert await desk.world.claims() == [good.id]
    failed = await desk.store.fetch(GetRun(bad.id))
    assert failed.state is RunState.FAILED
    assert "HITL-S04" in failed.error
    assert (await desk.world.events(bad))[-1] == "run.failed"
    assert await desk.world.claims() == []


async def test_a_run_whose_input_is_damaged_is_not_listed_and_hides_no_other(desk: Desk) -> None:
    bad, good = (await desk.world.open()).run, (await desk.world.open()).run
    desk.flip_run(bad, "input")
    assert [run.id for run in (await desk.store.fetch(ListRuns())).items] == [good.id]
    with pytest.raises(RowCorrupt, match="input"):
        await desk.store.fetch(GetRun(bad.id))


async def test_damaged_effects_and_journal_values_are_not_used(desk: Desk) -> None:
    claimed = await desk.world.open()
    lease, now = claimed.lease, desk.world.now
    await desk.world.begin(lease)
    await desk.store.apply(EndEffect(lease, "refund#1", Executed({"paid": 120.5}), now))
    await desk.store.apply(Remember(lease, "key", "value", now))
    desk.flip("SELECT result FROM hitl_effects")
    desk.flip("SELECT body FROM hitl_journal")
    queries: list[Query[Any]] = [ListEffects(claimed.run.id), Look(claimed.run.id, "refund#1"), Recall(claimed.run.id)]
    for query in queries:
        with pytest.raises(RowCorrupt):
            await desk.store.fetch(query)
    with pytest.raises(RowCorrupt):
        await desk.store.apply(Remember(lease, "key", "other", now))


async def test_a_damaged_action_does_not_begin_again(desk: Desk) -> None:
    claimed = await desk.world.open()
    await desk.world.begin(claimed.lease)
    desk.flip("SELECT action FROM hitl_effects")
    with pytest.raises(RowCorrupt, match="action"):
        await desk.store.fetch(ListEffects(claimed.run.id))


# ── written by another release ───────────────────────────────────────────────────────────────────────────────

LATER = [{"protocol": "9.0"}, {"kind": "dance"}, {"allowed": ["approve", "nod"]}]
"""What a later release may put into a request."""


@pytest.mark.parametrize("later", LATER, ids=str)
async def test_a_request_that_only_a_later_release_reads_hides_no_other(
    desk: Desk, later: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    run, (first, strange, last) = await desk.world.paused(count=3)
    desk.rewrite(strange, **later)
    for query in (ListRequests(), ListRequests(states=()), ListRequests(run_id=run.id)):
        assert [each.request.id for each in (await desk.store.fetch(query)).items] == [first.id, last.id]
    assert [each.id for each in (await desk.store.fetch(GetRun(run.id))).pending] == [first.id, last.id]
    assert f"request {strange.id} is passed over" in caplog.text
    for look in (GetRequest(strange.id), Look(run.id, strange.call)):
        with pytest.raises(ProtocolUnknown, match="does not read"):
            await desk.store.fetch(look)
    assert "row.damaged" not in await desk.world.events()


async def test_such_a_request_decides_nothing_and_holds_up_nobody(desk: Desk) -> None:
    run, (strange, other) = await desk.world.paused(count=2, deadline=desk.world.now + timedelta(seconds=60))
    free, _ = await desk.world.paused()
    desk.rewrite(strange, kind="dance")
    await desk.world.answer(other.approve(by="ann"))
    assert await desk.world.run_state(run) is RunState.PAUSED  # it still waits for what we cannot read
    desk.world.later(60)
    assert await desk.world.fire() == []
    assert await desk.world.claims() == [run.id]
    assert await desk.world.run_state(free) is RunState.PAUSED


async def test_a_response_that_only_a_later_release_reads_is_named(desk: Desk) -> None:
    _, (request, other) = await desk.world.paused(count=2)
    for each in (request, other):
        await desk.world.answer(each.approve(by="ann"))
    desk.rewrite(request, "response", protocol="9.0")
    with pytest.raises(ProtocolUnknown, match=r"this Response .* 9\.0|9\.0"):
        await desk.store.fetch(GetRequest(request.id))
    page = await desk.store.fetch(ListRequests(states=(RequestState.DECIDED,)))
    assert [each.request.id for each in page.items] == [other.id]


def test_what_was_understood_is_forgotten_before_it_is_too_much() -> None:
    understood, parsed = Understood(most=2), desk_request().to_json().encode()
    for number in range(5):
        understood.check(PauseRequest, bytes([number]), parsed)
    understood.check(PauseRequest, bytes([4]), b"known by its digest, so this is not parsed")
    with pytest.raises(ProtocolUnknown):
        understood.check(PauseRequest, bytes([0]), b"{}")


async def test_a_name_that_is_no_text_any_more_is_damage(desk: Desk) -> None:
    run, (request,) = await desk.world.paused()
    desk.change("UPDATE hitl_runs SET started_by = CAST(x'ff' AS TEXT)")
    with pytest.raises(RowCorrupt, match="damaged"):
        await desk.store.fetch(GetRun(run.id))
    with pytest.raises(RowCorrupt, match="damaged"):
        await desk.store.apply(CancelRun(run.id, "ann", "", desk.world.now))
    assert (await desk.world.answer(request.approve(by="ann"))).run_state is RunState.READY


@pytest.mark.parametrize("columns", ["started_by = x'ff'", "created = 9000000000000000000"])
async def test_a_run_whose_row_cannot_be_what_was_stored_hides_no_other(desk: Desk, columns: str) -> None:
    bad, good = [(await desk.world.open()).run for _ in range(2)]
    desk.change(f"UPDATE hitl_runs SET {columns} WHERE id = ?", column(bad.id))
    with pytest.raises(RowCorrupt, match=f"the row of run {bad.id} is damaged"):
        await desk.store.fetch(GetRun(bad.id))
    assert [run.id for run in (await desk.store.fetch(ListRuns())).items] == [good.id]


@pytest.mark.parametrize("columns", ["attempts = 'many'", "fence = x'00'", "started_by = x'ff'"])
async def test_a_run_that_cannot_be_read_fails_when_it_is_claimed_and_holds_up_no_other(
    desk: Desk, columns: str
) -> None:
    bad, good = [(await desk.world.pause(await desk.world.open())) for _ in range(2)]
    desk.change(f"UPDATE hitl_runs SET {columns} WHERE id = ?", column(bad.id))
    assert await desk.world.claims() == [good.id]
    assert await desk.world.claims() == []
    assert (await desk.world.events(bad))[-1] == "run.failed"


async def test_a_time_that_is_none_is_damage(desk: Desk) -> None:
    run, (request,) = await desk.world.paused()
    await desk.world.answer(request.approve(by="ann"))
    lease = (await desk.world.claim(run)).lease
    await desk.world.begin(lease, request_id=request.id)
    await desk.store.apply(EndEffect(lease, "refund#1", Executed("paid"), desk.world.now))
    desk.change("UPDATE hitl_effects SET ended = 9000000000000000000")
    desk.change("UPDATE hitl_audit SET at = 9000000000000000000 WHERE event = 'request.decided'")
    with pytest.raises(RowCorrupt, match=r"the call refund#1 is damaged"):
        await desk.store.fetch(ListEffects(run.id))
    with pytest.raises(RowCorrupt, match="the line about request"):
        await desk.store.fetch(GetRequest(request.id))


async def test_an_action_that_was_changed_under_its_approval_does_not_begin(desk: Desk) -> None:
    lease, request = await desk.world.approved()
    more = Action(tool="refund", arguments={"order": "A-1042", "amount": 9999.0})
    desk.rewrite(request, action=json.loads(more.to_json()))
    with pytest.raises(DigestMismatch, match=r"was changed outside of hitl-core"):
        await desk.world.begin(lease, request.call, more, request_id=request.id)
    assert await desk.store.fetch(ListEffects(request.run_id)) == ()


async def test_a_remembered_anchor_that_is_no_text_any_more_is_reported(desk: Desk) -> None:
    await desk.world.open()
    await desk.store.close()
    desk.change("UPDATE hitl_store SET anchor = CAST(x'ff' AS TEXT)")
    desk.store = await SqliteStore.open(desk.path, anchoring=False)
    report = await verify(desk.store, desk.store.custody)
    assert "not signed with this key" in str(report.findings[0])


async def test_a_name_of_the_store_that_is_no_text_any_more_is_said(desk: Desk) -> None:
    await desk.store.close()
    desk.change("UPDATE hitl_store SET origin = CAST(x'ff' AS TEXT)")
    with pytest.raises(StoreUnavailable):
        await SqliteStore.open(desk.path)


async def test_hundreds_of_flipped_bits_are_all_reported(desk: Desk) -> None:
    _, requests = await desk.world.paused(count=200)
    damaged = random.sample(requests, 150)
    for request in damaged:
        desk.flip_request(request)
    page = await desk.store.fetch(ListRequests(limit=500))
    assert {each.request.id for each in page.items} == {each.id for each in requests} - {each.id for each in damaged}


async def test_an_action_that_is_damaged_or_gone_does_not_hide_the_others(desk: Desk) -> None:
    claimed = await desk.world.open()
    for number in range(3):
        await desk.world.begin(claimed.lease, f"refund#{number}")
    asked = await desk.world.open()
    kept, gone, later = (desk.world.request(asked, f"refund#{number}") for number in range(3))
    await desk.world.pause(asked, kept, gone, later)
    desk.flip("SELECT action FROM hitl_effects WHERE call = 'refund#1'")
    with sqlite3.connect(desk.path) as connection:
        connection.execute("DELETE FROM hitl_effects WHERE call = 'refund#2'")
        connection.execute("DELETE FROM hitl_requests WHERE id = ?", (column(gone.id),))
        body = b'{"protocol": "9"}'
        made = connection.execute(
            "INSERT INTO hitl_bodies (digest, data) VALUES (?, ?)", (bodies.digest_of(body), body)
        )
        connection.execute("UPDATE hitl_requests SET body = ? WHERE id = ?", (made.lastrowid, column(later.id)))
    connection.close()
    page = await desk.store.fetch(ListProposed())
    assert [(each.call, each.request) for each in page.items] == [("refund#0", None), ("refund#0", kept.id)]
