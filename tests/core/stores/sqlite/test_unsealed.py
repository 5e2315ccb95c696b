"""Lines that an engine has not sealed yet, as they are read: last, and said to be that."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hitl_core.audit import set_apart
from hitl_core.commands import ListUnsealed, ReadAudit
from hitl_core.protocol import Json
from hitl_core.stores.sql.reading import trail
from hitl_core.stores.sql.tables import View, column
from hitl_core.stores.sqlite import SqliteStore
from hitl_core.stores.sqlite.file.link import SqliteLink
from tests.core.stores.world import World

SAID: dict[str, Json] = {"reason": "for reasons of her own", "code": "HITL-A01"}


class Behind(SqliteLink):
    """An engine that has a line of each kind that is not sealed: a person's, one of no run, one that was refused."""

    run = 0

    def unsealed(self) -> Sequence[tuple[Any, ...]]:
        actor, _, kept = set_apart("run.cancelled", "ann", SAID)
        body = f'{{"reason":"~1:{"0" * 32}"}}'
        said = [[None if each.salt is None else each.salt.hex(), each.value, each.of, None] for each in kept]
        at = 1_000_000
        return [
            (4, at, "run.cancelled", column("run-1"), actor, body, said, self.run, False),
            (5, at, "stop.set", column("all"), "timer", "{}", None, None, False),
            (6, at, "stop.set", column("all"), "timer", "{}", None, None, True),
        ]


@pytest.fixture
async def link(tmp_path: Path) -> Any:
    store = await SqliteStore.open("sqlite:///hitl.db", folder=tmp_path)
    run, _ = await World(store).paused()
    await store.close()
    connection = sqlite3.connect(tmp_path / "hitl.db")
    link = Behind(connection)
    (link.run,) = connection.execute("SELECT key FROM hitl_runs").fetchone()
    yield link, run.id
    connection.close()


def test_they_stand_behind_all_others_with_what_is_kept_apart_from_them(link: Any) -> None:
    view = View(link[0], with_unsealed=True)
    found = trail.read_audit(view, ReadAudit()).items
    assert [entry.seq for entry in found] == [1, 2, 3, 4, 5, 6]
    assert [entry.seq for entry in found if entry.unsealed] == [4, 5]
    assert found[3].actor == "ann"
    assert found[3].sealed is not None
    assert found[4].sealed is None
    assert {entry.mac for entry in found[3:]} == {""}
    assert [entry.seq for entry in trail.list_unsealed(view, ListUnsealed())] == [4, 5, 6]


def test_they_are_found_by_run_event_and_number(link: Any) -> None:
    view = View(link[0], with_unsealed=True)
    of_run = trail.read_audit(view, ReadAudit(run_id=link[1])).items
    assert [entry.seq for entry in of_run] == [1, 2, 3, 4]
    assert [entry.seq for entry in trail.read_audit(view, ReadAudit(events=("stop.set",))).items] == [5, 6]
    assert [entry.seq for entry in trail.read_audit(view, ReadAudit(after=4)).items] == [5, 6]


def test_they_stand_on_the_last_page_only_and_nowhere_else_unless_asked_for(link: Any) -> None:
    view = View(link[0], with_unsealed=True)
    first = trail.read_audit(view, ReadAudit(limit=2))
    assert ([entry.seq for entry in first.items], first.cursor) == ([1, 2], "2")
    rest = trail.read_audit(view, ReadAudit(limit=2, after=2))
    assert ([entry.seq for entry in rest.items], rest.cursor) == ([3, 4, 5, 6], None)
    assert len(trail.read_audit(View(link[0]), ReadAudit()).items) == 3


async def test_a_store_that_seals_as_it_writes_has_none(tmp_path: Path) -> None:
    store = await SqliteStore.open("sqlite:///hitl.db", folder=tmp_path)
    await World(store).paused()
    assert await store.fetch(ListUnsealed()) == ()
    await store.close()
