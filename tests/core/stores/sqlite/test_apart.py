"""What is kept apart from the trail: who meddles with it is found, and what is erased is gone from the disk."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hitl_core.audit import Report, RunRecord, account, verify, verify_entries
from hitl_core.commands import CancelRun, Command, ErasePerson, EraseRun, GetRun, WriteNote
from hitl_core.commands import Note as Line
from hitl_core.errors import NotCanonical, PersonNotFound
from hitl_core.protocol import AuditEntry, AuditEvent
from hitl_core.stores.sql.erasing import persons
from hitl_core.stores.sql.tables import transaction
from hitl_core.stores.sqlite import SqliteStore
from hitl_core.stores.sqlite.engine import engine
from hitl_core.stores.sqlite.engine.job import Job
from hitl_core.stores.sqlite.file import Location, connect, folded
from hitl_core.testing.clock import START
from tests.core.stores.crowd import crowd
from tests.core.stores.world import World

ANN = "ann-4711"


async def opened(folder: Path) -> World:
    return World(await SqliteStore.open(folder / "desk.db"))


async def cancelled(world: World, by: str = ANN, reason: str = "SAID so") -> str:
    """A run that somebody has cancelled: lines 1 to 3 of an empty store, or 1 to 4 if it waited."""
    run, _ = await world.paused()
    await world.store.apply(CancelRun(run.id, by, reason, world.now, "assertion"))
    return run.id


def erase(world: World) -> ErasePerson:
    return ErasePerson(ANN, "dora", "asked for", world.now)


async def report(folder: Path) -> Report:
    store = await SqliteStore.open(folder / "desk.db")
    try:
        return await verify(store, store.custody)
    finally:
        await store.close()


def raw(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("desk.db*")))


def meddle(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "desk.db")) as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount > 0
        connection.commit()


# ── who meddles with it ──────────────────────────────────────────────────────────────────────────────────────

MEDDLING = {
    "another name": ("UPDATE hitl_apart SET value = 'eve' WHERE line = 4 AND place = 0", "is not the one"),
    "another salt": ("UPDATE hitl_apart SET salt = randomblob(16) WHERE line = 4 AND place = 0", "is not the one"),
    "no salt": ("UPDATE hitl_apart SET salt = 'x' WHERE line = 4 AND place = 0", "is not the one"),
    "taken away": ("DELETE FROM hitl_apart WHERE line = 4 AND place = 0", "is missing beside it"),
    "erased by nobody": (
        "UPDATE hitl_apart SET salt = NULL, value = 'eve', erased = 2 WHERE line = 4 AND place = 0",
        "1 names and texts are gone as erased by line 2, which records 0",
    ),
    "no place": ("UPDATE hitl_apart SET place = 'x' WHERE line = 4 AND place = 0", "is missing beside it"),
}


@pytest.mark.parametrize("act", MEDDLING)
async def test_whoever_meddles_with_what_is_kept_apart_is_found(tmp_path: Path, act: str) -> None:
    world = await opened(tmp_path)
    await cancelled(world)
    await world.store.close()
    assert (await report(tmp_path)).findings == ()
    statement, expected = MEDDLING[act]
    meddle(tmp_path, statement)
    (found,) = (await report(tmp_path)).findings
    assert (found.first, expected in str(found)) == (4, True)
    assert (await report(tmp_path)).exit_code == 1
    world = await opened(tmp_path)
    shown = (await world.trail())[3].actor
    await world.store.close()
    assert (shown == "eve") is (act == "erased by nobody")
    assert shown.startswith("~0:") or act == "erased by nobody"


async def test_more_cannot_be_erased_under_a_line_than_it_records(tmp_path: Path) -> None:
    world = await opened(tmp_path)
    await cancelled(world)
    await cancelled(world, by="bob")
    await world.store.apply(erase(world))
    await world.store.close()
    assert (await report(tmp_path)).findings == ()
    meddle(tmp_path, "UPDATE hitl_apart SET salt = NULL, value = 'x', erased = 11 WHERE value = 'bob'")
    (found,) = (await report(tmp_path)).findings
    assert "as erased by line 11, which records" in str(found)


async def test_what_an_export_shows_is_held_against_what_was_sealed(tmp_path: Path) -> None:
    world = await opened(tmp_path)
    await cancelled(world)
    custody = world.store.custody  # type: ignore[attr-defined]
    lines = [AuditEntry.model_validate_json(entry.to_json()) for entry in await world.trail()]
    await world.store.close()
    assert verify_entries(lines, custody).findings == ()
    for changed in ({"actor": "eve"}, {"body": "{}"}):
        forged = [each.model_copy(update=changed) if each.seq == 4 else each for each in lines]
        (found,) = verify_entries(forged, custody).findings
        assert (found.first, "what is shown is not what was sealed" in str(found)) == (4, True)
    assert lines[3].sealed is not None
    bare = lines[3].model_copy(update={"sealed": lines[3].sealed.model_copy(update={"apart": ()})})
    found, *_ = verify_entries([*lines[:3], bare, *lines[4:]], custody).findings
    assert "value 0 is missing beside it" in str(found)


# ── as older releases wrote ──────────────────────────────────────────────────────────────────────────────────


async def test_names_that_an_older_release_sealed_stay_verify_and_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await opened(tmp_path)
    with monkeypatch.context() as older:
        older.setattr(transaction, "set_apart", lambda event, actor, body: (actor, body, ()))
        old = await cancelled(world)
        await cancelled(world, by="bob", reason=f"{ANN} is away")
    new = await cancelled(world)
    erased = await world.store.apply(erase(world))
    assert (erased.apart, erased.inside) == (4, 4)
    (line,) = [entry for entry in await world.trail() if entry.event == "person.erased"]
    assert json.loads(line.body)["inside"] == 4
    cancels = [entry.actor for entry in await world.trail() if entry.event == "run.cancelled"]
    assert cancels == [ANN, "bob", erased.name]
    for run, inside in ((old, 2), (new, None)):
        left = await world.store.apply(EraseRun(run, "dora", "asked for", world.now))
        mark = (left.model_extra or {})["erased"]
        assert mark.get("inside") == inside
        told = account(RunRecord(left)).document()["summary"]
        assert ("lines below keep names or texts" in json.dumps(told)) is bool(inside)
    await world.store.close()
    assert (await report(tmp_path)).findings == ()


async def test_who_is_named_in_older_lines_only_is_found_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await opened(tmp_path)
    with monkeypatch.context() as older:
        older.setattr(transaction, "set_apart", lambda event, actor, body: (actor, body, ()))
        note = Line(AuditEvent.STOP_SET, "all", ANN, {})
        await world.store.apply(WriteNote(note, world.now))
    erased = await world.store.apply(erase(world))
    assert (erased.apart, erased.records, erased.inside) == (0, 0, 1)
    await world.store.close()


# ── one batch, one transaction ───────────────────────────────────────────────────────────────────────────────


def in_one_batch(world: World, *commands: Command[Any]) -> list[Job[Any]]:
    """Carry these out as one transaction, as commands that come at the same moment are."""
    jobs = [Job(command) for command in commands]
    world.store._parts.engine.perform(jobs)  # type: ignore[attr-defined]
    for job in jobs:
        job.finish()
    return jobs


async def test_what_is_erased_in_the_batch_that_wrote_it_is_never_stored(tmp_path: Path) -> None:
    world = await opened(tmp_path)
    run, other = (await world.paused())[0], (await world.paused())[0]
    cancel, also = (CancelRun(each.id, ANN, "SAID so", world.now, "assertion") for each in (run, other))
    jobs = in_one_batch(world, cancel, also, EraseRun(run.id, "dora", "asked for", world.now), erase(world))
    erased = jobs[-1].wait()
    await world.store.close()
    assert (erased.apart, b"SAID" in raw(tmp_path), ANN.encode() in raw(tmp_path)) == (4, False, False)
    found = await report(tmp_path)
    assert (found.findings, found.lines) == ((), 12)


async def test_an_erasing_that_fails_leaves_the_rest_of_its_batch_as_it_is(tmp_path: Path) -> None:
    world = await opened(tmp_path)
    run, _ = await world.paused()
    note = WriteNote(Line(AuditEvent.STOP_SET, "all", ANN, {"reason": "SAID"}), world.now)
    *_, failed, unknown = in_one_batch(
        world,
        CancelRun(run.id, ANN, "", world.now, "assertion"),
        note,
        EraseRun(run.id, "dora", "\ud800", world.now),
        ErasePerson("nobody", "dora", "", world.now),
    )
    with pytest.raises(NotCanonical):
        failed.wait()
    with pytest.raises(PersonNotFound):
        unknown.wait()
    assert [entry.actor for entry in await world.trail()][3:] == [ANN, ANN, ANN]
    await world.store.close()
    assert (await report(tmp_path)).findings == ()


# ── what lies on the disk ────────────────────────────────────────────────────────────────────────────────────


async def test_whoever_reads_an_older_state_sees_it_to_the_end_and_then_it_is_gone(tmp_path: Path) -> None:
    world = await opened(tmp_path)
    await cancelled(world)
    with closing(sqlite3.connect(tmp_path / "desk.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        names = "SELECT count(*) FROM hitl_apart WHERE value = ?"
        before = reader.execute(names, (ANN,)).fetchone()
        assert before == (2,)
        erased = await world.store.apply(erase(world))
        assert {entry.actor for entry in await world.trail()} == {"worker-1", erased.name, "dora"}
        assert reader.execute(names, (ANN,)).fetchone() == before
        assert ANN.encode() in raw(tmp_path)
        reader.execute("COMMIT")
        assert reader.execute(names, (ANN,)).fetchone() == (0,)
    await world.open()
    assert (ANN.encode() in raw(tmp_path), b"SAID" in raw(tmp_path)) == (False, False)
    await world.store.close()


async def test_what_was_written_over_and_deleted_before_is_gone_too(tmp_path: Path) -> None:
    """Rows that had moved, bodies that were replaced by smaller ones, votes that counted no more."""
    world = await opened(tmp_path)
    runs = []
    for _ in range(20):
        run = await world.open(started_by=ANN)
        for times in (80, 1, 60, 0, 40, 2):  # short enough to be stored as it is, not packed
            run = await world.claim(await world.pause(run, checkpoint={"said": f"{ANN} " * times}))
        await world.store.apply(CancelRun(run.run.id, ANN, f"{ANN} SAID so", world.now))
        runs.append(run.run.id)
    assert raw(tmp_path).count(ANN.encode()) > 1_000
    for name in runs:
        await world.store.apply(EraseRun(name, "dora", "asked for", world.now))
    assert ANN.encode() not in raw(tmp_path)
    await world.store.close()


def test_a_log_that_cannot_be_folded_in_now_is_tried_again(tmp_path: Path) -> None:
    with closing(connect(Location(tmp_path / "desk.db"), writes=True, create=True)) as connection:
        connection.execute("CREATE TABLE mine (word TEXT)")
        connection.execute("BEGIN")
        connection.execute("INSERT INTO mine VALUES ('word')")
        assert not folded(connection)
        connection.execute("COMMIT")
        assert folded(connection)
    assert not folded(connection)


# ── killed ───────────────────────────────────────────────────────────────────────────────────────────────────


def killed_while_erasing(folder: Path, where: str) -> None:
    """Erase, and die at a boundary: when all is written and not committed, or committed and not folded in."""

    def die(*_: Any) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)

    place: Any = persons if where == "before the commit" else engine
    setattr(place, "_inside" if where == "before the commit" else "folded", die)
    store = SqliteStore.open_blocking(folder / "desk.db")
    store.apply_blocking(ErasePerson(ANN, "dora", "asked for", START))


@pytest.mark.processes
@pytest.mark.parametrize("where", ["before the commit", "before the log is folded in"])
async def test_killed_while_erasing_it_is_all_erased_or_nothing(tmp_path: Path, where: str) -> None:
    world = await opened(tmp_path)
    runs = [await cancelled(world) for _ in range(20)]
    await world.store.close()
    with crowd(killed_while_erasing, [(tmp_path, where)], ends=-9):
        pass
    world = await opened(tmp_path)
    done = where != "before the commit"
    actors = [entry.actor for entry in await world.trail() if entry.event == "run.cancelled"]
    errors = [(await world.store.fetch(GetRun(each))).error for each in runs]
    assert [ANN in error for error in errors] == [not done] * 20
    assert len(set(actors)) == 1
    assert (actors[0] == ANN) is not done
    assert (await world.events()).count("person.erased") == done
    await world.store.close()
    assert (await report(tmp_path)).findings == ()
    assert (ANN.encode() in raw(tmp_path)) is not done
