"""Moving away from a file: it is locked, read and closed for good in one act, whatever kind of store it goes to."""

from __future__ import annotations

import os
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from hitl_core.apps import AppSource
from hitl_core.audit import Chain, Custody, hand_on, hand_on_anchors
from hitl_core.audit.keys import ENVIRONMENT
from hitl_core.commands import ListRequests
from hitl_core.config import Config, open_store, storing
from hitl_core.errors import ConfigError, StoreError, StoreMoved, StoreUnavailable, StoreUnfinished
from hitl_core.stores.moving import move
from hitl_core.stores.sql.tables import read_tip
from hitl_core.stores.sql.upkeep import TABLES, Leaving, Moved, hand_over, verified
from hitl_core.stores.sqlite import SqliteStore
from hitl_core.stores.sqlite.upkeep import SqliteUpkeep
from hitl_core.testing.clock import START, ManualClock
from tests.core.stores.world import World


class Kept:
    """A store of somebody else's: rows in memory, which count once the act is finished by which they came."""

    def __init__(self) -> None:
        self.rows: dict[str, list[tuple[Any, ...]]] = {}
        self.columns: dict[str, tuple[str, ...]] = {}
        self.token, self.counts = "", False
        self.custody: Custody | None = None

    def __str__(self) -> str:
        return "somewhere else"

    def receive(self, leaving: Leaving, token: str, now: datetime) -> Moved:
        lines = verified(leaving.view(), leaving.custody).lines
        for table in TABLES:
            self.columns[table.name], rows = leaving.rows(table)
            self.rows[table.name] = list(rows)
        line, tip = hand_over(leaving.custody, read_tip(leaving.view()), now)
        before = self.rows["hitl_audit"][-1]
        chain = Chain(leaving.custody.secret, leaving.custody.origin)
        assert tip == (before[0] + 1, chain.seal(before[6], before[0] + 1, *line[:5]))
        self.token, self.custody = token, leaving.custody
        return Moved(lines, sum(map(len, self.rows.values())))

    def finish(self, token: str) -> bool:
        self.counts = self.token == token
        return self.counts


class Full(Kept):
    """One that has no room for it."""

    def receive(self, leaving: Leaving, token: str, now: datetime) -> Moved:
        raise StoreError("no room")


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    store = await SqliteStore.open(tmp_path / "desk.db")
    await World(store).paused(count=2)
    await store.close()
    return tmp_path / "desk.db"


async def test_everything_goes_and_the_file_is_closed(file: Path) -> None:
    had_it_open = await SqliteStore.open(file)
    await had_it_open.fetch(ListRequests())
    target = Kept()
    moved = move(SqliteUpkeep.of(file), target, now=START)
    assert moved == Moved(4, sum(map(len, target.rows.values())))
    assert (target.counts, len(target.rows["hitl_requests"])) == (True, 2)
    assert "room" not in target.columns["hitl_requests"]
    for work in (lambda: had_it_open.fetch(ListRequests()), World(had_it_open).open, lambda: SqliteStore.open(file)):
        with pytest.raises(StoreMoved, match="is closed: all of it was moved to somewhere else"):
            await work()
    await had_it_open.close()
    assert move(SqliteUpkeep.of(file), target, now=START) is None
    with pytest.raises(StoreMoved, match="moved to somewhere else, not to"):
        move(SqliteUpkeep.of(file), Kept(), now=START)


async def test_where_it_cannot_arrive_nothing_has_changed(file: Path) -> None:
    before = file.read_bytes()  # noqa: ASYNC240
    with pytest.raises(StoreError, match="no room"):
        move(SqliteUpkeep.of(file), Full(), now=START)
    assert file.read_bytes() == before  # noqa: ASYNC240
    store = await SqliteStore.open(file)
    assert len((await store.fetch(ListRequests())).items) == 2
    await store.close()


async def test_a_trail_of_many_pages_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    store = await SqliteStore.open(path)
    world = World(store)
    for _ in range(4):
        await world.paused(count=300)
    await store.close()
    moved = move(SqliteUpkeep.of(path), target := Kept(), now=START)
    assert (moved is not None and moved.lines, len(target.rows["hitl_requests"])) == (1208, 1200)


async def test_a_trail_that_was_meddled_with_does_not_go(file: Path) -> None:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("DELETE FROM hitl_audit WHERE seq = 2")
    connection.close()
    with pytest.raises(StoreError, match="not as it was sealed, so nothing is moved: missing: line 2"):
        move(SqliteUpkeep.of(file), Kept(), now=START)


async def test_a_file_that_is_not_there_is_not_moved_and_one_without_a_table_is_damaged(tmp_path: Path) -> None:
    assert SqliteUpkeep.of(tmp_path / "nowhere.db").moved_to() is None
    with pytest.raises(StoreUnavailable):
        move(SqliteUpkeep.of(tmp_path / "nowhere.db"), Kept(), now=START)
    path = tmp_path / "desk.db"
    await (await SqliteStore.open(path)).close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("DROP TABLE hitl_stops")
    connection.close()
    with pytest.raises(StoreUnavailable, match="no such table: hitl_stops"):
        move(SqliteUpkeep.of(path), Kept(), now=START)


# ── key and anchors ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_key_is_kept_in_a_second_file_and_another_one_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    key, secret = tmp_path / "second.key", bytes(range(32))
    for _ in range(2):
        hand_on(key, secret)
        assert key.read_text() == secret.hex() + "\n"
    assert key.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConfigError, match="holds another key"):
        hand_on(key, bytes(32))
    monkeypatch.setenv(ENVIRONMENT, secret.hex())
    hand_on(tmp_path / "third.key", secret)
    assert os.listdir(tmp_path) == ["second.key"]


def test_anchors_are_kept_in_a_second_file_once(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    for nothing in (None, source):
        hand_on_anchors(nothing, target)
    assert not target.exists()
    source.write_text("one\ntwo\n")
    target.write_text("one\n")
    for _ in range(2):
        hand_on_anchors(source, target)
    hand_on_anchors(source, source)
    assert (source.read_text(), target.read_text()) == ("one\ntwo\n", "one\ntwo\n")


# ── the last word ────────────────────────────────────────────────────────────────────────────────────────────


class Arrived:
    """A store that has received all, and does not know yet whether it counts."""

    target = Kept()
    source = ""

    class upkeep:
        @staticmethod
        def of(url: str, **options: Any) -> Kept:
            return Arrived.target

    @classmethod
    async def open(cls, url: str, *, folder: Path, clock: Any) -> str:
        if not cls.target.counts:
            raise StoreUnfinished("it is not known", cls.source)
        return "open"


async def test_who_opens_what_has_arrived_says_that_it_counts_if_the_file_is_closed(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = {"sqlite": SqliteStore, "elsewhere": Arrived}
    monkeypatch.setattr(storing, "load", lambda group, name: stores[name])
    monkeypatch.setattr(Arrived, "target", target := Kept())
    monkeypatch.setattr(Arrived, "source", f"sqlite:///{file}")
    config = Config("plain", AppSource("desk:app"), store_url="elsewhere://desk")
    with pytest.raises(StoreUnfinished):
        await open_store(config, ManualClock())
    move(SqliteUpkeep.of(file), target, now=START)
    target.counts = False  # the process died before it could say so
    assert str(await open_store(config, ManualClock())) == "open"
    assert target.counts
