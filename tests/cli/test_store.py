"""`hitl store`: what whoever runs a store does to it as a whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from hitl_core.stores.sqlite.file import schema
from tests.cli.shop import Done, Shop, eventually, order

Hitl = Callable[..., Done]
NEWEST = len(schema.MIGRATIONS)


def test_migrate_says_from_which_schema_to_which(hitl: Hitl, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = hitl("store", "migrate", "--plan", "--json")
    assert (plan.code, plan.json) == (0, {"found": 0, "newest": NEWEST, "steps": NEWEST, "migrated": False})
    assert not (shop.folder / "hitl.db").exists()
    with monkeypatch.context() as older:
        older.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:3])
        assert "is made with schema 3" in hitl("store", "migrate").flat
    assert f"would be brought from schema 3 to {NEWEST}" in hitl("store", "migrate", "--plan").flat
    doctor = hitl("doctor", "--json").json["store"]
    assert doctor["message"] == f"has schema 3; the next use, or `hitl store migrate`, brings it to {NEWEST}"
    assert version(shop) == 3
    assert f"is brought from schema 3 to {NEWEST}" in hitl("store", "migrate").flat
    assert version(shop) == NEWEST
    assert "nothing to do" in hitl("store", "migrate").flat
    assert hitl("run", "--json", "--input", order()).code == 3


def test_a_newer_store_is_refused_by_name(hitl: Hitl, shop: Shop) -> None:
    hitl("store", "migrate")
    with closing(sqlite3.connect(shop.folder / "hitl.db")) as connection:
        connection.execute(f"PRAGMA user_version = {NEWEST + 1}")
    for command in (["store", "migrate"], ["store", "migrate", "--plan"], ["inbox"]):
        refused = hitl(*command, "--json")
        assert (refused.code, refused.json["error"]["code"]) == (1, "HITL-S03")


def version(shop: Shop) -> int:
    with closing(sqlite3.connect(shop.folder / "hitl.db")) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def over(hitl: Hitl) -> str:
    """A run that is over: its refund was approved, and done."""
    started = hitl("run", "--json", "--input", order()).json
    (request,) = started["pending"]
    assert hitl("respond", request["id"], "approve", "--as", "ann", "--resume", "--json").code == 0
    return str(started["id"])


def test_vacuum_compacts_what_is_old_enough_and_gives_room_back(hitl: Hitl, shop: Shop) -> None:
    assert hitl("store", "vacuum", "--json").json["error"]["code"] == "HITL-C01"
    ended = over(hitl)
    paused = hitl("run", "--json", "--input", order()).json["id"]
    assert "no run is compacted: neither --older-than" in hitl("store", "vacuum").flat
    assert hitl("store", "vacuum", "--older-than", "1h", "--json").json["compacted"] == 0
    shop.config.write_text(shop.config.read_text() + 'retention = "1s"\n')
    eventually(lambda: bool(hitl("store", "vacuum", "--json").json["compacted"]), "the run to be old enough")
    effects = hitl("runs", ended, "--json").json["effects"]
    assert [(each["state"], each["result"]) for each in effects] == [("executed", None)]
    assert hitl("runs", paused, "--json").json["state"] == "paused"
    assert "deleted because of its age" in hitl("audit", "report", ended).out
    assert hitl("audit", "verify").code == 0
    assert "no such age" not in hitl("store", "vacuum", "--older-than", "soon").err
    assert hitl("store", "vacuum", "--older-than", "soon").code == 2


def test_vacuum_makes_the_file_smaller(hitl: Hitl, shop: Shop) -> None:
    over(hitl)
    with closing(sqlite3.connect(shop.folder / "hitl.db")) as connection:
        connection.execute("CREATE TABLE hitl_filler AS SELECT zeroblob(1000000) AS waste")
        connection.execute("DROP TABLE hitl_filler")
    space = hitl("store", "vacuum", "--json").json
    assert space["after"] + 900_000 < space["before"]
    assert (shop.folder / "hitl.db").stat().st_size == space["after"]


def test_check_looks_at_everything_and_says_what_to_do(hitl: Hitl, shop: Shop) -> None:
    assert hitl("store", "check").code == 2
    over(hitl)
    sound = hitl("store", "check", "--json")
    assert (sound.code, sound.json["result"], sound.json["flaws"]) == (0, "sound", [])
    assert sound.json["audit"]["result"] == "intact"
    with closing(sqlite3.connect(shop.folder / "hitl.db")) as connection:
        connection.execute("UPDATE hitl_effects SET call = 'another'")
        connection.execute("UPDATE hitl_audit SET actor = 'eve' WHERE seq = 2")
        connection.commit()
    flawed = hitl("store", "check")
    assert flawed.code == 1
    assert "unrecorded: the action at another is executed, but nothing in the trail says so" in flawed.flat
    assert "next: a row was changed outside of hitl-core: find out by whom, and restore a backup" in flawed.flat
    assert "edited: line 2" in flawed.flat
    assert "the store: not sound" in flawed.flat


def test_check_cannot_tell_without_anchors_nor_in_another_schema(hitl: Hitl, shop: Shop) -> None:
    over(hitl)
    (shop.folder / "hitl.db.anchors").unlink()
    unsure = hitl("store", "check", "--json")
    assert (unsure.code, unsure.json["result"]) == (2, "cannot be told")
    with closing(sqlite3.connect(shop.folder / "hitl.db")) as connection:
        connection.execute("PRAGMA user_version = 3")
    assert "run `hitl store migrate` first" in hitl("store", "check").err


def test_check_says_that_a_trail_cannot_be_read(hitl: Hitl, shop: Shop) -> None:
    over(hitl)
    with closing(sqlite3.connect(shop.folder / "hitl.db")) as connection:
        connection.execute("DROP TABLE hitl_apart")
    found = hitl("store", "check", "--json")
    assert (found.code, found.json["audit"]) == (1, None)
    assert any("the trail cannot be read" in each["message"] for each in found.json["flaws"])
