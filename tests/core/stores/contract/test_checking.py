"""Checking a store: nothing is found in one that was only used, and each kind of meddling is found and named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hitl_core.commands import AddComment, EndEffect, FinishRun, Remember
from hitl_core.protocol import Comment, Executed, RunState, new_id
from hitl_core.stores.sql.upkeep import Flaw, Kind
from hitl_core.stores.sqlite import SqliteStore
from hitl_core.stores.sqlite.upkeep import SqliteUpkeep
from tests.core.stores.conftest import POSTGRES
from tests.core.stores.world import World

Meddle = Callable[[str], None]


@dataclass(frozen=True)
class Place:
    """A store, who looks after it, and a way around it."""

    open: Callable[[], Any]
    upkeep: Any
    meddle: Meddle

    def found(self) -> list[tuple[Kind, str]]:
        return [(each.kind, each.message) for each in self.upkeep.check()]


@pytest.fixture(params=["sqlite", *POSTGRES])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A store in which something of everything has happened."""
    made = in_file(tmp_path) if request.param == "sqlite" else on_server(tmp_path, request)
    store = await made.open()
    await lived(World(store))
    await store.close()
    return made


def in_file(folder: Path) -> Place:
    import sqlite3
    from contextlib import closing

    path = folder / "desk.db"

    def meddle(sql: str) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            assert connection.execute(sql).rowcount

    return Place(lambda: SqliteStore.open(path), SqliteUpkeep.of(path), meddle)


def on_server(folder: Path, request: pytest.FixtureRequest) -> Place:
    import psycopg

    from hitl_core.stores.postgres import PostgresStore
    from hitl_core.stores.postgres.upkeep import PostgresUpkeep
    from tests.postgres.server import a_schema

    url = a_schema(request.getfixturevalue("postgres"), folder)

    def meddle(sql: str) -> None:
        with psycopg.connect(url) as connection:
            connection.execute("SET session_replication_role = replica")  # no foreign key stands in the way
            assert connection.execute(sql).rowcount  # statements of this file

    return Place(lambda: PostgresStore.open(url, folder=folder), PostgresUpkeep.of(url), meddle)


async def lived(world: World) -> None:
    lease, request = await world.approved()
    await world.store.apply(Remember(lease, "model#1", {"said": "hello"}, world.now))
    await world.begin(lease, request_id=request.id)
    await world.store.apply(EndEffect(lease, "refund#1", Executed("paid"), world.now))
    await world.store.apply(FinishRun(lease, RunState.COMPLETED, world.now, "done"))
    _, (waiting, _) = await world.paused(count=2)
    by = waiting.reject("no", by="bob").responder
    comment = Comment(id=new_id(world.now), request_id=waiting.id, text="odd", by=by, made_at=world.now)
    await world.store.apply(AddComment(comment, world.now))


def test_in_a_store_that_was_used_nothing_is_found(place: Place) -> None:
    assert place.found() == []


FIRST = "key = (SELECT MIN(key) FROM hitl_bodies)"
MEDDLING: Sequence[tuple[str, Kind, str]] = [
    (f"UPDATE hitl_bodies SET digest = data WHERE {FIRST}", Kind.DAMAGED, "no longer matches its digest"),
    (f"DELETE FROM hitl_bodies WHERE {FIRST}", Kind.MISSING, ", which is the input of a row of hitl_runs"),
    ("DELETE FROM hitl_audiences", Kind.DANGLING, "to which the audience of a row of hitl_requests leads"),
    ("DELETE FROM hitl_apps", Kind.DANGLING, "to which the app of a row of hitl_runs leads"),
    ("UPDATE hitl_runs SET state = 'odd' WHERE state = 'paused'", Kind.UNKNOWN, "is none that there is"),
    (
        "UPDATE hitl_runs SET state = 'cancelled' WHERE state = 'paused'",
        Kind.UNRECORDED,
        "is cancelled, but nothing in the trail says so",
    ),
    (
        "UPDATE hitl_requests SET response = body WHERE state = 'open'",
        Kind.UNRECORDED,
        "is decided, but nothing in the trail says so",
    ),
    (
        "UPDATE hitl_requests SET response = NULL, state = 'open' WHERE response IS NOT NULL",
        Kind.UNRECORDED,
        "the trail says how request",
    ),
    (
        "UPDATE hitl_effects SET call = 'refund#2'",
        Kind.UNRECORDED,
        "the action at refund#2 is executed, but nothing in the trail says so",
    ),
    ("DELETE FROM hitl_requests WHERE state = 'open'", Kind.UNRECORDED, "the tables do not"),
    ("UPDATE hitl_journal SET body = 1", Kind.WASTE, "1 bodies belong to no row"),
]


@pytest.mark.parametrize(("sql", "kind", "message"), MEDDLING, ids=[each[0] for each in MEDDLING])
def test_meddling_is_found(place: Place, sql: str, kind: Kind, message: str) -> None:
    place.meddle(sql)
    found = place.found()
    assert [each for each in found if each[0] is kind and message in each[1]], found
    assert all(each.advice for each in place.upkeep.check())


def test_much_of_one_kind_is_counted(place: Place) -> None:
    place.meddle("INSERT INTO hitl_woken (app, run, at) VALUES " + ", ".join(f"(1, {n}, 0)" for n in range(900, 930)))
    found = place.found()
    assert len(found) == 21
    assert (
        found[-1][1] == "and 10 more: row … of hitl_runs, to which the run of a row of hitl_woken leads, is not there"
    )


def test_waste_alone_does_no_harm() -> None:
    assert [kind for kind in Kind if Flaw(kind, "").harmless] == [Kind.WASTE]
