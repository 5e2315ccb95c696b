"""Pages of the inbox while others are at work: what is committed late is on the next page, however it is cut."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from hitl_core.commands import ListRequests, PauseRun
from hitl_core.protocol import PauseRequest
from hitl_core.stores.postgres import PostgresStore
from hitl_core.stores.postgres.server import PostgresLink
from hitl_core.stores.sql.dispatch import COMMANDS
from hitl_core.stores.sql.tables import Transaction
from tests.core.stores.world import World

pytestmark = pytest.mark.postgres


@pytest.fixture
async def world(url: str, tmp_path: Path) -> Any:
    store = await PostgresStore.open(url, folder=tmp_path)
    yield World(store)
    await store.close()


@contextmanager
def opening(url: str, world: World, claimed: Any, count: int) -> Iterator[list[PauseRequest]]:
    """A run that pauses in a transaction of its own, which is committed at the end: its keys are taken now."""
    requests = [world.request(claimed, f"late#{number}") for number in range(count)]
    command = PauseRun(claimed.lease, {}, tuple(requests), world.now)
    with psycopg.connect(url) as connection:
        COMMANDS[PauseRun](Transaction(PostgresLink(connection)), command)
        yield requests


async def paged(world: World, pages: int, limit: int, cursor: str | None = None, **more: Any) -> tuple[list[str], Any]:
    shown: list[str] = []
    for _ in range(pages):
        page = await world.store.fetch(ListRequests(limit=limit, cursor=cursor, **more))
        shown += [each.request.id for each in page.items]
        cursor = page.cursor
        if cursor is None:
            break
    return shown, cursor


@pytest.mark.parametrize("more", [{}, {"notices": True}, {"roles": ("clerk",)}, {"awake": True}])
async def test_what_is_committed_after_a_later_one_is_on_the_next_page(
    url: str, world: World, more: dict[str, Any]
) -> None:
    late_run = await world.open()
    _, early = await world.paused(count=2)
    with opening(url, world, late_run, 1) as late:
        _, later = await world.paused(count=3)
        shown, cursor = await paged(world, 1, 4, **more)
        assert shown == [each.id for each in [*early, *later[:2]]]
    rest, cursor = await paged(world, 9, 4, cursor, **more)
    assert (rest, cursor) == ([late[0].id, later[2].id], None)


async def test_more_late_ones_than_a_page_holds_are_all_shown_once(url: str, world: World) -> None:
    first, second = await world.open(), await world.open()
    with ExitStack() as both:
        late = both.enter_context(opening(url, world, first, 5))
        with opening(url, world, second, 1) as sooner:
            _, later = await world.paused(count=4)
            shown, cursor = await paged(world, 1, 2)
        again, cursor = await paged(world, 1, 2, cursor)
        assert again == [sooner[0].id, later[2].id]
    rest, cursor = await paged(world, 9, 2, cursor)
    everything = [*shown, *again, *rest]
    assert len(everything) == len(set(everything))
    assert set(everything) == {each.id for each in [*late, *sooner, *later]}


async def test_what_is_decided_meanwhile_is_not_shown_again(url: str, world: World) -> None:
    late_run = await world.open()
    with opening(url, world, late_run, 2) as late:
        _, later = await world.paused(count=2)
        _, cursor = await paged(world, 1, 1)
    await world.answer(late[0].approve(by="ann"))
    rest, _ = await paged(world, 9, 1, cursor)
    assert rest == [late[1].id, later[1].id]
