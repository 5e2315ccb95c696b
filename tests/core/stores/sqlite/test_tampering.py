"""Tampering with a real database file, by somebody who can write it: each act is reported with its place."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from hitl_core.audit import Custody, Report, verify
from hitl_core.errors import ConfigError
from hitl_core.stores.sqlite import SqliteStore
from tests.core.stores.world import World


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A store with twelve sealed and anchored lines."""
    store = await SqliteStore.open(tmp_path / "desk.db")
    await World(store).paused(count=10)
    await store.close()
    return tmp_path / "desk.db"


async def report(path: Path, custody: Custody | None = None) -> Report:
    store = await SqliteStore.open(path)
    try:
        return await verify(store, custody or store.custody)
    finally:
        await store.close()


def tamper(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


RENUMBER = (
    "UPDATE hitl_audit SET seq = -seq WHERE seq > {0}",
    "UPDATE hitl_audit SET seq = -seq + {1} WHERE seq < 0",
)

ACTS: dict[str, tuple[tuple[str, ...], str]] = {
    "edit": (("UPDATE hitl_audit SET actor = 'eve' WHERE seq = 5",), "edited: line 5 edited"),
    "edit to no text": (("UPDATE hitl_audit SET body = x'ff00' WHERE seq = 5",), "edited: line 5 edited"),
    "edit to bad text": (("UPDATE hitl_audit SET body = CAST(x'ff' AS TEXT) WHERE seq = 5",), "edited: line 5 edited"),
    "edit the time": (("UPDATE hitl_audit SET at = 9223372036854775807 WHERE seq = 5",), "edited: line 5 edited"),
    "edit the time to text": (("UPDATE hitl_audit SET at = 'noon' WHERE seq = 5",), "edited: line 5 edited"),
    "edit the subject": (("UPDATE hitl_audit SET subject = 7 WHERE seq = 5",), "edited: line 5 edited"),
    "edit the seal": (("UPDATE hitl_audit SET mac = 'x' WHERE seq = 5",), "edited: line 5 edited"),
    "delete": (("DELETE FROM hitl_audit WHERE seq = 5",), "missing: line 5 missing"),
    "delete and count anew": (
        ("DELETE FROM hitl_audit WHERE seq = 5", *(each.format(5, -1) for each in RENUMBER)),
        "missing: 1 missing before line 5",
    ),
    "truncate": (("DELETE FROM hitl_audit WHERE seq > 8",), "truncated: truncated after line 8: line 12 was anchored"),
    "reorder": (
        (
            "UPDATE hitl_audit SET seq = -1 WHERE seq = 4",
            "UPDATE hitl_audit SET seq = 4 WHERE seq = 9",
            "UPDATE hitl_audit SET seq = 9 WHERE seq = -1",
        ),
        "reordered: lines 4 to 5 changed places",
    ),
    "insert": (
        (
            *(each.format(4, 1) for each in RENUMBER),
            "INSERT INTO hitl_audit SELECT 5, at, event, subject, actor, body, mac, run FROM hitl_audit WHERE seq = 3",
        ),
        "inserted: line 5 inserted",
    ),
    "rewrite all": (("UPDATE hitl_audit SET mac = randomblob(32)",), "rewritten: lines 1 to 12 rewritten"),
}


@pytest.mark.parametrize("act", ACTS)
async def test_an_act_is_reported_with_its_place(path: Path, act: str) -> None:
    statements, expected = ACTS[act]
    tamper(path, *statements)
    found = await report(path)
    assert found.exit_code == 1
    assert str(found.findings[0]).startswith(expected)


async def test_the_store_goes_on_after_a_truncated_end_and_it_still_shows(path: Path) -> None:
    tamper(path, "DELETE FROM hitl_audit WHERE seq > 8")
    store = await SqliteStore.open(path)
    await World(store).paused(count=10)
    await store.close()
    found = await report(path)
    assert [str(each) for each in found.findings] == ["rewritten: lines 1 to 12 are not those that were anchored"]


async def test_another_stores_file_in_the_place_of_ours(path: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(path.with_name("desk.db.key"), tmp_path / "elsewhere" / "other.db.key")
    other = await SqliteStore.open(tmp_path / "elsewhere" / "other.db")
    await World(other).paused(count=20)
    await other.close()
    shutil.copy(tmp_path / "elsewhere" / "other.db", path)
    found = await report(path)
    assert found.exit_code == 1
    assert str(found.findings[0]).startswith("swapped: anchor 1 is of hitl-")


async def test_an_older_backup_in_the_place_of_ours(path: Path, tmp_path: Path) -> None:
    shutil.copy(path, tmp_path / "backup")
    store = await SqliteStore.open(path)
    await World(store).paused(count=5)
    await store.close()
    shutil.copy(tmp_path / "backup", path)
    assert str((await report(path)).findings[0]) == "truncated: truncated after line 12: line 19 was anchored"


async def test_a_lost_key_cannot_tell_and_is_not_replaced_in_silence(path: Path) -> None:
    key = path.with_name("desk.db.key")
    key.unlink()
    with pytest.raises(ConfigError, match="has 12 lines that were sealed with it"):
        await report(path)
    assert not key.exists()
    key.write_text("ab" * 32)
    assert (await report(path)).exit_code == 2
