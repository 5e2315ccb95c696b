"""`hitl store`: what whoever runs a store does to it as a whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from hitl_core.stores.sqlite.file import schema
from tests.cli.shop import Done, Shop, order

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
