"""Where keys can be committed out of order, a page begins with what was late for the one before it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hitl_core.commands import ListRequests
from hitl_core.stores.sql.reading import inbox
from hitl_core.stores.sql.tables import View
from hitl_core.stores.sqlite import SqliteStore
from hitl_core.stores.sqlite.file import Location, SqliteLink, connect
from tests.core.stores.world import World


class Late(SqliteLink):
    """An engine on which the requests with these keys were committed after the page that was read before."""

    def __init__(self, connection: Any, *keys: int) -> None:
        super().__init__(connection)
        self.keys = keys

    def seen(self) -> str:
        return "1:1:"

    def unseen(self, name: str, seen: str) -> tuple[str, tuple[Any, ...]]:
        assert seen == "2:2:"
        return f"{name}.key IN ({', '.join('?' * len(self.keys))})", self.keys


@pytest.mark.parametrize(
    ("limit", "notices", "keys", "cursor"),
    [
        (3, False, [1, 2, 5], "5@1:1:"),
        (2, False, [1, 2], "4@1:1:"),
        (1, False, [1, 2], "4@1:1:"),
        (9, True, [1, 2, 5, 6], None),
    ],
)
async def test_late_ones_come_first_and_no_place_is_passed_over(
    tmp_path: Path, limit: int, notices: bool, keys: list[int], cursor: str | None
) -> None:
    store = await SqliteStore.open(tmp_path / "desk.db")
    _, requests = await World(store).paused(count=6)
    view = View(Late(connect(Location(tmp_path / "desk.db"), writes=False), 1, 2, 5))
    query = ListRequests(limit=limit, notices=notices, cursor="4@2:2:")
    page = inbox.list_requests(view, query)
    assert [each.request.id for each in page.items] == [requests[key - 1].id for key in keys]
    assert page.cursor == cursor
    await store.close()


async def test_a_cursor_of_another_engine_still_says_where(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "desk.db")
    _, requests = await World(store).paused(count=3)
    page = await store.fetch(ListRequests(cursor="1@700:702:700"))
    assert [each.request.id for each in page.items] == [each.id for each in requests[1:]]
    await store.close()
