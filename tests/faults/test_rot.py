"""Scenarios 32 and 34: bits flip in what is stored. What is damaged is reported and set aside; the others go on."""

from __future__ import annotations

import logging
import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from hitl_core.audit import verify
from hitl_core.commands import EndEffect, GetRequest, Remember, StopScope
from hitl_core.errors import HitlError, RowCorrupt
from hitl_core.protocol import AuditEvent, Executed, RunState
from hitl_core.stores.sql.tables import bodies, column
from hitl_core.stores.sqlite import SqliteStore
from tests.core.stores.world import World
from tests.faults.hand import change, found
from tests.faults.installed import Installed
from tests.faults.places import Place
from tests.faults.scenarios import FULL, many, scenario
from tests.faults.view import seen
from tests.postgres.server import a_schema, a_server, restart


async def filled(store: Any, runs: int) -> tuple[list[str], list[str]]:
    """Runs that wait, are answered, and have acted; their ids, and those of their requests."""
    world, names, requests = World(store), list[str](), list[str]()
    for number in range(runs):
        run, (first, second) = await world.paused(count=2, deadline=world.later(1) + timedelta(days=9))
        names.append(run.id)
        requests += [first.id, second.id]
        if number % 3:
            await world.answer(first.approve(by="ann"))
            await world.answer(second.edit({"order": "A-1042", "amount": 2.0}, by="bob"))
        if number % 3 == 2:
            lease = (await world.claim(run)).lease
            await world.begin(lease, request_id=first.id)
            await store.apply(EndEffect(lease, first.call, Executed({"paid": 1}), world.now))
            await store.apply(Remember(lease, "key", {"a": 1}, world.now))
    await world.stop(StopScope.TOOL, "mail")
    return names, requests


@dataclass
class Count:
    """What came of the flips that changed what a reader sees."""

    reported: int = 0
    silent: list[str] = field(default_factory=list)


@scenario(32)
async def test_flipped_bits_of_a_file_are_reported(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Fails if digests are not compared (bodies.py, `checked`), or a row's columns are taken as they are (rows.py)."""
    caplog.set_level(logging.CRITICAL)
    path = folder / "store.db"
    store = await SqliteStore.open(path)
    names = await filled(store, 12)
    before = seen(store, *names)
    await store.close()
    whole, count = path.read_bytes(), Count()
    (folder / "flipped").mkdir()
    for _ in range(many(150, full=5_000)):
        place = random.randrange(len(whole) * 8)
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        await _look(folder, bytes(flipped), names, before, count)
    changed = count.reported + len(count.silent)
    assert count.reported > 10
    assert len(count.silent) <= max(2, changed // 100), count.silent


async def _look(
    folder: Path, file: bytes, names: tuple[list[str], list[str]], before: dict[str, str | HitlError], count: Count
) -> None:
    """Read everything in a file. Whatever is wrong with it is one of our errors."""
    path = _laid_out(folder, file)
    try:
        store = SqliteStore.open_blocking(path, anchoring=False)
    except HitlError:
        count.reported += 1
        return
    try:
        after = seen(store, *names)
        said = bool(store._reported) or any(isinstance(each, HitlError) for each in after.values())
        said = said or await _is_found(store, path)
    finally:
        store.close_blocking()
    other = [name for name, answer in after.items() if answer != before[name]]
    count.reported += said
    count.silent += [] if said else other[:1]


def _laid_out(folder: Path, file: bytes) -> Path:
    path = folder / "flipped" / "store.db"
    for old in path.parent.iterdir():
        old.unlink()
    path.write_bytes(file)
    for beside in ("key", "anchors"):
        shutil.copy(folder / f"store.db.{beside}", f"{path}.{beside}")
    return path


async def _is_found(store: SqliteStore, path: Path) -> bool:
    """By the two checks that there are for a store that is suspected."""
    try:
        if (await verify(store, store.custody)).exit_code:
            return True
    except HitlError:
        return True
    with closing(sqlite3.connect(path)) as connection:
        try:
            return bool(connection.execute("PRAGMA integrity_check").fetchone() != ("ok",))
        except sqlite3.DatabaseError:  # the file is so damaged that the check itself cannot go through it
            return True


# ── on a server ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def own_server() -> Iterator[str]:
    with a_server() as url:
        yield url


@scenario(32)
@pytest.mark.postgres
async def test_flipped_bits_under_a_server_are_reported(own_server: str, folder: Path) -> None:
    """Its pages have checksums. Fails if what the server says of them is taken for an empty answer."""
    place = Place(a_schema(own_server, folder), folder)
    store = await place.store()
    names = await filled(store, many(12, full=40))
    before = seen(store, *names)
    await store.close()
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        tables = ("hitl_bodies", "hitl_requests", "hitl_runs")
        paths = [connection.execute("SELECT pg_relation_filepath(%s)", (each,)).fetchone() for each in tables]
    for path in paths:
        assert path is not None
        _flip_some(Path(str(conninfo_to_dict(own_server)["host"])) / path[0])
    restart(own_server)
    store = await place.store()
    after = seen(store, *names)
    await store.close()
    said = [answer for answer in after.values() if isinstance(answer, HitlError)]
    assert said
    assert any("damaged" in str(each) for each in said)
    assert all(isinstance(answer, HitlError) or answer == before[name] for name, answer in after.items())


def _flip_some(file: Path) -> None:
    data = bytearray(file.read_bytes())
    for page in range(0, len(data), 8192):
        data[page + random.randrange(4096, 8192)] ^= 1 << random.randrange(8)
    file.write_bytes(data)


# ── one row ──────────────────────────────────────────────────────────────────────────────────────────────────


def flip_body(place: Place, request: str) -> None:
    """One bit in what a request is stored as."""
    ((key, data),) = found(
        place,
        "SELECT b.key, b.data FROM hitl_bodies b JOIN hitl_requests q ON q.body = b.key WHERE q.id = ?",
        column(request),
    )
    at = random.randrange(len(data) * 8)
    flipped = bytearray(data)
    flipped[at // 8] ^= 1 << at % 8
    change(place, "UPDATE hitl_bodies SET data = ? WHERE key = ?", given=(bytes(flipped), key))


def no_json(place: Place, request: str) -> None:
    """Bytes that are no JSON, with their digest in order."""
    data = b"{not json"
    change(
        place,
        "UPDATE hitl_bodies SET digest = ?, data = ? WHERE key = (SELECT body FROM hitl_requests WHERE id = ?)",
        given=(bodies.digest_of(data), data, column(request)),
    )


def no_state(place: Place, request: str) -> None:
    change(place, "UPDATE hitl_requests SET state = 'oqen' WHERE id = ?", given=(column(request),))


@scenario(34)
@pytest.mark.processes
@pytest.mark.parametrize("damage", [flip_body, no_json, no_state] if FULL else [flip_body, no_json])
async def test_a_damaged_row_is_set_aside_and_the_inbox_goes_on(place: Place, damage: Any) -> None:
    """Fails if one row that cannot be read fails the page that it stands on (settled.py, `readable`)."""
    desk = Installed.at(place)
    first, bad, last = await desk.paused(3)
    damage(place, bad.pending[0].id)
    listed = desk.hitl("inbox", "--json")
    assert listed.returncode == 0, listed.stderr
    assert all((each.pending[0].id in listed.stdout) is (each is not bad) for each in (first, bad, last))
    async with desk.open() as hitl:
        for run in (first, last):
            await hitl.respond(run.pending[0].approve(by="ann"))
        with pytest.raises(HitlError):
            await hitl.respond(bad.pending[0].approve(by="ann"))
    worked = desk.hitl("worker", "--until-idle")
    assert worked.returncode == 0, worked.stderr
    async with desk.open() as hitl:
        states = [(await hitl.run(each.id)).state for each in (first, bad, last)]
        assert states == [RunState.COMPLETED, RunState.PAUSED, RunState.COMPLETED]
    store = await place.store()
    if damage is flip_body:
        assert AuditEvent.ROW_DAMAGED in await World(store).events()
        with pytest.raises(RowCorrupt):
            await store.fetch(GetRequest(bad.pending[0].id))
    assert (await verify(store, store.custody)).findings == ()
    await store.close()
