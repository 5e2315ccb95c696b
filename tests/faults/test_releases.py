"""Scenarios 37 and 38: what one release has left waiting is resumed by the next; what is newer is left alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hitl_core.audit import verify
from hitl_core.commands import ClaimRuns, GetCheckpoint, ListRequests, OpenRun, PauseRun
from hitl_core.errors import ProtocolUnknown, StoreTooNew
from hitl_core.protocol import Run, RunState
from hitl_core.stores.sql.tables import bodies, column
from hitl_core.testing.clock import START
from tests.core.stores.world import World
from tests.faults.diary import LEDGER, Diary
from tests.faults.hand import change, found
from tests.faults.installed import Installed
from tests.faults.places import SQLITE, Place
from tests.faults.record import CAME, WAITING, respond, restored
from tests.faults.scenarios import FULL, scenario
from tests.tree.source import ROOT

pytestmark = pytest.mark.processes

RECORDINGS = sorted((ROOT / "tests" / "faults" / "recorded").glob("*.sql"))
LATER = [{"protocol": "9.0"}, {"kind": "dance"}]
OWN_EFFECTS = {"pay": 120.5, "edited": 90.0, "answered": 120.5}


def an_app(place: Place) -> Installed:
    desk = Installed.at(place)
    text = desk.config.read_text(encoding="utf-8").replace("tests.faults.installed:agent", "tests.faults.record:agent")
    desk.config.write_text(text, encoding="utf-8")
    return desk


def named(run: Run) -> str:
    """Which of what was recorded this is."""
    assert isinstance(run.input, dict)
    return str(run.input["do"])


async def over(desk: Installed) -> dict[str, Any]:
    """People answer, a worker works, and this is what came of each."""
    async with desk.open() as hitl:
        for run in (await hitl.runs()).items:
            for request in (await hitl.run(run.id)).pending:
                await hitl.respond(respond(named(run), request))
    worked = desk.hitl("worker", "--until-idle")
    assert worked.returncode == 0, worked.stderr
    async with desk.open() as hitl:
        runs = (await hitl.runs()).items
    assert {run.state for run in runs} == {RunState.COMPLETED}
    return {named(run): run.output for run in runs}


@scenario(37)
@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
async def test_what_a_release_left_waiting_is_resumed_by_this_one(on_sqlite: Place, recording: Path) -> None:
    """Fails if a migration, a record or the journal of the adapter is not read any more as that release wrote it."""
    restored(recording, on_sqlite.folder)
    desk = an_app(on_sqlite)
    async with desk.open() as hitl:
        assert {named(run): run.state.value for run in (await hitl.runs()).items} == WAITING
    assert await over(desk) == CAME
    paid = [line["amount"] for line in Diary(on_sqlite.folder / LEDGER).lines]
    assert sorted(paid) == sorted(OWN_EFFECTS.values()), "what was paid before it was recorded is not paid again"
    store = await on_sqlite.store()
    assert (await verify(store, store.custody)).findings == ()
    await store.close()


@scenario(37)
@pytest.mark.postgres
@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
async def test_the_records_of_a_release_are_resumed_on_a_server(
    on_postgres: Place, tmp_path: Path, recording: Path
) -> None:
    """Requests and checkpoints that are only pauses: a server has them as they are."""
    restored(recording, tmp_path)
    old, new = await Place(SQLITE, tmp_path).store(), await on_postgres.store()
    waiting = (await old.fetch(ListRequests(limit=100))).items
    async with Installed.at(Place(SQLITE, tmp_path)).open() as hitl:
        runs = {run.id: run for run in (await hitl.runs()).items}
    moved = []
    for request in (each.request for each in waiting):
        run = runs[request.run_id]
        if named(run) == "twice":
            continue
        checkpoint = await old.fetch(GetCheckpoint(run.id))
        again = run.model_copy(update={"state": RunState.RUNNING, "pending": (), "app": "tests.faults.record:agent"})
        claimed = await new.apply(OpenRun(again, "elsewhere", 30, run.created_at))
        await new.apply(PauseRun(claimed.lease, checkpoint, (request,), run.created_at))
        moved.append(named(run))
    await old.close()
    await new.close()
    assert await over(an_app(on_postgres)) == {name: CAME[name] for name in moved}
    assert {"pay", "edited", "refused", "ask", "choose", "review"} <= set(moved)


def rewrite(place: Place, request: str, **fields: Any) -> None:
    """Let a stored request say something else, as another release would have written it."""
    ((key, data),) = found(
        place,
        "SELECT b.key, b.data FROM hitl_bodies b JOIN hitl_requests q ON q.body = b.key WHERE q.id = ?",
        column(request),
    )
    text = json.dumps({**json.loads(bodies.unpack(bytes(data))), **fields})
    body = bodies.pack_text(text, what="request", limit=bodies.REQUEST_LIMIT)
    change(place, "UPDATE hitl_bodies SET digest = ?, data = ? WHERE key = ?", given=(*body, key))


@scenario(37)
@pytest.mark.parametrize("later", LATER if FULL else LATER[:1], ids=str)
async def test_a_request_of_an_unknown_version_is_named_and_never_run(place: Place, later: dict[str, Any]) -> None:
    """Fails if a version that is not known is read as one that is (settled.py, `_parsed`)."""
    desk = Installed.at(place)
    strange, known = await desk.paused(2)
    rewrite(place, strange.pending[0].id, **later)
    listed = desk.hitl("inbox")
    assert listed.returncode == 0
    assert f"request {strange.pending[0].id} is passed over: HITL-R04" in listed.stderr
    async with desk.open() as hitl:
        with pytest.raises(ProtocolUnknown, match="does not read"):
            await hitl.respond(strange.pending[0].approve(by="ann"))
        await hitl.respond(known.pending[0].approve(by="ann"))
    assert desk.hitl("worker", "--until-idle").returncode == 0
    assert [line["order"] for line in Diary(place.folder / LEDGER).lines] == ["A-1"]


@scenario(38)
async def test_an_older_process_leaves_a_newer_store_alone(place: Place) -> None:
    """Fails if the version of the schema is not looked at before anything else (schema.py)."""
    desk = Installed.at(place)
    (run,) = await desk.paused()
    async with desk.open() as hitl:
        await hitl.respond(run.pending[0].approve(by="ann"))
    newer = "UPDATE hitl_store SET schema = 99" if place.on_postgres else "PRAGMA user_version = 99"
    change(place, newer)
    before = found(place, "SELECT COUNT(*), MAX(seq) FROM hitl_audit")
    worked = desk.hitl("worker", "--until-idle")
    assert worked.returncode != 0
    assert "upgrade hitl-core" in " ".join(worked.stderr.split())
    with pytest.raises(StoreTooNew):
        await place.store()
    assert found(place, "SELECT COUNT(*), MAX(seq) FROM hitl_audit") == before
    assert Diary(place.folder / LEDGER).lines == []


@scenario(38)
async def test_an_older_process_leaves_a_run_alone_that_a_newer_one_has_kept(place: Place) -> None:
    """Fails if a claim takes what this process cannot load (claims.py, `formats`)."""
    desk = Installed.at(place)
    newer, ours = await desk.paused(2)
    async with desk.open() as hitl:
        for run in (newer, ours):
            await hitl.respond(run.pending[0].approve(by="ann"))
    columns = "backend, app, version, tenant, format"
    change(
        place,
        f"INSERT INTO hitl_apps ({columns}) SELECT backend, app, version, tenant, 'plain 99' FROM hitl_apps"
        " WHERE key = (SELECT app FROM hitl_runs WHERE key = 1)",
        "UPDATE hitl_runs SET app = (SELECT MAX(key) FROM hitl_apps) WHERE key = 1",
        "UPDATE hitl_woken SET app = (SELECT MAX(key) FROM hitl_apps) WHERE run = 1",
    )
    store = await place.store()
    ((ours_now,),) = found(place, "SELECT a.format FROM hitl_apps a JOIN hitl_runs r ON r.app = a.key WHERE r.key = 2")
    reads = ClaimRuns("worker-1", 30, START, 10, formats=("", ours_now))
    assert [each.run.id for each in await store.apply(reads)] == [ours.id]
    assert await store.apply(reads) == ()
    world = World(store)
    assert await world.run_state(newer) is RunState.READY
    (later,) = await store.apply(replace(reads, formats=("", "plain 99")))
    assert later.run.id == newer.id
    await store.close()
