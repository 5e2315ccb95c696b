"""Looking changes nothing: after every GET the store has in it what it had before."""

from __future__ import annotations

from pathlib import Path

from tests.server.security.calls import content
from tests.server.security.fortress import fortress
from tests.server.security.table import ENDLESS, TABLE

LOOKS = sorted(route for route in TABLE if route[0] == "GET" and route not in ENDLESS)


async def test_to_look_changes_nothing(tmp_path: Path) -> None:
    async with fortress(tmp_path) as at:
        before, wrong = content(tmp_path), []
        for route in LOOKS:
            for _ in range(2):
                await at.ask("GET", at.path(route[1]))
            if content(tmp_path) != before:
                wrong.append(route)
                before = content(tmp_path)
        assert wrong == []
