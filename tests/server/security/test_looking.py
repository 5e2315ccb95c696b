"""Looking changes nothing: after every GET the store has in it what it had before."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.server.security.fortress import fortress
from tests.server.security.table import ENDLESS, TABLE

LOOKS = sorted(route for route in TABLE if route[0] == "GET" and route not in ENDLESS)


def content(folder: Path) -> str:
    with sqlite3.connect(folder / "shop.db") as database:
        return "\n".join(database.iterdump())


@pytest.mark.parametrize("route", LOOKS, ids=" ".join)
async def test_to_look_changes_nothing(tmp_path: Path, route: tuple[str, str]) -> None:
    async with fortress(tmp_path) as at:
        before = content(tmp_path)
        for _ in range(2):
            await at.ask("GET", at.path(route[1]))
        assert content(tmp_path) == before
